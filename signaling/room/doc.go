// Package room holds the rules of a room, the loop that runs one, and the hub
// that finds them. It does no I/O: it knows nothing of sockets, HTTP, pion or
// the clock.
//
//	conn ──Enter/Handle/Gone──► Loop (one goroutine) ──► Room ──► media.Plane
//	conn ◄──────Outbox.Put───── Loop ◄────Drain───────── Room ◄─── Drain/Ready
//	 API ──Rooms/SetRole/…──► Hub ──► Loop
//
// Room is a state machine: a call brings the time and what happened, Drain
// gives what is to be sent, Deadline says when Tick wants to be called. Loop
// is the shell around one Room: it owns it, reads the clock, and is the only
// one to touch it. Hub maps names to loops.
//
// # Who may what
//
// Hosts and presenters are on stage, the audience listens (PROTOCOL.md section
// 5.1). What a role may do is decided in one place, Room.act; that a role can
// be had, in Room.giveRole; what a newcomer becomes, in Room.grantFor; who is
// host, in Room.rightful; which members yield the stage and come
// back, in Room.tendStage.
//
//   - There is one host at most. It is a member on stage that can act, where
//     there is one: a capable client that is present, or away for a moment. Of
//     several it is the one with the first claim. A member has a claim from
//     when it becomes host until it gives the role away; it keeps it while it
//     is gone (seat), so it is host again when it comes back. A claim by token
//     or by a host's word goes before one by chance.
//   - A listener becomes host only in a room that lost its host and has no
//     member on stage, and not while a host that vanished may come back.
//   - Where the policy wants a token for hosts no member becomes host by
//     chance: the room can be without one. A host there may still hand over.
//   - A client proves which member it is or was by what only it knows (proof).
//     A lock, a name and a host's place are matters of proof, never of chance.
//     A client that was put out stays out by the same proof.
//   - The stage is full at Policy.Stage members, absent ones included, also
//     while an auto room is still P2P. A host with a token gets on it all the
//     same: it could not make room from outside.
//   - In a room in SFU mode that has outgrown its stage an old client that sends
//     nothing yields its place, to whoever comes on stage at once, else when it has
//     been silent for silentTime. It comes back when it sends, or when the room is
//     small again. All of that is in yield.go. What a host or a token said of a
//     member goes before it.
//   - A wish for a role that cannot be granted is not refused, it is not
//     granted; a token that proves nothing is refused.
//   - A lock needs a host to end it, so it ends when there is none and none is
//     waited for.
//
// # What the others hear
//
// The audience is many, so nothing about it is said to it, and what is said to
// it is said seldom. There are two waves, one to the stage and one to the
// audience. A member on stage that came, went or changed is marked in both; a
// wave tells what has become of it by then. So:
//
//   - who came and went between two waves is not mentioned, unless joined
//     listed it to somebody meanwhile (member.known);
//   - who moves between stage and audience is told at once what its old wave
//     still had to tell it (Room.catchUp);
//   - after all waves everybody knows what a newcomer's joined would say. A
//     test plays random rooms and compares.
//
// Waves to the stage and hands go out five times a second at most, waves to
// the audience once, counts of the audience once in two seconds, each at once
// if the last is long enough ago.
//
// # Invariants
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
//   - An empty room is gone at once. One that was created leaves its policy
//     with the hub; one that was closed is off the hub's map before the
//     sockets of its members have ended, so nobody gets into it any more.
//
// # Bounds
//
// What has a bound, and what happens there: what a member may not have got yet
// is kept up to maxKept bytes, and a member that may have missed more starts
// afresh when it comes back; a member's Outbox that is full means that its
// socket is closed and its grace period runs; the inbox holds one request per socket, which then waits. A member
// says lineRate lines of chat a second, a host does actRate things; what is
// over is refused. Members that are gone are remembered (maxSeats, for
// Settings.Remember), and those put out (maxRemoved), while the room lives; of
// one address so many may join (Settings.JoinsPerAddress). The history has protocol.MaxHistory lines and
// maxHistoryBytes, of a member the last maxSaid ids of lines are remembered,
// hosts are listed maxHands hands, the hub keeps maxCreated policies. A
// listener that comes or goes costs the same whether ten listen or a thousand
// (BenchmarkAudienceJoin).
//
// # Decisions
//
//   - The requests are synchronous. One more switch of goroutines per message
//     buys back-pressure, errors where the message was read, and no queue to
//     bound. Signaling is tens of messages a second in a room.
//   - The end of a socket acknowledges nothing, however orderly: a network
//     that was away can deliver the client's goodbye and not what was written
//     before. So what was sent to a member is kept until the client says that
//     it came (PROTOCOL.md section 5.5) or, if it cannot say so, for as long as
//     a socket can be dead without anybody noticing, and is sent again on the
//     member's return (post.go). Not kept is what joined tells anyhow, and
//     getOffer: the plane finds out on the return who has no connection.
//   - A member that may have missed more is not told a part of it. It starts
//     afresh: its client closes its connectors, the plane makes new ones.
//   - A member is attached to the plane before it is welcomed, so that joined
//     names the mode the plane gives this member. What the plane then has to
//     say to it comes after joined.
//   - Errors that come up later (Outbound.Err) are put into words by the
//     connection, which knows the client's language.
//   - A token is no JWT: there is one issuer, one reader and one algorithm,
//     and none to negotiate.
package room
