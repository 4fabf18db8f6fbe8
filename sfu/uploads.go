package sfu

import (
	"lectern/sfu/codec"
	"lectern/signaling/media"
)

// An existing client has no message for its camera: only its answers on its uplink
// tell whether it is on. So it has an uplink in the audience too. When the client
// sends media over that, the plane tells the room. The room has the member on stage,
// or says that it is not wanted there (SetStage). From then on the plane offers the
// client nothing to send on, and knows its wish from its data channels only.

// old reports whether a member has an existing client.
func (m *member) old() bool { return m.lines != nil }

// uploads reports whether what a member's client sends is taken.
func (m *member) uploads() bool { return m.stage || m.old() && !m.hushed }

// sending reports whether a member's client sends anything.
func (m *member) sending() bool { return m.user.active != [2]bool{} || m.display != nil }

// tellSends tells the room when an existing client begins or ends to send.
func (p *Plane) tellSends(m *member) {
	sends := m.sending() || m.wish != [2]bool{}
	if m.old() && p.members[m.id] == m && sends != m.told {
		m.told = sends
		p.out = append(p.out, media.Event{Sends: &media.Sends{Member: m.id, Sends: sends}})
	}
}

// learned takes in what a client's description says that it sends over a
// connector.
func (p *Plane) learned(c *connector, pub *publication, active [2]bool) {
	m := pub.owner
	first := pub == m.user && !m.heard
	if pub == m.user {
		m.wish, m.heard = [2]bool{}, true
	}
	p.setActive(pub, active)
	p.tellSends(m)
	if first && !m.told && m.old() {
		p.out = append(p.out, media.Event{Sends: &media.Sends{Member: m.id}})
	}
	c.relieve()
}

// wishes takes in that a client that is offered nothing to send on has a track to
// send, or has none any more.
func (p *Plane) wishes(m *member, k codec.Kind, has bool) {
	if m.hushed && !m.stage {
		m.wish[k] = has
		p.tellSends(m)
	}
}

// hush ends what an existing client in the audience sends.
func (p *Plane) hush(m *member) {
	if !m.old() || !m.sending() {
		return
	}
	if pub := m.display; pub != nil { // its connectors stay, as those of a screen that is not taken
		m.display = nil
		pub.close()
		pub.uplink.change()
	}
	uplink := m.user.uplink
	p.silence(m)
	if uplink != nil {
		uplink.change()
	}
}

// silence has a member send nothing any more, and notes what its client would.
func (p *Plane) silence(m *member) {
	m.user.uplink, m.hushed = nil, m.old()
	for k, active := range m.user.active {
		m.wish[k] = m.wish[k] || active
	}
	p.setActive(m.user, [2]bool{})
	p.tellSends(m)
	p.disturb(m)
}
