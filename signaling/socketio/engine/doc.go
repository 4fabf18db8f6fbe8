// Package engine is Engine.IO, protocol 4, the server's side: sessions over
// HTTP long-polling and WebSocket, the upgrade from one to the other, and the
// heartbeat. It knows nothing of Socket.IO, of rooms, or of what the messages
// mean.
//
// The source of its rules is docs/engine.io-protocol/v4-current.md in the
// socketio/socket.io repository, and where that is silent what the reference
// server does. It differs on purpose: binary is refused, and a close packet on
// a WebSocket closes it at once.
//
// A session that polls has no goroutine. One on WebSocket has one, its reader.
// A second one writes, and lives only while there is something to write. The
// heartbeat is a timer. When a session ends, a short-lived goroutine tells the
// Receiver, because who ends a session may be inside a call of it.
//
// The outbound queue is bounded in bytes (Options.MaxQueued): over it Send
// reports false and the owner closes the session.
package engine
