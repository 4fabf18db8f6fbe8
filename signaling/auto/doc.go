// Package auto is a plane made of two others. A room begins on the relay, peer
// to peer; when a mesh would no longer serve it, the members are taken over to
// a server while they talk, and nobody notices; when it has become small, it
// may go back. It is a state machine: it has no goroutine, and no clock but
// Tick. It knows neither pion nor the SFU, only that there is a Server.
//
//	            a reason, nothing to wait for
//	  P2P ------------------------------------> both planes --+ pair by pair
//	relay only <---------------------------- (to SFU: promote)<+
//	   ^    |     nothing was moved yet           |       |
//	   |    |                                     |       | cut: every pair
//	   |    |     giveUp: a client answers        |       v has moved
//	   |    +---- no check: both planes <---------+   server only
//	   |          (retreat, pair by pair)                SFU
//	cutBack: the mesh is up                               |
//	   +---- both planes <--------------------------------+
//	         (to P2P: goBack)   small for long, or asked for
//	              |                                       ^
//	              +---------------------------------------+
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
// The change is make before break, pair by pair (pair.go). The server gets all
// members, in the order in which they came. A member that comes meanwhile is
// the server's only, and so is the one whose coming is the reason: if all goes
// well, it never sees the mesh, and its connectors are the ones that the
// others' cameras come over first. Two members whom the mesh connects are kept
// apart on the server until what both send has come there, and until neither of
// them is in another pair that moves. When everything of both flows, the
// connectors of that pair end, at both ends. So a member sends at most one
// picture more than the mesh and the server's one, and no existing client shows
// a member twice: while it has one connector too many, its list is held.
// When every pair has moved, the cut is made: the clients are told the mode.
//
// A change is given up when no client answers a check of the server for 15 s,
// or when a connection of a member failed twice and none of its checks was
// answered; how long anything takes is no reason. A connection that came about
// and then failed has its pair rest on the mesh for 5 s. A change that is given
// up is taken back pair by pair, too: what only the server carries stays there
// until the mesh carries it. Hosts are told that UDP may be blocked; the members
// are not told of errors that are none.
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
//   - While there is a server, everybody is attached to it, but for members who
//     come while a change is taken back.
//   - Two members that the mesh connects lose it when the server carries them in
//     both directions, and not before; when a change is taken back they lose the
//     server when the mesh connects them. So they have one way or two, and two
//     only while they are the pair that moves.
//   - A member is in one pair that moves, and in another one only when the first
//     has moved for more than 2 s.
//   - A plane that has ended says nothing any more, and its connectors are
//     ended at the clients: those that a client has named at once, the others
//     when it names them.
//   - A member of whom the room was told that it sends is one that the server sees.
//     When the server ends, the room is told otherwise.
//   - A signal goes to one plane. What is said to a plane that has ended is no
//     mistake of the sender's.
//   - A line of chat that reaches the server reaches every existing client. It
//     comes twice only if it was said while the room went back, or in the few
//     milliseconds in which the news that a pair's connectors end travels
//     (chat.go has the argument).
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
//   - No pair waits for a newcomer. The end of the change waits 2 s for one that
//     has not answered yet: a person who is asked for the camera may take
//     minutes, and has nothing to lose. It waits for one that has answered, and
//     whom the server may not reach: the mesh may.
//   - All pairs at once were tried: every existing client showed every member
//     twice, for 0.6 to 1.9 s with five members on two cores, and every machine
//     sent two full meshes when it could least afford it.
//   - An existing client shows its list 100 ms after the last thing that happened
//     to a connector. So it is told every 25 ms that a connector has no more
//     candidates, which is nothing new, until its old connector has ended; for
//     5 s at most, as it does not see others come and go meanwhile.
//   - Who listens is not waited for, and its failure is no reason to stay: in a
//     lecture somebody always comes, and somebody always sits behind a firewall.
//   - A newcomer in a room that is P2P although it has a reason for more joins
//     the mesh, whatever its size. It is better than no call.
//   - Re-homing a connection in place (ICE restart towards the server) was
//     measured, too: it keeps the tile's element, but has gaps of 230 to 270 ms and
//     freezes Firefox. Held lists show no tile too many either.
package auto
