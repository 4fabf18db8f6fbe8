// Package room holds the rules of a room, the loop that runs one, and the hub
// that finds them. It does no I/O: it knows nothing of sockets, HTTP, pion or
// the clock.
//
//	conn ──Enter/Handle/Gone──► Loop (one goroutine) ──► Room ──► media.Plane
//	conn ◄──────Outbox.Put───── Loop ◄────Drain───────── Room ◄─── Drain/Ready
//
// Room is a state machine: a call brings the time and what happened, Drain
// gives what is to be sent, Deadline says when Tick wants to be called. Loop
// is the shell around one Room: it owns it, reads the clock, and is the only
// one to touch it. Hub maps names to loops.
//
// Invariants:
//
//   - A member's id is the id of the socket it joined with and never changes.
//     Members are addressed, never sockets: Room looks up a member's present
//     socket when a message leaves it.
//   - A socket is the present one of at most one member of a room. What is
//     said of any other socket (a late disconnect, a late message) changes
//     nothing.
//   - A user name stands once in a room.
//   - A room waits for nobody. Sockets may wait for a room: Enter and Handle
//     return when the room has dealt with the message, which is also what
//     keeps one client from filling the room's inbox.
//   - An empty room is gone at once.
//
// Queues and what happens when they are full: a member without a socket has
// its messages kept (maxAway, maxAwayBytes), after that it has left; a
// member's Outbox that is full means that its socket is closed and its grace
// period runs; the inbox holds one request per socket, which then waits.
//
// Decisions:
//
//   - The requests are synchronous. One more switch of goroutines per message
//     buys back-pressure, errors where the message was read, and no queue to
//     bound. Signaling is tens of messages a second in a room.
//   - What an absent member misses is kept and delivered, but for getOffer:
//     the plane finds out on the member's return who has no connection to it,
//     which also mends a getOffer lost on a dying socket.
package room
