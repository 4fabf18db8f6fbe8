// Package media is the contract between a room and what carries its media. It
// knows neither: a room holds a Plane and does not know which one, a plane
// serves a room and knows nothing of names, sockets or grace periods.
//
// There are two planes: signaling/p2p hands each signal to the member it
// names; the SFU plane plays every remote member towards each client. A room
// changes its mode by changing its plane.
//
// Decisions:
//
//   - Queue and drain instead of callbacks. A plane that works in the
//     background calls back on goroutines of its own; a room that took calls
//     from them, while it waits in Close for those goroutines, would wait for
//     ever. So a plane queues what it has to say, makes Ready readable, and
//     the room takes the queue when it suits it.
//   - Connectors belong to the plane, with both their ids, not to the room: in
//     P2P mode the other end of a connector is a member's, in SFU mode it is
//     the server's own, and only the plane knows when a member has to be told
//     that one ended.
//   - A plane is not told when a member's socket drops, only when it returns.
//     The room keeps what is for an absent member; what it cannot keep (a
//     getOffer, which ages badly) Return makes good.
package media

import "lectern/signaling/protocol"

// Plane carries the media of one room. Its methods are called by one goroutine
// only, the room's, and none of them blocks.
type Plane interface {
	// Attach adds a member. The members who are there already may have to be
	// asked for offers, or the member be sent some.
	Attach(id protocol.MemberID, capabilities []string)

	// Signal takes a message from a member. An error is a *protocol.Error
	// and is the sender's fault; nothing was changed then.
	Signal(from protocol.MemberID, s protocol.Signal) error

	// Return says that a member is back on a new socket, and gives the
	// member's own connectors that are still alive, oldest first.
	Return(id protocol.MemberID, how Return) []protocol.ConnectorRef

	// Detach removes a member and ends its connectors. named are the other
	// ends the member itself listed; they add to what the plane knows.
	Detach(id protocol.MemberID, named []protocol.LeaveItem)

	// Ready is readable when Drain has something that came up in the
	// background. It is nil if the plane never works there.
	Ready() <-chan struct{}

	// Drain gives what came up since the last Drain, in order. The room calls
	// it after every other call and whenever Ready is readable.
	Drain() []Event

	// Close ends everything. It returns when the plane's goroutines have
	// ended; nothing else is called after it.
	Close() error
}

// Return says what happened to a member's transport while it was away.
type Return struct {
	// Moved: the client's address changed, so its media transports are
	// likely dead and need new candidates.
	Moved bool
	// Lossy: the old socket did not end in an orderly way, so the last
	// messages to it may not have arrived.
	Lossy bool
}

// Event is a message for one member.
type Event struct {
	To  protocol.MemberID
	Msg protocol.Outgoing
}
