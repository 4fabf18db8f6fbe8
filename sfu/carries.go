package sfu

import (
	"slices"
	"time"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// Knows reports whether a signal is about a connector of this plane, or answers
// a getOffer of its. A room that changes its mode asks both its planes.
func (p *Plane) Knows(from protocol.MemberID, s protocol.Signal) bool {
	m := p.members[from]
	if m == nil {
		return false
	}
	switch msg := s.(type) {
	case *protocol.Offer:
		return msg.StreamType == protocol.StreamUser && p.asks[ask{from, msg.Member}] > 0 || msg.Member == protocol.ServerMember
	case *protocol.Answer:
		return p.knows(m, msg.Remote)
	case *protocol.ICECandidate:
		return p.knows(m, msg.Remote)
	case *protocol.ReconnectWork:
		return m.own(msg.Connector) != nil
	}
	return false
}

func (p *Plane) knows(m *member, id protocol.ConnectorID) bool {
	c := p.connectors[id]
	return c != nil && c.member == m || slices.Contains(p.ended, id)
}

// Carries reports whether all that is wanted of a member flows: its connectors
// are connected and agreed on, what its client sends has come, and what it is
// to receive has begun.
func (p *Plane) Carries(id protocol.MemberID) bool {
	m := p.members[id]
	if m == nil || p.asked(id) {
		return false
	}
	p.queue.run()
	for _, c := range m.connectors {
		if !c.settled() || !c.delivers() {
			return false
		}
	}
	for _, other := range p.stage {
		if other != m && !p.isApart(m, other) && !m.sees(other.user) {
			return false
		}
	}
	return !m.stage || len(p.order) == 1 || m.sends()
}

// settled reports whether the connector is up and nothing is to be agreed on.
func (c *connector) settled() bool {
	channel := c.open || c.isDownlink()
	return c.connected && channel && c.answered && c.pending == nowhere && !c.dirty
}

// delivers reports whether everything that the connector plays has begun.
func (c *connector) delivers() bool {
	for _, s := range c.sections {
		if s.playing == nil || s.begun || s.playing.hidden && s.kind == description.Video {
			continue
		}
		if _, came := s.playing.track.Codec(); came {
			return false
		}
	}
	return true
}

// sees reports whether the client has a connector for a publication.
func (m *member) sees(pub *publication) bool {
	return slices.ContainsFunc(m.connectors, func(c *connector) bool { return c.carries(pub) })
}

// quietTime is how long a connected client may keep silent on a track it said
// it sends, before that counts as all there is: a camera can hang.
const quietTime = 3 * time.Second

// sends reports whether what the client said it sends has come.
func (m *member) sends() bool {
	if m.user.uplink == nil {
		return false
	}
	if time.Since(m.user.uplink.connectedAt) > quietTime {
		return true
	}
	for _, k := range []codec.Kind{codec.Audio, codec.Video} {
		if _, came := m.user.tracks[k].Codec(); m.user.active[k] && !came {
			return false
		}
	}
	return true
}

// began is called by the link when something of what a section plays was sent.
func (c *connector) began(mid string) {
	c.later(func() {
		for _, s := range c.sections {
			if s.mid == mid && s.playing != nil {
				s.begun = true
			}
		}
	})
}

// Report changes nothing: the server sees its connections itself.
func (p *Plane) Report(protocol.MemberID, *protocol.Report) {}

// Away changes nothing: the connections of a member whose socket is gone may
// be in the best of health.
func (p *Plane) Away(protocol.MemberID) {}

// Mode is SFU.
func (p *Plane) Mode(protocol.MemberID) protocol.Mode { return protocol.ModeSFU }

// SetMode refuses what the plane is not.
func (p *Plane) SetMode(m protocol.Mode) error {
	if m == protocol.ModeSFU {
		return nil
	}
	return protocol.NewError(protocol.ErrMode)
}

// Tick has nothing to do: what waits for the clock works in the background.
func (p *Plane) Tick(time.Time) {}

// Deadline is never.
func (p *Plane) Deadline() time.Time { return time.Time{} }
