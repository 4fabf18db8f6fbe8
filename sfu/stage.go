package sfu

import (
	"slices"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// standIn stands for the audience at an existing client that is alone on
// stage: without a connector it would send nothing. The client shows it as a
// member without picture.
const standIn = protocol.AudienceMember

// Attach shows the newcomer to everybody if it is on stage, and the stage to
// the newcomer.
func (p *Plane) Attach(id protocol.MemberID, profile media.Profile) {
	p.joined++
	m := newMember(id, profile, p.joined)
	m.user = p.newPublication(m, protocol.StreamUser)
	present := slices.Clone(p.order)
	p.members[id] = m
	p.order = append(p.order, m)
	if !m.stage {
		p.ensureUplinks()
		for _, other := range p.stage {
			p.showDisplay(m, other)
			p.show(m, other)
		}
		return
	}
	p.stage = append(p.stage, m)
	p.ensureUplinks()
	for _, other := range present {
		p.show(other, m)
		if other.stage {
			p.showDisplay(m, other)
			p.show(m, other)
		}
	}
	p.aim()
}

// show has a member see another one that is on stage.
func (p *Plane) show(at, other *member) {
	if p.isApart(at, other) {
		return
	}
	other.user.seen = true
	switch {
	case at.downlink:
		p.receive(at, other.user)
		return
	case p.reoccupy(at, other):
		return
	case p.mustAsk(at, other):
		p.askFor(at.id, other.id)
		return
	}
	c := p.connect(at, other.id, protocol.StreamUser, other.user)
	if at.uploads() && at.user.uplink == nil {
		p.makeUplink(at.user, c)
	}
}

// mustAsk reports whether a client has to make the first offer: one that was
// alone until now, and one that is known to share its screen. Only then does it
// offer the screen too.
func (p *Plane) mustAsk(at, other *member) bool {
	alone := at.joined < other.joined && len(at.connectors) == 0 && !p.isApartFromAny(at)
	if !at.stage || p.asked(at.id) || !alone && !at.shares {
		return false
	}
	at.shares = false
	return true
}

// asked reports whether a getOffer to a member waits for its offer.
func (p *Plane) asked(id protocol.MemberID) bool {
	for a := range p.asks {
		if a.who == id && (p.members[a.to] != nil || a.to == standIn) {
			return true
		}
	}
	return false
}

// showDisplay has a member see the screen another one shares, if it does.
func (p *Plane) showDisplay(at, other *member) {
	switch {
	case other.display == nil || at == other || p.isApart(at, other):
	case at.downlink:
		p.receive(at, other.display)
	default:
		p.connect(at, other.id, protocol.StreamDisplay, other.display)
	}
}

// SetStage has a member publish from now on, or no longer. Said again of a member
// of the audience it ends what its client sends all the same.
func (p *Plane) SetStage(id protocol.MemberID, onStage bool) {
	m := p.members[id]
	if m == nil {
		return
	}
	p.queue.run()
	if m.stage == onStage {
		if !onStage {
			p.hush(m)
		}
		return
	}
	m.stage = onStage
	if onStage {
		p.enterStage(m)
	} else {
		p.leaveStage(m)
	}
	p.aim()
	p.ensureUplinks()
}

// enterStage shows a member that was in the audience. What it sees stays as it
// is: one of its connectors only begins to carry its own pictures too.
func (p *Plane) enterStage(m *member) {
	p.stage = append(p.stage, m)
	m.hushed = false
	p.ensureUplink(m)
	if !m.downlink && m.user.uplink == nil {
		p.moveUplink(m.user)
	}
	for _, other := range slices.Clone(p.order) {
		if other != m {
			p.showDisplay(other, m)
			p.show(other, m)
		}
	}
	p.pin()
}

// leaveStage ends what a member sends, and its tiles at the others. An existing
// client that sends nothing keeps its uplink: it may begin to.
func (p *Plane) leaveStage(m *member) {
	p.stage = slices.DeleteFunc(p.stage, func(x *member) bool { return x == m })
	uplink := m.user.uplink
	if m.sending() || !m.old() {
		p.endDisplay(m)
		p.silence(m)
	}
	switch {
	case uplink == nil:
	case m.downlink || uplink.standsIn():
		p.end(uplink)
		p.tellGone(uplink)
	case m.user.uplink == nil:
		uplink.change()
	}
	p.hide(m.user)
}

// ensureUplinks has everybody on stage send while there is somebody to send to.
func (p *Plane) ensureUplinks() {
	for _, m := range p.stage {
		p.ensureUplink(m)
	}
}

// ensureUplink gives a member on stage the connector that its own pictures ride
// on, if it has none. Existing clients have theirs with the others on stage; one
// that is alone there gets one with the audience.
func (p *Plane) ensureUplink(m *member) {
	alone := len(p.order) == 1
	switch uplink := m.user.uplink; {
	case m.downlink && uplink == nil && !alone:
		c := p.newConnector(m, protocol.ServerMember, protocol.StreamUser)
		m.user.uplink = c
		c.layOut()
		c.link = p.openLink(c)
	case m.downlink && uplink != nil && alone:
		m.user.uplink = nil
		p.setActive(m.user, [2]bool{})
		p.end(uplink)
		p.tellGone(uplink)
	case m.downlink:
	case uplink == nil && !alone && len(p.stage) == 1 && !p.asked(m.id):
		p.askFor(m.id, standIn)
	case uplink != nil && alone && uplink.standsIn():
		p.end(uplink)
		p.tellGone(uplink)
	}
}

// aim says where the files go that members on stage send: to everybody else
// there. In the audience nobody sends any.
func (p *Plane) aim() {
	for _, m := range p.order {
		if m.stage || m.aimed {
			p.aimMember(m)
		}
	}
}

func (p *Plane) aimMember(m *member) {
	m.aimed = m.stage
	for _, c := range m.connectors {
		p.aimConnector(c)
	}
}

func (p *Plane) aimConnector(c *connector) {
	m := c.member
	if !m.stage || c.stream != protocol.StreamUser {
		c.files.close()
		return
	}
	hearers := []hearer{}
	for _, other := range p.stage {
		if other != m && (c.plays == other.id || c.plays == protocol.ServerMember) {
			hearers = append(hearers, other.hears(m))
		}
	}
	c.files.open(hearers)
}
