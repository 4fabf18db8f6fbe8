package sfu

import (
	"slices"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// The pictures of a client with one connector for each member come over one of
// these connectors. When that member leaves the stage while they do, its tile
// could go only with them. So the connector stays as a stand-in, vacant: it plays
// nothing. It ends when another one carries the client's pictures, and if there is
// no other member on stage it stays, as the connector with the audience would.

// standsIn reports whether a connector is there only to carry its client's media.
func (c *connector) standsIn() bool { return c.vacant || c.plays == standIn }

// shows reports whether a section carries something to the client.
func (c *connector) shows(s *section) bool { return s.source != nil && !c.vacant }

// vacate keeps a connector whose member has left the stage if it is needed, and
// reports whether it is.
func (p *Plane) vacate(c *connector) bool {
	m := c.member
	if m.user.uplink != c || !m.stage || !c.connected {
		return false
	}
	c.vacant = true
	p.disturb(m)
	return true
}

// outlives is vacate for a connector whose member has left the room. It stays only
// where no other one can carry the client's pictures.
func (p *Plane) outlives(c *connector) bool {
	m := c.member
	return m.sending() && len(p.order) > 1 && p.vacate(c) && !slices.ContainsFunc(m.connectors, func(o *connector) bool {
		return o != c && o.stream == protocol.StreamUser && !o.standsIn()
	})
}

// reoccupy has a vacant connector play its member again, if there is one.
func (p *Plane) reoccupy(at, other *member) (is bool) {
	for _, c := range at.connectors {
		if !c.vacant || c.source != other.user {
			continue
		}
		c.vacant, is = false, true
		if up := at.user.uplink; up != nil && up.relieves == c { // it has not ended yet
			up.relieves, at.user.uplink = nil, c
			up.change()
		}
		c.change()
		p.disturb(at)
	}
	return is
}

// loseUplink is told that a member's uplink has ended. While the client sends,
// another one takes its place at once.
func (p *Plane) loseUplink(pub *publication, c *connector) {
	switch old := c.relieves; {
	case old != nil && !old.ended: // the media of its client still comes over that one
		pub.uplink = old
		old.change()
	case pub.active != [2]bool{}:
		p.moveUplink(pub)
	default:
		pub.uplink = nil
	}
	p.disturb(pub.owner)
}

// disturb has a member's uplink looked after when the room has said all it has to
// say: several members may leave the stage at once.
func (p *Plane) disturb(m *member) {
	if !m.downlink && !slices.Contains(p.untidy, m) {
		p.untidy = append(p.untidy, m)
	}
}

// tidy looks after the uplinks that were disturbed.
func (p *Plane) tidy() {
	for len(p.untidy) > 0 {
		list := p.untidy
		p.untidy = nil
		for _, m := range list {
			if p.members[m.id] == m {
				p.tidyUplink(m)
			}
		}
		p.queue.run()
	}
}

// tidyUplink finds a member an uplink if it has none, has its pictures come over
// another one where that is a stand-in, and ends the stand-ins that are none.
func (p *Plane) tidyUplink(m *member) {
	pub := m.user
	if pub.uplink == nil && m.uploads() {
		p.moveUplink(pub)
	}
	if up := pub.uplink; up != nil && up.standsIn() {
		if n := m.nextUplink(); n.connected && !n.standsIn() {
			n.flows, n.relieves = [2]bool{n.receives(codec.Audio), n.receives(codec.Video)}, up
			p.makeUplink(pub, n)
			n.relieve()
		}
	}
	for _, c := range slices.Clone(m.connectors) {
		up := pub.uplink
		needed := up != nil && (c == up || up.relieves == c || !up.connected) && len(p.order) > 1
		if c.stream == protocol.StreamUser && c.standsIn() && !needed {
			p.end(c)
			p.tellGone(c)
		}
	}
	if m.stage {
		p.ensureUplink(m)
	}
}

// relieve ends the stand-in in whose place the connector is, once all comes over
// it that the client sends.
func (c *connector) relieve() {
	old := c.relieves
	if old == nil || c.member.user.uplink != c {
		return
	}
	for k, active := range c.member.user.active {
		if active && !c.flows[k] {
			return
		}
	}
	c.relieves = nil
	if old.standsIn() && !old.ended {
		c.plane.end(old)
		c.plane.tellGone(old)
	}
}
