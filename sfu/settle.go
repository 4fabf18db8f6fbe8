package sfu

import (
	"slices"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/track"
)

// settle has packets flow as an offer and its answer agreed. theirs is the
// client's section, ours the formats of our own.
func (c *connector) settle(s *section, k codec.Kind, theirs *description.Section, ours []description.Format) {
	formats := trackFormats(theirs.Formats, ours)
	dead := theirs.Rejected || len(formats) == 0
	// It may have left the stage while the client answered.
	if pub := c.publishes(); s.takes && pub != nil && theirs.Direction.Sends() && !dead {
		c.receive(s, receiving{
			mid: s.mid, kind: k, formats: formats, sources: trackSources(theirs.Sources), track: pub.tracks[k],
		})
	} else {
		c.stopReceiving(s)
	}
	if s.sends && theirs.Direction.Receives() && !dead {
		c.play(s, playing{
			mid: s.mid, kind: k, formats: formats, ssrc: s.ssrc, rtx: s.rtx, cname: s.source.streamID, track: s.source.tracks[k],
			hidden: c.member.hides(s.source),
		})
	} else {
		c.stopPlaying(s)
	}
}

// equal reports whether nothing would change.
func (r *receiving) equal(other receiving) bool {
	return r.track == other.track && slices.Equal(r.sources, other.sources) && sameFormats(r.formats, other.formats)
}

func sameFormats(a, b []track.Format) bool {
	return slices.EqualFunc(a, b, func(x, y track.Format) bool {
		return x.PayloadType == y.PayloadType && x.RTX == y.RTX && x.Codec.Matches(y.Codec)
	})
}

// receive binds a section, unless it is bound just so: most negotiations are
// about another section.
func (c *connector) receive(s *section, r receiving) {
	if s.receiving == nil || !s.receiving.equal(r) {
		s.receiving = &r
		c.link.Receive(r)
	}
}

func (c *connector) stopReceiving(s *section) {
	if s.receiving != nil {
		s.receiving = nil
		c.link.StopReceiving(s.mid)
	}
}

func (c *connector) play(s *section, p playing) {
	if s.playing == nil || !sameFormats(s.playing.formats, p.formats) {
		s.begun = s.begun && s.playing != nil
		s.playing = &p
		c.link.Play(p)
	}
}

func (c *connector) stopPlaying(s *section) {
	if s.playing != nil {
		s.playing = nil
		s.renumber()
		c.link.StopPlaying(s.mid)
	}
}

// settleUplink learns from an answer what the client sends. While it is not
// known yet whether a track that comes anew found a section, the others see
// what they saw.
func (c *connector) settleUplink() {
	pub := c.publishes()
	if pub == nil {
		return
	}
	var active [2]bool
	for k := range active {
		kind := codec.Kind(k)
		active[k] = c.receives(kind)
		switch {
		case active[k] || c.adding[k] == grown:
			c.adding[k] = noGrowth
		case c.adding[k] == retried && c.bySocket():
			c.adding[k] = noGrowth // such a client puts its tracks where they were
		case c.adding[k] == retried:
			c.adding[k] = grown
			c.grow(description.KindOf(kind))
			c.dirty = true
			active[k] = pub.active[k]
		}
	}
	c.plane.learned(c, pub, active)
}
