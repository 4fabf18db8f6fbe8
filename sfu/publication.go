package sfu

import (
	"crypto/rand"
	"slices"

	"lectern/sfu/codec"
	"lectern/sfu/track"
	"lectern/signaling/protocol"
)

// publication is what one member sends of one stream type.
type publication struct {
	owner    *member
	stream   protocol.StreamType
	streamID string // the msid of both tracks, on every connector that plays it
	uplink   *connector
	tracks   [2]*track.Track // by codec.Kind
	active   [2]bool         // whether the client sends it; by codec.Kind
	seen     bool            // it was shown to somebody
}

func (p *Plane) newPublication(owner *member, stream protocol.StreamType) *publication {
	return &publication{
		owner: owner, stream: stream, streamID: rand.Text(),
		tracks: [2]*track.Track{p.fan.New(codec.Audio), p.fan.New(codec.Video)},
	}
}

// trackID is the second half of a track's msid.
func (pub *publication) trackID(k codec.Kind) string { return pub.streamID + "-" + k.String() }

func (pub *publication) close() {
	for _, t := range pub.tracks {
		t.Close()
	}
}

// makeUplink has a publication ride on a connector.
func (p *Plane) makeUplink(pub *publication, c *connector) {
	pub.uplink = c
	c.becomeUplink()
}

// moveUplink finds another connector for a member's camera and microphone
// when the one they rode on has ended. The tracks go on, and with them what
// the others see.
func (p *Plane) moveUplink(pub *publication) {
	pub.uplink = nil
	if pub.owner.uploads() {
		if next := pub.owner.nextUplink(); next != nil {
			p.makeUplink(pub, next)
			return
		}
	}
	p.setActive(pub, [2]bool{})
}

// nextUplink is the connector that a member's uplink had best be: the oldest one
// that is connected, and one that plays another member if there is one.
func (m *member) nextUplink() (next *connector) {
	better := func(c *connector) bool {
		if c.standsIn() != next.standsIn() {
			return next.standsIn()
		}
		return c.connected && !next.connected
	}
	for _, c := range m.connectors {
		if c.stream == protocol.StreamUser && (next == nil || better(c)) {
			next = c
		}
	}
	return next
}

// sends is the format of what comes, or of what will: the first that both sides
// named. What a track carried on an earlier connector says nothing about this
// one, and would have it negotiated for ever.
func (pub *publication) sends(k codec.Kind) (codec.Codec, bool) {
	for _, s := range pub.uplink.sections {
		if s.receiving == nil || s.receiving.kind != k {
			continue
		}
		now, ok := pub.tracks[k].Codec()
		for _, f := range s.receiving.formats {
			if ok && f.Codec.Matches(now) {
				return now, true
			}
		}
		return s.receiving.formats[0].Codec, true
	}
	return codec.Codec{}, false
}

// setActive takes in which of its tracks a member sends now, and shows it to
// those who see it.
func (p *Plane) setActive(pub *publication, active [2]bool) {
	if pub.active == active {
		return
	}
	pub.active = active
	for _, m := range p.order {
		for _, c := range slices.Clone(m.connectors) {
			if c.carries(pub) {
				c.change()
			}
		}
	}
	p.tellSends(pub.owner)
}

// allowed are the formats that every client takes, most wanted first: one
// upload serves them all. Clients that have no format in common with the others
// see what they can.
func (p *Plane) allowed(k codec.Kind) []codec.Codec {
	preferred := codec.Preferred()
	preferred = slices.DeleteFunc(preferred, func(c codec.Codec) bool { return c.Kind != k })
	all := slices.DeleteFunc(slices.Clone(preferred), func(c codec.Codec) bool {
		for m := range p.choosy {
			if slices.ContainsFunc(m.refuses[k], c.Matches) {
				return true
			}
		}
		return false
	})
	if len(all) == 0 {
		return preferred
	}
	return all
}

// learn takes in which of the formats offered a client took. What one of its
// descriptions has, it takes. One that takes none only has no use for the
// section.
func (p *Plane) learn(m *member, k codec.Kind, offered, taken []codec.Codec) {
	if len(taken) == 0 {
		return
	}
	defer func() {
		if len(m.refuses[codec.Audio])+len(m.refuses[codec.Video]) > 0 {
			p.choosy[m] = true
		} else {
			delete(p.choosy, m)
		}
	}()
	m.refuses[k] = slices.DeleteFunc(m.refuses[k], func(c codec.Codec) bool { return slices.ContainsFunc(taken, c.Matches) })
	for _, c := range offered {
		if !slices.ContainsFunc(taken, c.Matches) && !slices.ContainsFunc(m.refuses[k], c.Matches) {
			m.refuses[k] = append(m.refuses[k], c)
		}
	}
}

// pin renegotiates the uplinks whose format not everybody takes any more.
func (p *Plane) pin() {
	for _, k := range []codec.Kind{codec.Audio, codec.Video} {
		allowed := p.allowed(k)
		for _, m := range p.stage {
			for _, pub := range []*publication{m.user, m.display} {
				if pub == nil || pub.uplink == nil {
					continue
				}
				if now, ok := pub.sends(k); ok && !slices.ContainsFunc(allowed, now.Matches) {
					pub.uplink.change()
				}
			}
		}
	}
}
