// Package media is the contract between a room and what carries its media. It
// knows neither: a room holds a Plane and does not know which one, a plane
// serves a room and knows nothing of names, sockets or grace periods.
//
// There are two planes: signaling/p2p hands each signal to the member it
// names; the SFU plane plays every remote member towards each client. A third
// one, signaling/auto, is made of these two and changes from one to the other
// while people talk.
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
//   - The room sends again what a member may not have got, so a plane says
//     everything once. What ages badly, a getOffer, Return makes good.
//   - Chat that goes over data channels in SFU mode ends at the plane, but is
//     the room's business: the plane hands it up (Said) and is told to whom it
//     goes (Say).
package media

import (
	"net/netip"
	"time"

	"lectern/signaling/protocol"
)

// Plane carries the media of one room. Its methods are called by one goroutine
// only, the room's, and none of them blocks.
type Plane interface {
	// Attach adds a member. The members who are there already may have to be
	// asked for offers, or the member be sent some.
	Attach(id protocol.MemberID, p Profile)

	// SetStage has a member publish from now on, or no longer. Said again of a
	// listener it ends what its client sends all the same (Event.Sends). In P2P
	// mode it means nothing: there everybody publishes.
	SetStage(id protocol.MemberID, onStage bool)

	// Signal takes a message from a member. An error is a *protocol.Error
	// and is the sender's fault; nothing was changed then.
	Signal(from protocol.MemberID, s protocol.Signal) error

	// View takes in whose pictures a member does not show. What it names may
	// be unknown or gone.
	View(id protocol.MemberID, hidden []protocol.StreamRef)

	// Report takes in what a member's client sees of its media.
	Report(id protocol.MemberID, r *protocol.Report)

	// Say delivers a line of chat to a member whose client takes chat over its
	// data channels (not Profile.Events). In P2P mode it does nothing: there
	// clients say it to each other.
	Say(to protocol.MemberID, line *protocol.ChatLine)

	// Away says that a member's socket is gone and its grace period runs.
	Away(id protocol.MemberID)

	// Return says that a member is back on a new socket, and gives the
	// member's own connectors that are still alive, oldest first.
	Return(id protocol.MemberID, how Return) []protocol.ConnectorRef

	// Detach removes a member and ends its connectors. named are the other
	// ends the member itself listed; they add to what the plane knows.
	Detach(id protocol.MemberID, named []protocol.LeaveItem)

	// Mode is what a member's media goes by at present. During a change of
	// mode it may differ from member to member. Of a stranger it is what the
	// next one to come would get.
	Mode(id protocol.MemberID) protocol.Mode

	// SetMode asks for a change of mode. An error is a *protocol.Error
	// (ErrMode): the plane cannot be anything else. Otherwise the change has
	// begun, or there is none to make; Drain tells what becomes of it.
	SetMode(m protocol.Mode) error

	// Tick does what is due; it may be called at any time. Deadline is when
	// it is due next, zero if nothing waits for the clock. The room calls Tick
	// before every Drain.
	Tick(now time.Time)
	Deadline() time.Time

	// Ready is readable when Drain has something that came up in the
	// background. It is nil if the plane never works there. It may be another
	// one after any call, so it is asked for anew each time.
	Ready() <-chan struct{}

	// Drain gives what came up since the last Drain, in order. The room calls
	// it after every other call and whenever Ready is readable.
	Drain() []Event

	// Close ends everything. It returns when the plane's goroutines have
	// ended; nothing else is called after it.
	Close() error
}

// Profile is what a plane has to know of a member.
type Profile struct {
	Stage    bool // it publishes, and the others see it
	Events   bool // its client is told chat by event
	Downlink bool // in SFU mode its client takes one connector for everything
	// Shares: it is known to share a screen. A client offers that only when it
	// is asked for an offer.
	Shares bool
	// Address is the one from which the server knows the client; not valid: it
	// does not know.
	Address netip.Addr
}

// Return says what happened to a member's transport while it was away.
type Return struct {
	// Moved: the client's address changed, so its media transports are
	// likely dead and need new candidates.
	Moved bool
	// Address is the client's now, if it may be another one; not valid: it is the
	// same.
	Address netip.Addr
}

// Event is one thing that came up. Exactly one of Msg, Err, Said, Sends, Lost,
// Moved and Stays is set.
type Event struct {
	To  protocol.MemberID
	Msg protocol.Outgoing // for To
	Err *protocol.Error   // for To, in the language of its client

	Said  *Said           // a member said something over a data channel
	Sends *Sends          // an existing client began to send, or ended it
	Lost  *Lost           // a member's media cannot be carried
	Moved protocol.Mode   // the room's mode is this one from now on
	Stays *protocol.Error // a change of mode failed, and why; for the hosts
}

// Said is a line of chat that came over a data channel in SFU mode. The same
// line comes once, however many channels the client said it on.
type Said struct {
	From     protocol.MemberID
	ID, Text string
	Clock    string // as in protocol.Say
}

// Sends says that a client that takes chat over its data channels (not
// Profile.Events), and so says of itself nothing, began or ended to send camera,
// microphone or screen. Of a listener it may mean that it would. The first event
// of a member says what its client does at all. In P2P mode none comes.
type Sends struct {
	Member protocol.MemberID
	Sends  bool
}

// Lost says that a connector of a member could not be connected, or failed for
// good. The member itself was told.
type Lost struct {
	Member protocol.MemberID
	Why    string // for the log
	Silent bool   // its client was never reached over UDP: no check was answered
}
