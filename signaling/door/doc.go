// Package door decides which connections a server holds, before a client has
// said anything on them. Descriptors are what the process runs out of first,
// and a client that never speaks holds one as well as a member does.
//
// A connection has one of three standings:
//
//   - idle: kept alive between two requests. It costs the client a handshake to
//     lose it.
//   - working: its first request has not come whole, a request is being
//     answered, or it is a WebSocket of a client that is in no room.
//   - kept: it carries a member. The door never ends it.
//
// The number of connections is bounded in all and for each address (for each
// /64 of IPv6, which is what one customer has). At a bound a newcomer takes the
// place of another one: of the address that is at its bound, or else of the
// address with the most connections that are not kept; there the idle go first,
// then the oldest. So a script that opens connections ends its own, and a new
// member gets in. Only where every connection is kept is the newcomer refused.
//
// A proxy in front of the server is one address for all its clients. Handler
// counts the connection of a trusted proxy for the client that the proxy names.
//
// The package knows nothing of what the connections carry.
package door
