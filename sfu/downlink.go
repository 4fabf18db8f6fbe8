package sfu

import (
	"slices"
	"strconv"

	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// isDownlink reports whether the connector carries everything its client
// receives.
func (c *connector) isDownlink() bool { return c.stream == protocol.StreamDownlink }

// carries reports whether a publication is played on the connector.
func (c *connector) carries(pub *publication) bool {
	return c.source == pub && !c.vacant || slices.Contains(c.sources, pub)
}

// receive has a client with one downlink receive a publication. There is
// nothing to negotiate before something of it is sent.
func (p *Plane) receive(at *member, pub *publication) {
	if at.down == nil {
		at.down = p.newConnector(at, protocol.ServerMember, protocol.StreamDownlink)
		at.down.layOut()
		at.down.link = p.openLink(at.down)
	}
	if !at.down.carries(pub) {
		at.down.sources = append(at.down.sources, pub)
		if pub.active != [2]bool{} {
			at.down.change()
		}
	}
}

// stopReceiving ends that.
func (m *member) stopReceiving(pub *publication) {
	c := m.down
	if c == nil || !slices.Contains(c.sources, pub) {
		return
	}
	c.sources = slices.DeleteFunc(slices.Clone(c.sources), func(x *publication) bool { return x == pub })
	if slices.ContainsFunc(c.sections, func(s *section) bool { return s.source == pub }) {
		c.change()
	}
}

// arrange finds a section of a downlink for every track that is sent. A section
// whose stream has ended is free for another one when the client has heard of
// the end, so that it sees one stream end and another begin.
func (c *connector) arrange() {
	if !c.isDownlink() {
		return
	}
	for _, s := range c.sections {
		if s.source != nil && !slices.Contains(c.sources, s.source) {
			s.source = nil
		}
	}
	for _, pub := range c.sources {
		for _, k := range []description.Kind{description.Audio, description.Video} {
			kind, _ := k.CodecKind()
			if pub.active[kind] && !c.hasSection(pub, k) {
				c.freeSection(k).source = pub
			}
		}
	}
}

func (c *connector) hasSection(pub *publication, k description.Kind) bool {
	return slices.ContainsFunc(c.sections, func(s *section) bool { return s.source == pub && s.kind == k })
}

// freeSection gives a section of a kind that nothing is sent on, a fresh one
// if there is none.
func (c *connector) freeSection(k description.Kind) *section {
	for _, s := range c.sections {
		if s.kind == k && s.source == nil && !s.sends && s.playing == nil {
			return s
		}
	}
	s := newSection(k, strconv.Itoa(len(c.sections)))
	c.sections = append(c.sections, s)
	return s
}

// streamMap says whose the streams of a downlink are.
func (c *connector) streamMap() []protocol.Stream {
	if !c.isDownlink() {
		return nil
	}
	list := []protocol.Stream{}
	for _, pub := range c.sources {
		list = append(list, protocol.Stream{ID: pub.streamID, Member: pub.owner.id, Stream: pub.stream})
	}
	return list
}

// View pauses the pictures a client does not show, and those only.
func (p *Plane) View(id protocol.MemberID, hidden []protocol.StreamRef) {
	m := p.members[id]
	if m == nil {
		return
	}
	m.hidden = map[protocol.StreamRef]bool{}
	for _, ref := range hidden {
		m.hidden[ref] = true
	}
	for _, c := range m.connectors {
		for _, s := range c.sections {
			if s.playing == nil || s.kind != description.Video || s.source == nil {
				continue
			}
			if hide := m.hides(s.source); hide != s.playing.hidden {
				s.playing.hidden = hide
				c.link.Pause(s.mid, hide)
			}
		}
	}
}

// hides reports whether the client does not show a publication.
func (m *member) hides(pub *publication) bool {
	return m.hidden[protocol.StreamRef{Member: pub.owner.id, Stream: pub.stream}]
}
