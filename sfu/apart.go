package sfu

import (
	"maps"
	"slices"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// A room that changes its mode takes its members over two by two
// (signaling/auto). Until then two of them are kept apart: each is in the room,
// and neither is shown to the other.

// sight is that one member sees another.
type sight struct{ at, of protocol.MemberID }

// Apart keeps two members from being shown each other. What they see of each
// other is ended. It may be said of a member before it is attached.
func (p *Plane) Apart(a, b protocol.MemberID) {
	p.queue.run()
	for _, s := range []sight{{a, b}, {b, a}} {
		p.apart[s] = true
		if at, of := p.members[s.at], p.members[s.of]; at != nil && of != nil {
			p.unshow(at, of)
		}
	}
}

// unshow ends what a member sees of another one.
func (p *Plane) unshow(at, of *member) {
	at.stopReceiving(of.user)
	if of.display != nil {
		at.stopReceiving(of.display)
	}
	for _, c := range slices.Clone(at.connectors) {
		if c.plays == of.id && !c.carriesDisplay() {
			p.end(c)
			p.tellGone(c)
		}
	}
}

// Show has a member see another one from whom it was kept apart.
func (p *Plane) Show(at, of protocol.MemberID) {
	p.queue.run()
	if !p.apart[sight{at, of}] {
		return
	}
	delete(p.apart, sight{at, of})
	viewer, other := p.members[at], p.members[of]
	if viewer != nil && other != nil && other.stage {
		p.showDisplay(viewer, other)
		p.show(viewer, other)
	}
}

func (p *Plane) isApart(at, of *member) bool {
	return len(p.apart) > 0 && p.apart[sight{at.id, of.id}]
}

// isApartFromAny reports whether a member does not see another one, or is not
// seen.
func (p *Plane) isApartFromAny(m *member) bool {
	for s := range p.apart {
		if s.at == m.id || s.of == m.id {
			return true
		}
	}
	return false
}

// reunite forgets what is known of a member that is gone.
func (p *Plane) reunite(id protocol.MemberID) {
	maps.DeleteFunc(p.apart, func(s sight, _ bool) bool { return s.at == id || s.of == id })
}

// HasUplink reports whether a member has a connector, or was asked for one, that
// its camera and microphone come over.
func (p *Plane) HasUplink(id protocol.MemberID) bool {
	m := p.members[id]
	return m != nil && (m.user.uplink != nil || p.asked(id))
}

// Flows reports whether what a member's client says it sends has come. Of one
// in the audience there is nothing to come.
func (p *Plane) Flows(id protocol.MemberID) bool {
	p.queue.run()
	m := p.members[id]
	switch {
	case m == nil:
		return false
	case !m.stage:
		return true
	}
	uplink := m.user.uplink
	return uplink != nil && uplink.answered && uplink.connected && m.sends()
}

// Plays reports whether everything that a member is to have of another one
// flows: their connectors are up, and what the other one sends has begun.
func (p *Plane) Plays(at, of protocol.MemberID) bool {
	p.queue.run()
	viewer, other := p.members[at], p.members[of]
	if viewer == nil || other == nil || p.isApart(viewer, other) {
		return false
	}
	return !other.stage || viewer.plays(other.user) && (other.display == nil || viewer.plays(other.display))
}

func (m *member) plays(pub *publication) bool {
	return slices.ContainsFunc(m.connectors, func(c *connector) bool { return c.carries(pub) && c.playsAll(pub) })
}

// playsAll reports whether all that is sent of a publication has begun here.
// What its client only says it sends is waited for by Flows.
func (c *connector) playsAll(pub *publication) bool {
	if !c.connected || !c.answered || !c.open && !c.isDownlink() {
		return false
	}
	for k, active := range pub.active {
		kind := codec.Kind(k)
		if _, came := pub.tracks[kind].Codec(); active && came && !c.hasBegun(pub, description.KindOf(kind)) {
			return false
		}
	}
	return true
}

func (c *connector) hasBegun(pub *publication, k description.Kind) bool {
	return slices.ContainsFunc(c.sections, func(s *section) bool {
		return s.source == pub && s.kind == k && s.playing != nil && (s.begun || s.playing.hidden && k == description.Video)
	})
}

// Reached reports whether a member's client was reached over UDP, by any
// connector it has now. tried is whether one could have been: the client has
// the server's addresses.
func (p *Plane) Reached(id protocol.MemberID) (reached, tried bool) {
	m := p.members[id]
	if m == nil {
		return false, false
	}
	for _, c := range m.connectors {
		if c.answered {
			tried = true
			reached = reached || c.reached()
		}
	}
	return reached, tried
}

// reached reports whether the client was, by this connector or one in whose
// place it is.
func (c *connector) reached() bool {
	return c.met || !c.connectedAt.IsZero() || c.link != nil && c.link.Reached()
}
