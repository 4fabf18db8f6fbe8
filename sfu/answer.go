package sfu

import (
	"fmt"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/transport"
	"lectern/signaling/protocol"
)

// takeOffer answers a client's offer on a connector where it is the one that
// offers. Over the socket the first answer is the answer event, a later one
// reconnect.
func (c *connector) takeOffer(d *description.Description, w way) {
	if c.restarts != nil {
		c.restarts, c.restartsBy = d, w // a later offer before the first one's turn
		return
	}
	if c.ufrag != "" && d.Ufrag != c.ufrag {
		c.ufrag = d.Ufrag
		c.restarts, c.restartsBy = d, w
		c.await(preparing)
		c.link.Restart()
		return
	}
	answer, err := c.answerTo(d)
	if err != nil {
		c.plane.log.Info("a client's offer cannot be used", "member", c.member.id, "err", err)
		c.plane.end(c)
		c.plane.tellGone(c)
		return
	}
	first := !c.offered
	c.offered, c.answered, c.pending = true, true, nowhere
	switch {
	case first:
		c.plane.send(c.member.id, &protocol.RelayedAnswer{
			Remote: c.id, Connector: c.remoteID, Answer: answer, Member: c.plays,
		})
		c.nudge()
	case w == overSocket:
		data, err := protocol.Encode(map[string]any{"answer": answer})
		if err != nil {
			c.plane.log.Error("encoding an answer", "err", err)
			return
		}
		c.plane.send(c.member.id, &protocol.Renegotiate{
			Type: protocol.EventAnswer, Data: data, Connector: c.remoteID, Member: c.plays,
		})
	default:
		c.sendChannel(protocol.EventAnswer, map[string]any{"answer": answer})
	}
	c.negotiate()
}

// nudge sends one of our candidates again. An existing client shows a
// connector that it offered when something comes for it, and from a member
// without devices nothing else would.
func (c *connector) nudge() {
	if c.stream != protocol.StreamUser || len(c.local.Candidates) == 0 {
		return
	}
	data, err := protocol.Encode(map[string]any{
		"candidate": c.local.Candidates[0], "sdpMid": c.sections[0].mid, "sdpMLineIndex": 0,
	})
	if err != nil {
		c.plane.log.Error("encoding a candidate", "err", err)
		return
	}
	c.plane.send(c.member.id, &protocol.RelayedCandidate{Connector: c.remoteID, Candidate: data})
}

// answerTo makes packets flow as the client's offer and our wishes agree, and
// describes that.
func (c *connector) answerTo(d *description.Description) (protocol.Description, error) {
	if len(d.Sections) < len(c.sections) || len(d.Sections) == 0 {
		return protocol.Description{}, fmt.Errorf("it has %d m-lines, before it had %d", len(d.Sections), len(c.sections))
	}
	setup := description.Active
	if d.Setup == description.Active {
		setup = description.Passive
	}
	c.dirty, c.ufrag = false, d.Ufrag
	c.place(d)
	c.link.SetExtensions(extensionIDs(d.Sections))
	c.link.Start(remoteOf(d), transport.Role{DTLSClient: setup == description.Active})
	ours := c.describe(setup)
	for i, s := range c.sections {
		theirs := &d.Sections[i]
		k, isMedia := s.kind.CodecKind()
		if !isMedia {
			a := application(s.mid)
			a.Rejected = theirs.Rejected
			ours.Sections = append(ours.Sections, a)
			continue
		}
		ours.Sections = append(ours.Sections, c.answerSection(s, k, theirs))
	}
	c.settleOffered()
	c.plane.pin()
	return protocol.Description{Type: protocol.EventAnswer, SDP: ours.String()}, nil
}

// place brings the sections in line with the client's offer, and chooses those
// that carry what the connector plays: the first of each kind that receives.
func (c *connector) place(d *description.Description) {
	for i := range d.Sections {
		theirs := d.Sections[i]
		if i == len(c.sections) {
			c.sections = append(c.sections, newSection(theirs.Kind, theirs.MID))
		}
		s := c.sections[i]
		if s.kind != theirs.Kind || s.mid != theirs.MID { // the client recycled it
			c.stop(s)
			s = newSection(theirs.Kind, theirs.MID)
			c.sections[i] = s
		}
		s.recv = theirs.Kind != description.Application
		s.theirs = theirs
	}
	for _, k := range []description.Kind{description.Video, description.Audio} {
		c.choose(k)
	}
}

// choose has one section of a kind carry the source, and keeps it while the
// client takes it.
func (c *connector) choose(k description.Kind) {
	if c.source == nil {
		return
	}
	var chosen *section
	for _, s := range c.sections {
		if s.kind != k {
			continue
		}
		takes := s.theirs.Direction.Receives() && !s.theirs.Rejected
		if takes && (chosen == nil || s.source != nil) {
			chosen = s
		}
	}
	for _, s := range c.sections {
		switch {
		case s.kind != k:
		case s == chosen:
			s.source = c.source
		default:
			s.source = nil
		}
	}
}

// stop ends what flows on a section.
func (c *connector) stop(s *section) {
	c.stopReceiving(s)
	c.stopPlaying(s)
}

func (c *connector) answerSection(s *section, k codec.Kind, theirs *description.Section) description.Section {
	uplink := c.publishes()
	s.sends = c.shows(s) && s.source.active[k] && theirs.Direction.Receives()
	s.takes = uplink != nil && theirs.Direction.Sends()
	all := c.formatsFor(k, nil)
	c.plane.learn(c.member, k, all, codecsOf(description.Negotiate(*theirs, all)))
	s.formats = description.Negotiate(*theirs, c.formatsFor(k, uplink))
	if theirs.Rejected || len(s.formats) == 0 {
		c.stop(s)
		return description.Section{Kind: s.kind, MID: s.mid, Rejected: true, Formats: theirs.Formats}
	}
	c.settle(s, k, theirs, s.formats)
	d := c.mediaSection(s, k)
	d.Extensions = commonExtensions(theirs.Extensions, k)
	return d
}

// settleOffered learns from the client's offer what it sends. Clients offer to
// send without a camera too; then the section belongs to no stream, and is
// believed only when something comes.
func (c *connector) settleOffered() {
	pub := c.publishes()
	if pub == nil {
		return
	}
	active := pub.active
	for k := range active {
		kind := codec.Kind(k)
		active[k] = c.receives(kind) && (active[k] || c.streams(kind))
	}
	c.plane.learned(c, pub, active)
}
