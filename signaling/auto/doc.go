// Package auto is a plane made of two others. A room begins on the relay, peer
// to peer; when a mesh would no longer serve it, the members are taken over to
// a server while they talk, and nobody notices; when it has become small, it
// may go back. It is a state machine: it has no goroutine, and no clock but
// Tick. It knows neither pion nor the SFU, only that there is a Server.
//
//	            a reason, nothing to wait for
//	  P2P ------------------------------------> both planes
//	relay only <---------------------------- (to SFU: promote)
//	   ^    |        giveUp: it fails               |
//	   |    |                                       | cut: the server
//	   |    +- - - - - - - - - - - - - - - - +      v carries everybody
//	cutBack: the mesh is up               server only
//	   |                                     SFU
//	   +---- both planes <--------------------------+
//	         (to P2P: goBack)   small for long, or asked for
//	              |                                 ^
//	              +---------------------------------+
//	                 stay: it fails, or a reason
//
// # Rules
//
// A room goes to SFU mode when it has more members than Config.MaxP2P, when
// somebody listens, when two existing clients on Firefox are in it, when a
// member's uplink has been saturated for 3 s, when a connection between two
// members has failed for 2 s, or when a host asks. It waits while a member's
// socket is gone, for files that are on their way, at most 30 s, and for the
// next try after one that failed: 30 s, doubling to 10 min.
//
// The change is make before break. The server gets all members, in the order
// in which they came. Who comes meanwhile is the server's only, and so is the
// one whose coming is the reason: if all goes well, it never sees the mesh.
// When the server carries everybody, and has the screens that are shared, the
// cut is made: the hosts' clients are told the mode, then every connector of
// the mesh ends, at both ends. If the server does not carry everything for 12 s
// in all, or cannot carry a member, or the change takes 42 s for whatever
// reason, every connector of the server ends instead, and the relay connects
// who is new. Hosts are told why; the members are not told of
// errors that are none.
//
// A room goes back when a host asks, or when for Config.Return it has had at
// most two members, all on stage and with clients that say when a connector is
// up. It is the same the other way round; newcomers are in both planes.
//
// # Invariants
//
//   - There are two planes exactly while a change is under way. Every member is
//     attached to one or both; without a change all are attached to the only
//     one.
//   - While there is a server, everybody is attached to it.
//   - A plane that has ended says nothing any more, and its connectors are
//     ended at the clients: those that a client has named at once, the others
//     when it names them.
//   - A signal goes to one plane. What is said to a plane that has ended is no
//     mistake of the sender's.
//   - A line of chat that reaches the server reaches every existing client. It
//     comes twice only if it was said while the room went back, or before its
//     page had heard of a cut.
//
// # Bounds
//
// 1,024 connectors that may have ended, 8,192 unanswered getOffers of each
// plane. A change that is under way looks at every member 40 times a second; a
// room that is not changing looks at nobody if it is in SFU mode and has more
// than two members.
//
// # Decisions
//
//   - What happens is noted, what follows from it is decided in Tick. So all
//     rules of time stand in one place, and no method needs to know the time.
//     Only Attach begins a change itself, because the member's first message
//     tells its mode.
//   - Mode is SFU as soon as there is a server. During a change members of the
//     mesh could be said to be in either; this way a capable client that says a
//     line over the mesh and by event is not refused, who has just come hears
//     it, and Say sees to it that nobody hears it twice. The price: who comes
//     or comes back in the middle of an attempt that fails has to be told.
//   - How a plane tells a member that its connectors ended is by the contract
//     nobody's duty: Detach tells the others. So auto asks the plane for every
//     member's connectors (Return lists them), says leave for each, and throws
//     away what else the plane would have said.
//   - The cut does not wait for a newcomer that has not answered yet: a person
//     who is asked for the camera may take minutes, and has nothing to lose. It
//     does wait for one that has answered, and whom the server may not reach.
//   - Who listens is not waited for, and its failure is no reason to stay: in a
//     lecture somebody always comes, and somebody always sits behind a firewall.
//   - A newcomer in a room that is P2P although it has a reason for more joins
//     the mesh, whatever its size. It is better than no call.
//   - Re-homing a connection in place (ICE restart towards the server) was
//     measured, too: it keeps the tile's element, but has gaps three times as
//     long and freezes Firefox.
package auto
