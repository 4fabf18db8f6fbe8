package p2p

import (
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// SetStage changes nothing: in a mesh everybody publishes.
func (p *Plane) SetStage(protocol.MemberID, bool) {}

// View changes nothing: what a member is sent is the sender's business.
func (p *Plane) View(protocol.MemberID, []protocol.StreamRef) {}

// Say does nothing: members say it to each other.
func (p *Plane) Say(protocol.MemberID, *protocol.ChatLine) {}

// Away changes nothing: the connections of a member whose socket is gone may
// be in the best of health.
func (p *Plane) Away(protocol.MemberID) {}

// Mode is P2P.
func (p *Plane) Mode(protocol.MemberID) protocol.Mode { return protocol.ModeP2P }

// SetMode refuses what the relay is not.
func (p *Plane) SetMode(m protocol.Mode) error {
	if m == protocol.ModeP2P {
		return nil
	}
	return protocol.NewError(protocol.ErrMode)
}

// Tick has nothing to do.
func (p *Plane) Tick(time.Time) {}

// Deadline is never.
func (p *Plane) Deadline() time.Time { return time.Time{} }

// Ready is nil: the relay never works in the background.
func (p *Plane) Ready() <-chan struct{} { return nil }

// Drain gives what is to be sent since the last call.
func (p *Plane) Drain() []media.Event {
	out := p.out
	p.out = nil
	return out
}

// Close has nothing to end.
func (p *Plane) Close() error { return nil }
