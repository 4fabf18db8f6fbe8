// Package socketio is Socket.IO, protocol 5, the server's side, for the clients
// that exist: events and acknowledgements as JSON text over package engine. It
// knows nothing of rooms and of what the events mean.
//
// The source of its rules is docs/socket.io-protocol/v5-current.md in the
// socketio/socket.io repository. Refused on purpose: binary, which no client of
// this protocol sends. Acknowledgements are asked for by the client only.
//
// Kicking and closing differ. A client that gets the DISCONNECT packet stays
// away (its "io server disconnect"); one whose connection just ends comes back
// by itself.
//
// A client has no goroutine of its own here: engine's reader runs it.
package socketio
