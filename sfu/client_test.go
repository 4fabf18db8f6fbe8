package sfu

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// client behaves as the existing mesh client does: a PeerConnection of pion's
// for each offer, and it offers when it is asked to. Its goroutine is the
// browser's event loop.
type client struct {
	t      testing.TB
	room   *room
	id     protocol.MemberID
	loop   *queue
	done   chan struct{}  // closed by leave
	loops  sync.WaitGroup // its goroutines that end with done
	busy   sync.WaitGroup // those that end with a connection
	tracks [2]*webrtc.TrackLocalStaticRTP
	key    atomic.Bool                           // a keyframe was asked for
	deaf   bool                                  // it never sends the keyframe that it is asked for
	mute   bool                                  // camera and microphone are off; owned by loop once it runs
	hold   map[protocol.MemberID]<-chan struct{} // from whom it reads no messages before

	legs map[protocol.ConnectorID]*leg // owned by loop, by the client's id

	mu sync.Mutex
	// Guarded by mu.
	all   []*leg                         // that there ever were
	talk  map[protocol.MemberID][]string // files
	lines []chatData
	wrong []protocol.ErrorType // what it was told it did wrong
	plis  []time.Time
	fault []error
}

// leg is one connection of a client's.
type leg struct {
	client    *client
	id        protocol.ConnectorID
	remote    protocol.ConnectorID
	member    protocol.MemberID // at the other end, as the client thinks
	pc        *webrtc.PeerConnection
	mux       ice.UDPMux           // of its own: the server has one address for all
	senders   [2]*webrtc.RTPSender // owned by loop
	sent      atomic.Int64
	relief    atomic.Int64              // what the client had sent on its other legs when this one ended
	strangers atomic.Int64              // SSRCs nobody announced that it sends as well
	silent    [2]atomic.Bool            // the other side does not receive
	connected atomic.Pointer[time.Time] // since when; nil: not yet
	open      chan struct{}             // closed when channel is set and open
	once      sync.Once
	channel   *webrtc.DataChannel
	streams   [2]stream
	ufrag     atomic.Value // of its latest answer
	declared  declared
}

type silence struct{}

func (silence) NewLogger(string) logging.LeveledLogger {
	l := logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
	return l
}

// newClient makes a client and has it join.
func newClient(r *room, id protocol.MemberID, set ...func(*client)) *client {
	r.t.Helper()
	c := attachClient(r, id, set...)
	r.join(id, c.hears)
	return c
}

// hears queues what the room says to the client.
func (c *client) hears(m protocol.Outgoing) { c.loop.put(func() { c.take(m) }) }

// attachClient makes a client whose member may be there already.
func attachClient(r *room, id protocol.MemberID, set ...func(*client)) *client {
	r.t.Helper()
	c := &client{
		t: r.t, room: r, id: id, loop: newQueue(), done: make(chan struct{}),
		legs: map[protocol.ConnectorID]*leg{}, talk: map[protocol.MemberID][]string{},
	}
	for k, mime := range map[codec.Kind]string{codec.Audio: webrtc.MimeTypeOpus, codec.Video: webrtc.MimeTypeVP8} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, k.String(), string(id))
		if err != nil {
			r.t.Fatal(err)
		}
		c.tracks[k] = track
	}
	for _, s := range set {
		s(c)
	}
	c.loops.Go(c.run)
	c.loops.Go(c.publish)
	r.t.Cleanup(c.close)
	return c
}

func (c *client) run() {
	for {
		select {
		case <-c.loop.ready:
			c.loop.run()
		case <-c.done:
			return
		}
	}
}

// close ends the client; a second call does nothing.
func (c *client) close() {
	select {
	case <-c.done:
		return
	default:
	}
	close(c.done)
	c.loops.Wait()
	for _, l := range c.everyLeg() {
		c.busy.Go(l.close)
	}
	c.busy.Wait()
}

// refusals are what it was told it did wrong.
func (c *client) refusals() []protocol.ErrorType {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.wrong)
}

// leave has it leave the room, and end.
func (c *client) leave() {
	c.room.leave(c.id)
	c.close()
}

func (c *client) everyLeg() []*leg {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*leg(nil), c.all...)
}

// to is the latest leg with a member, nil if there is none.
func (c *client) to(member protocol.MemberID) (last *leg) {
	for _, l := range c.everyLeg() {
		if l.member == member {
			last = l
		}
	}
	return last
}

func (c *client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = append(c.fault, err)
}

// faults are what went wrong for it.
func (c *client) faults() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// state describes its connections, for a test that fails.
func (c *client) state() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: faults %v", c.id, c.faults())
	for _, l := range c.everyLeg() {
		fmt.Fprintf(&b, ", to %s %v sent %d heard %d saw %d", l.member, l.pc.ConnectionState(), l.sent.Load(), l.streams[codec.Audio].count(), l.streams[codec.Video].count())
	}
	return b.String()
}

func (c *client) must(err error) bool {
	if err != nil {
		c.fail(err)
	}
	return err == nil
}

func (c *client) signal(s protocol.Signal) { c.must(c.room.signal(c.id, s)) }

// take handles a message of the room's.
func (c *client) take(m protocol.Outgoing) {
	switch m := m.(type) {
	case *protocol.GetOffer:
		l := c.newLeg(m.Member)
		c.offerFirst(l)
	case *protocol.RelayedOffer:
		l := c.newLeg(m.Member)
		l.remote = m.Remote
		l.pc.OnDataChannel(l.use)
		if answer, ok := c.answer(l, m.Offer); ok {
			c.signal(&protocol.Answer{Remote: l.remote, Connector: l.id, Answer: answer, Member: l.member, StreamType: m.StreamType})
		}
	case *protocol.RelayedAnswer:
		if l := c.legs[m.Connector]; l != nil {
			l.remote = m.Remote
			l.answered(m.Answer)
		}
	case *protocol.RelayedCandidate:
	case *protocol.ConnectorGone:
		if l := c.legs[m.Connector]; l != nil {
			delete(c.legs, l.id)
			for _, other := range c.legs {
				l.relief.Add(other.sent.Load())
			}
			c.busy.Go(l.close)
		}
	case *protocol.Renegotiate:
		l := c.legs[m.Connector]
		d, err := offerIn(m.Data)
		if l == nil || !c.must(err) {
			return
		}
		if answer, ok := c.answer(l, d); ok {
			c.signal(&protocol.ReconnectWork{Type: protocol.EventAnswer, Answer: &answer, Connector: l.id, Member: l.member})
		}
	case *protocol.ErrorMessage:
		c.mu.Lock()
		c.wrong = append(c.wrong, m.Type)
		c.mu.Unlock()
		if m.Type != protocol.ErrTooLarge && m.Type != protocol.ErrForbidden {
			c.fail(protocol.NewError(m.Type))
		}
	}
}

// offerFirst makes the offer that a getOffer asks for.
func (c *client) offerFirst(l *leg) {
	dc, err := l.pc.CreateDataChannel("chat", nil)
	if !c.must(err) {
		return
	}
	l.use(dc)
	l.send(codec.Video)
	l.send(codec.Audio)
	if offer, ok := c.offer(l); ok {
		c.signal(&protocol.Offer{Connector: l.id, Offer: offer, Member: l.member, StreamType: protocol.StreamUser})
	}
}

func (c *client) offer(l *leg) (protocol.Description, bool) {
	d, err := l.pc.CreateOffer(nil)
	ok := c.must(err) && c.must(l.pc.SetLocalDescription(d))
	return protocol.Description{Type: "offer", SDP: d.SDP}, ok
}

// answer answers an offer. Its tracks attach to the sections that receive, as
// in a browser.
func (c *client) answer(l *leg, offer protocol.Description) (protocol.Description, bool) {
	if !c.must(l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.SDP})) {
		return protocol.Description{}, false
	}
	parsed, err := description.Parse(offer.SDP)
	if !c.must(err) {
		return protocol.Description{}, false
	}
	l.declared.note(parsed.Sections)
	for _, s := range parsed.Sections {
		if k, ok := s.Kind.CodecKind(); ok && s.Direction.Receives() {
			l.send(k)
		}
	}
	d, err := l.pc.CreateAnswer(nil)
	ok := c.must(err) && c.must(l.pc.SetLocalDescription(d))
	if parsed, err := description.Parse(d.SDP); ok && c.must(err) {
		l.ufrag.Store(parsed.Ufrag)
	}
	if c.mute { // a browser says so
		d.SDP = strings.NewReplacer("a=sendrecv", "a=recvonly", "a=sendonly", "a=inactive").Replace(d.SDP)
	}
	return protocol.Description{Type: "answer", SDP: d.SDP}, ok
}

// answered takes the answer to an offer of the client's. Where the other side
// does not receive a browser does not send; pion does.
func (l *leg) answered(d protocol.Description) {
	c := l.client
	parsed, err := description.Parse(d.SDP)
	if !c.must(err) {
		return
	}
	var receives [2]bool
	for _, s := range parsed.Sections {
		if k, ok := s.Kind.CodecKind(); ok && s.Direction.Receives() {
			receives[k] = true
		}
	}
	for k := range receives {
		l.silent[k].Store(!receives[k])
	}
	c.must(l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: d.SDP}))
	l.declared.note(parsed.Sections)
}

// send puts the client's track of a kind on the leg, if it is not there.
func (l *leg) send(k codec.Kind) {
	if l.senders[k] != nil {
		return
	}
	s, err := l.pc.AddTrack(l.client.tracks[k])
	if !l.client.must(err) {
		return
	}
	l.senders[k] = s
	l.client.busy.Go(func() { // ends with the connection
		for {
			packets, _, err := s.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if _, isPLI := p.(*rtcp.PictureLossIndication); isPLI {
					l.client.asked()
				}
			}
		}
	})
}

// turnOn has the client turn its camera and its microphone on, as the existing one
// does: it says so on every leg.
func (c *client) turnOn() {
	c.loop.put(func() {
		c.mute = false
		for _, l := range c.legs {
			l.silent[codec.Audio].Store(false)
			l.silent[codec.Video].Store(false)
			for _, kind := range []string{"video", "audio"} {
				l.say(protocol.EventGetOffer, map[string]string{"kind": kind, "type": "add"})
			}
		}
	})
}

// asked is called when a keyframe is asked for.
func (c *client) asked() {
	c.mu.Lock()
	c.plis = append(c.plis, time.Now())
	c.mu.Unlock()
	c.key.Store(!c.deaf)
}

func (c *client) requests() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Time(nil), c.plis...)
}

// use takes the data channel.
func (l *leg) use(dc *webrtc.DataChannel) {
	l.channel = dc
	dc.OnOpen(func() { l.once.Do(func() { close(l.open) }) })
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		if hold := l.client.hold[l.member]; hold != nil {
			select {
			case <-hold:
			case <-l.client.done:
			}
		}
		l.hear(m.Data)
	})
}
