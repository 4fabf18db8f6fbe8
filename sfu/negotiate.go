package sfu

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/track"
	"lectern/sfu/transport"
	"lectern/signaling/protocol"
)

// way is how a message of negotiation travels.
type way uint8

const (
	nowhere   way = iota
	preparing     // nothing is sent yet: the link makes new credentials for it
	overSocket
	overChannel
)

// path is how the connection's addresses are doing.
type path uint8

const (
	sound    path = iota
	stale         // the next offer is to restart ICE
	renewing      // the offer that is under way restarts ICE
)

// layOut makes the sections of a connector that the server offers, in the
// order of the existing clients' own offers.
func (c *connector) layOut() {
	uplink := c.publishes() != nil
	kinds := []description.Kind{description.Video, description.Audio, description.Application}
	if c.isDownlink() {
		kinds = kinds[:2]
	}
	for i, k := range kinds {
		s := newSection(k, strconv.Itoa(i))
		if k != description.Application {
			s.source, s.recv = c.source, uplink
		}
		c.sections = append(c.sections, s)
	}
}

func newSection(k description.Kind, mid string) *section {
	s := &section{kind: k, mid: mid}
	s.renumber()
	return s
}

// renumber gives what is sent on the section fresh SSRCs. A stream that begins
// anew has other sequence numbers, which under the old SSRC would be replays.
func (s *section) renumber() {
	s.ssrc, s.rtx = randomSSRC(), 0
	if s.kind == description.Video {
		s.rtx = randomSSRC()
	}
}

// becomeUplink has the client send here. Tracks that it held back while the
// connector was offered as sending only attach to no section but a fresh one;
// the others must be offered as receiving all the same, or the client puts a
// later track on one of them and never sends it.
func (c *connector) becomeUplink() {
	if c.offers {
		for _, s := range c.sections {
			s.recv = s.kind != description.Application
		}
		if c.offered {
			c.grow(description.Video)
			c.grow(description.Audio)
		}
	}
	c.change()
}

// grow adds a section for a track of the client's.
func (c *connector) grow(k description.Kind) {
	s := newSection(k, strconv.Itoa(len(c.sections)))
	s.recv = true
	c.sections = append(c.sections, s)
}

// change says that the connector's description is no longer what is wanted.
func (c *connector) change() {
	c.dirty = true
	c.negotiate()
}

// negotiate begins the next negotiation of the connector, if one is wanted. It
// is the only place where the server begins one, and it begins none while
// another one is under way, whether that goes over the channel, goes over the
// socket, or is still being prepared: a client that gets an offer before it has
// answered the last one can answer neither (RFC 9429 section 4.1.10). What is
// wanted meanwhile is remembered in dirty and path.
func (c *connector) negotiate() {
	switch {
	case c.ended || !c.ready || c.pending != nowhere || c.beingReplaced():
	case !c.offered:
		if c.offers {
			c.firstOffer()
		}
	case c.path == stale:
		c.path = renewing
		c.await(preparing)
		c.link.Restart()
	case !c.dirty || !c.open && !c.bySocket():
	case c.bySocket():
		c.offerOverSocket()
	case c.offers && len(c.sections) > maxSections:
		c.plane.replace(c)
	case c.offers:
		c.sendChannel(protocol.EventOffer, map[string]any{"offer": c.offer()})
		c.expect(overChannel)
	default:
		c.sendChannel(protocol.EventGetOffer, nil)
		c.expect(overChannel)
	}
}

func (c *connector) firstOffer() {
	c.offered = true
	d := c.offer()
	c.pending = overSocket
	c.plane.send(c.member.id, &protocol.RelayedOffer{
		Remote: c.id, Offer: d, Member: c.plays, StreamType: c.stream, Streams: c.streamMap(),
	})
}

// bySocket reports whether the server's offers go over the client's socket:
// where the client knows that the server is the other end.
func (c *connector) bySocket() bool { return c.offers && c.plays == protocol.ServerMember }

// beingReplaced reports whether another connector is about to take the place of
// this one, which then negotiates nothing more.
func (c *connector) beingReplaced() bool { return c.replacement != nil && !c.replacement.ended }

// await says that a negotiation is under way.
func (c *connector) await(w way) {
	c.pending = w
	c.asked++
}

// expect begins to wait for the client. After answerTime another connector is
// made. This one stays without further offers unless the answer comes after all.
func (c *connector) expect(w way) {
	c.await(w)
	asked := c.asked
	time.AfterFunc(answerTime, func() {
		c.later(func() {
			if c.pending != nowhere && c.asked == asked {
				c.fail("the client does not answer an offer")
			}
		})
	})
}

// sendChannel sends a message of negotiation over the data channel.
func (c *connector) sendChannel(event string, data any) {
	text, err := protocol.Encode(struct {
		Type string `json:"type"`
		Data any    `json:"data,omitempty"`
	}{event, data})
	if err != nil {
		c.plane.log.Error("encoding a message of negotiation", "err", err)
		return
	}
	c.link.Send(text)
}

// renew has ICE restarted by the next offer, on a connector where the server
// offers. If an offer is out over the channel, that one is waited for: either
// the path comes back and brings the answer, or the connection fails and the
// connector is replaced.
func (c *connector) renew() {
	if !c.ended && c.answered && c.path == sound {
		c.path = stale
		c.negotiate()
	}
}

// moved renews the path to a client whose address has changed.
func (c *connector) moved() {
	switch {
	case c.ended || !c.answered:
	case c.offers && (c.pending <= preparing || c.bySocket()):
		c.renew()
	default:
		// A client's offer does not restart ICE unless the client wants to, and
		// an answer to an offer of ours cannot come from the old address.
		c.plane.replace(c)
	}
}

// offerOverSocket makes a later offer over the client's socket. That of an ICE
// restart goes this way too, as the data channel may be dead.
func (c *connector) offerOverSocket() {
	data, err := protocol.Encode(struct {
		Offer   protocol.Description `json:"offer"`
		Streams []protocol.Stream    `json:"streams,omitempty"`
	}{c.offer(), c.streamMap()})
	if err != nil {
		c.plane.log.Error("encoding an offer", "err", err)
		return
	}
	c.plane.send(c.member.id, &protocol.Renegotiate{
		Type: protocol.EventOffer, Data: data, Connector: c.remoteID, Member: c.plays,
	})
	c.expect(overSocket)
}

// offer is the description of what is wanted now.
func (c *connector) offer() protocol.Description {
	c.arrange()
	c.dirty, c.offering = false, len(c.sections)
	d := c.describe(description.ActPass)
	uplink := c.publishes()
	for _, s := range c.sections {
		k, isMedia := s.kind.CodecKind()
		if !isMedia {
			d.Sections = append(d.Sections, application(s.mid))
			continue
		}
		s.sends = c.shows(s) && s.source.active[k]
		s.takes = s.recv && uplink != nil
		s.formats = description.Offered(k, c.formatsFor(k, uplink))
		d.Sections = append(d.Sections, c.mediaSection(s, k))
	}
	return protocol.Description{Type: protocol.EventOffer, SDP: d.String()}
}

// formatsFor are the formats of a section: on an uplink what everybody takes,
// elsewhere all there are.
func (c *connector) formatsFor(k codec.Kind, uplink *publication) []codec.Codec {
	if uplink != nil {
		return c.plane.allowed(k)
	}
	return slices.DeleteFunc(codec.Preferred(), func(f codec.Codec) bool { return f.Kind != k })
}

// describe is a description of the connector without its sections.
func (c *connector) describe(setup description.Setup) *description.Description {
	c.version++
	return &description.Description{
		SessionID: c.session, Version: c.version,
		Ufrag: c.local.Ufrag, Password: c.local.Password,
		FingerprintHash: "sha-256", Fingerprint: c.plane.identity.fingerprint,
		Setup: setup, Candidates: c.local.Candidates, EndOfCandidates: true,
	}
}

func application(mid string) description.Section {
	return description.Section{
		Kind: description.Application, MID: mid, SCTPPort: 5000, MaxMessageSize: transport.MaxMessage,
	}
}

// mediaSection describes one section as its fields say.
func (c *connector) mediaSection(s *section, k codec.Kind) description.Section {
	d := description.Section{
		Kind: s.kind, MID: s.mid, Formats: s.formats, Extensions: extensionsOf(k),
		Direction: description.MakeDirection(s.sends, s.takes),
	}
	if s.sends {
		d.StreamID, d.TrackID, d.CNAME = s.source.streamID, s.source.trackID(k), s.source.streamID
		d.Sources = []description.Source{{SSRC: s.ssrc, RTX: s.rtx}}
	}
	if s.takes && k == codec.Video {
		d.Bandwidth = c.plane.identity.maxBitrate
	}
	return d
}

// takeAnswer applies the client's answer to our last offer.
func (c *connector) takeAnswer(d *description.Description) error {
	if len(d.Sections) != c.offering {
		return fmt.Errorf("has %d m-lines, the offer had %d", len(d.Sections), c.offering)
	}
	offered := c.sections[:c.offering]
	for i, s := range offered {
		if d.Sections[i].Kind != s.kind {
			return fmt.Errorf("its m-line %d is of another kind than the offer's", i+1)
		}
	}
	c.pending, c.answered = nowhere, true
	if c.path == renewing {
		c.path = sound
	}
	c.link.SetExtensions(extensionIDs(d.Sections))
	c.link.Start(remoteOf(d), transport.Role{
		Controlling: true, DTLSClient: d.Setup == description.Passive,
		OpenChannel: !c.isDownlink(), NoChannel: c.isDownlink(),
	})
	for i, s := range offered {
		if k, isMedia := s.kind.CodecKind(); isMedia {
			theirs := &d.Sections[i]
			c.plane.learn(c.member, k, codecsOf(s.formats), codecsOf(theirs.Formats))
			c.settle(s, k, theirs, s.formats)
		}
	}
	c.settleUplink()
	c.negotiate()
	c.plane.pin()
	return nil
}

// trackFormats are the formats both sides named, by our numbers.
func trackFormats(theirs, ours []description.Format) []track.Format {
	var both []track.Format
	for _, f := range theirs {
		i := slices.IndexFunc(ours, func(o description.Format) bool { return o.PayloadType == f.PayloadType })
		if i < 0 {
			continue
		}
		rtx := ours[i].RTX
		if f.RTX != rtx {
			rtx = 0
		}
		both = append(both, track.Format{PayloadType: f.PayloadType, RTX: rtx, Codec: ours[i].Codec})
	}
	return both
}

func codecsOf(formats []description.Format) []codec.Codec {
	var list []codec.Codec
	for _, f := range formats {
		list = append(list, f.Codec)
	}
	return list
}

func trackSources(sources []description.Source) []track.Source {
	var list []track.Source
	for _, s := range sources {
		list = append(list, track.Source{SSRC: s.SSRC, RTX: s.RTX})
	}
	return list
}

func remoteOf(d *description.Description) transport.Remote {
	r := transport.Remote{
		Ufrag: d.Ufrag, Password: d.Password, FingerprintHash: d.FingerprintHash, Fingerprint: d.Fingerprint,
	}
	for _, s := range d.Sections {
		if s.Kind == description.Application && !s.Rejected {
			r.MaxMessageSize = s.MaxMessageSize
		}
	}
	return r
}

// parse reads a description of a client's. field names it in the error.
func parse(d protocol.Description, field string) (*description.Description, error) {
	parsed, err := description.Parse(d.SDP)
	if err != nil {
		return nil, badSDP(field, err)
	}
	return parsed, nil
}

func badSDP(field string, err error) error {
	return protocol.Invalid(field+".sdp", "is no session description the server can use: "+err.Error(), "不是服务器可用的会话描述："+err.Error())
}

// offerIn and answerIn are the data of messages that carry a description.
func offerIn(data json.RawMessage) (protocol.Description, error) {
	var m struct {
		Offer protocol.Description `json:"offer"`
	}
	err := json.Unmarshal(data, &m)
	return m.Offer, err
}

func answerIn(data json.RawMessage) (protocol.Description, error) {
	var m struct {
		Answer protocol.Description `json:"answer"`
	}
	err := json.Unmarshal(data, &m)
	return m.Answer, err
}
