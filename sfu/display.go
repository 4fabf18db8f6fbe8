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
func (p *Plane) takeDisplay(m, other *member, theirs protocol.ConnectorID, d *description.Description) {
	c := p.accept(m, other.id, protocol.StreamDisplay, theirs, d)
	begins := m.display == nil
	if begins {
		m.display = newPublication(m, protocol.StreamDisplay)
		m.display.uplink = c
	}
	c.link = p.openLink(c)
	if !begins {
		return
	}
	for _, viewer := range p.order {
		p.showDisplay(viewer, m)
	}
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
		}
	}
	p.hide(pub)
	pub.close()
}

// hide ends the connectors that play a publication.
func (p *Plane) hide(pub *publication) {
	for _, viewer := range p.order {
		for _, c := range slices.Clone(viewer.connectors) {
			if c.source == pub {
				p.end(c)
				p.tellGone(c)
			}
		}
	}
}
