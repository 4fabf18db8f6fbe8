// Package protocol holds the messages of Lectern's signaling protocol: their
// types, their limits, their JSON form and the words of its errors. It is the
// innermost package: it knows nothing of sockets, rooms or media, and imports
// nothing of Lectern.
//
// signaling/PROTOCOL.md describes the same messages for client authors, with
// an example each; a change to one is a change to both.
//
// A message a client sends is one of Join, Reconnect, Leave, State, Ping and
// the Signals Offer, Answer, ICECandidate and ReconnectWork. Decode is the only
// way in: what it returns is within every limit of this package, names are
// normal (Name), and what it refuses is an *Error that names the field at
// fault. A message the server sends implements Outgoing.
//
// Decisions:
//
//   - Session descriptions are taken apart and written anew, so that fields
//     nobody defined do not pass from one client to another. ICE candidates
//     pass as they came, because in them a missing member and a null one mean
//     different things to a browser (W3C WebRTC, RTCIceCandidateInit).
//   - An error carries its text in both languages; the connection, which knows
//     the client's language, chooses.
package protocol
