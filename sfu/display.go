package sfu

import (
	"encoding/json"
	"slices"

	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// takeDisplay accepts a screen. The client offers it once for each member it
// sees; it is taken once, and the other connections carry nothing but their
// data channels, which have to open or the client fails when it stops sharing.
// Of one that may not come on stage nothing is taken, and it is answered the same
// way.
func (p *Plane) takeDisplay(m *member, plays protocol.MemberID, theirs protocol.ConnectorID, d *description.Description) {
	if plays == protocol.ServerMember {
		p.endDisplay(m) // such a client has one: this is the next
	}
	c := p.accept(m, plays, protocol.StreamDisplay, theirs, d)
	begins := m.display == nil && m.uploads()
	if begins {
		m.display = p.newPublication(m, protocol.StreamDisplay)
		m.display.uplink = c
	}
	c.link = p.openLink(c)
	if !begins {
		return
	}
	if m.stage {
		for _, viewer := range p.order {
			p.showDisplay(viewer, m)
		}
	}
	p.tellSends(m)
}

// closed handles the close message, by which a client ends a connector of its
// screen. connectorId is the receiver's, so ours.
func (p *Plane) closed(c *connector, data json.RawMessage) error {
	var m struct {
		Connector protocol.ConnectorID `json:"connectorId"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	if m.Connector != c.id || c.stream != protocol.StreamDisplay {
		return nil
	}
	if c.carriesDisplay() {
		p.endDisplay(c.member)
	} else {
		p.end(c)
	}
	return nil
}

// endDisplay ends a member's screen at everybody. The member's own connectors
// for it are closed by its client.
func (p *Plane) endDisplay(m *member) {
	pub := m.display
	if pub == nil {
		return
	}
	m.display = nil
	for _, c := range slices.Clone(m.connectors) {
		if c.stream == protocol.StreamDisplay && c.source == nil {
			p.end(c)
			if c.plays == protocol.ServerMember {
				p.tellGone(c)
			}
		}
	}
	p.hide(pub)
	pub.close()
	p.tellSends(m)
}

// hide ends the connectors that play a publication.
func (p *Plane) hide(pub *publication) {
	for _, viewer := range p.order {
		viewer.stopReceiving(pub)
		for _, c := range slices.Clone(viewer.connectors) {
			if c.source == pub && !p.vacate(c) {
				p.end(c)
				p.tellGone(c)
			}
		}
	}
}
