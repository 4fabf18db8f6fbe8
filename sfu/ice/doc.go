// Package ice finds out where a client is, and that the client wants to be sent
// to there. It is the server's side of ICE (RFC 8445) and of its consent
// (RFC 7675), as a state machine: an Agent takes what came and the time, and
// returns what is to be sent. It has no goroutine, no timer and no socket.
//
// The server answers, and never calls first. An address that a description or a
// candidate names gets nothing: anybody can name the address of anybody. The
// server's candidates are in its description, so the client checks them, and the
// first request with the server's password shows one of the client's addresses.
// The server then checks that address. Clients need not know of this: to them the
// server is an agent whose own checks come a little late.
//
// # What proves an address
//
// A source address can be forged, and a client has a valid password. So a request
// proves nothing, and neither does an answer that the server sent. An address is
// proved when an answer to one of the server's checks came from it: the transaction
// id of a check is random, and only a host that receives at the address knows it.
// Media and DTLS of an address count, and go there, once it is proved.
//
// # What an address gets before it is proved
//
//   - one answer for each valid request, which is no longer than the request,
//   - a few checks (checkTries), further and further apart,
//   - and never more than twice the bytes that came from it.
//
// A Budget bounds the checks that are not answered: those of one connection, also
// over its ICE restarts, those to one address, and all of a server's. The first few of
// a connection do not need the server's, so that no client keeps another one out. An
// address that no client of this server can have, or the server's own, gets nothing
// at all (see Addresses).
//
// # What an address gets afterwards
//
// One check each keepalive interval at the address in use, for consent: only an
// answer to a check is a sign of life. When the address in use is silent and
// another proved one is not, the latter is used.
package ice
