// Package conn is one client's connection between its framing and its room: it
// decodes what the client sends, limits how much of it there may be, knows
// which room the client sits in, and says what was wrong. It knows nothing of
// how the bytes travel (signaling/socketio, signaling/wsjson) and nothing of
// what a room does with a message.
//
//	socket's reader goroutine ──Event──► Conn ──Enter/Handle──► room
//	room's goroutine ──Put──► Conn ──Send──► socket's bounded queue
//
// Invariants:
//
//   - Event and Closed are called by one goroutine, the socket's reader, and
//     wait for the room: that is the back-pressure on a client.
//   - Put, Close, Kick and Probe only hand on to the socket and never block.
//   - What a client does wrong is answered with an error event and otherwise
//     changes nothing; the connection stays, unless it goes on flooding.
//
// Decisions:
//
//   - A connection has no goroutine of its own, and no queue: the socket has
//     both already, and ten thousand idle clients should cost little.
//   - The first signals of a new socket are held for holdTime. The official
//     Socket.IO client sends what it kept during an interruption before it
//     says who it is; an answer among it would otherwise be refused, and its
//     connector lost.
package conn
