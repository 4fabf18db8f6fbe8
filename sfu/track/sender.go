package track

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
)

const (
	// firstRoundTrip is taken for the round trip before a receiver report tells.
	firstRoundTrip = 80 * millisecond
	maxRoundTrip   = 2 * second
)

// Sender is the sending half of one connector. RTCP is for one
// goroutine at a time; the other methods may be called from anywhere.
type Sender struct {
	sink      Sink
	roundTrip atomic.Int64 // smoothed, in ns; 0: not known

	mu sync.Mutex
	// Guarded by mu.
	closed        bool
	started       bool
	ids           Extensions
	subscriptions []*Subscription
	bySSRC        map[uint32]*Subscription
	invalid       uint64 // RTCP that could not be parsed
	unknown       uint64 // feedback on SSRCs that are not ours

	repair sync.Mutex
	// Guarded by repair, made at the first NACK.
	parcel *parcel
	raw    []byte
}

// SubscriptionConfig is one track on one m-line of a connector.
type SubscriptionConfig struct {
	Track *Track
	// MID is written into packets if the extension was negotiated and it has
	// at most 16 bytes.
	MID string
	// SSRC and RTXSSRC are the SFU's choice, distinct on a connector. RTXSSRC
	// is 0 if there are no retransmissions in a stream of their own.
	SSRC, RTXSSRC uint32
	CNAME         string   // one for all that the viewer is to play in sync
	Formats       []Format // that the viewer accepts
	Paused        bool     // nothing is sent until Resume
	// OnFirst, if not nil, is called once, when the first packet was sent. It is
	// called while locks are held and must not call back.
	OnFirst func()
}

// NewSender makes the sending half of a connector.
func NewSender(sink Sink) *Sender {
	return &Sender{sink: sink, bySSRC: make(map[uint32]*Subscription)}
}

// SetExtensions says which header extensions were negotiated.
func (s *Sender) SetExtensions(ids Extensions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = ids
	for _, sub := range s.subscriptions {
		sub.setExtensions(ids)
	}
}

// Subscribe adds a track. Its packets flow once the Sender is started; video
// begins with the next keyframe, for which the publisher is asked.
func (s *Sender) Subscribe(c SubscriptionConfig) *Subscription {
	sub := &Subscription{
		sender: s, track: c.Track, video: c.Track.kind == codec.Video,
		ssrc: c.SSRC, rtxSSRC: c.RTXSSRC, cname: c.CNAME,
		formats: slices.Clone(c.Formats), budget: firstBudget, paused: c.Paused, onFirst: c.OnFirst,
	}
	if len(c.MID) <= maxMID {
		sub.mid = []byte(c.MID)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		sub.closed = true
		return sub
	}
	sub.ids = s.ids
	s.subscriptions = append(s.subscriptions, sub)
	s.bySSRC[c.SSRC] = sub
	c.Track.subscribe(sub)
	started := s.started
	s.mu.Unlock()
	if started {
		sub.begin()
	}
	return sub
}

// Start says that the connector is connected: from now on packets flow. It may
// be called again.
func (s *Sender) Start() {
	s.mu.Lock()
	if s.closed || s.started {
		s.mu.Unlock()
		return
	}
	s.started = true
	list := slices.Clone(s.subscriptions)
	s.mu.Unlock()
	for _, sub := range list {
		sub.begin()
	}
}

// Close ends all subscriptions.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closed = true
	list := slices.Clone(s.subscriptions)
	s.mu.Unlock()
	for _, sub := range list {
		sub.Close()
	}
}

func (s *Sender) remove(sub *Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(o *Subscription) bool { return o == sub })
	if s.bySSRC[sub.ssrc] == sub {
		delete(s.bySSRC, sub.ssrc)
	}
}

// find is the subscription that feedback is about; nil if there is none.
func (s *Sender) find(ssrc uint32) *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.bySSRC[ssrc]
	if sub == nil {
		s.unknown++
	}
	return sub
}

// RTCP takes a compound packet from the viewer: requests for lost packets and
// keyframes, and receiver reports, for which see Subscription. What is sent again
// goes into the batch.
func (s *Sender) RTCP(b []byte, arrived int64, into *egress.Batch) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		s.mu.Lock()
		s.invalid++
		s.mu.Unlock()
		return
	}
	s.handle(packets, arrived, into)
}

// RTCP gives a compound packet to both halves of one connector, and parses it
// once. Either may be nil.
func RTCP(r *Receiver, s *Sender, b []byte, arrived int64, into *egress.Batch) {
	switch {
	case s == nil && r == nil:
	case s == nil:
		r.RTCP(b, arrived)
	case r == nil:
		s.RTCP(b, arrived, into)
	default:
		packets, err := rtcp.Unmarshal(b)
		if err != nil {
			s.RTCP(b, arrived, into) // counts it
			return
		}
		r.handle(packets, arrived)
		s.handle(packets, arrived, into)
	}
}

// handle is RTCP with what it parsed.
func (s *Sender) handle(packets []rtcp.Packet, arrived int64, into *egress.Batch) {
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.TransportLayerNack:
			if sub := s.find(p.MediaSSRC); sub != nil {
				sub.repair(into, p.Nacks, arrived)
			}
		case *rtcp.PictureLossIndication:
			s.wantKeyframe(p.MediaSSRC, arrived)
		case *rtcp.FullIntraRequest:
			for _, f := range p.FIR {
				s.wantKeyframe(f.SSRC, arrived)
			}
		case *rtcp.ReceiverReport:
			s.report(p.Reports, arrived)
		case *rtcp.SenderReport:
			s.report(p.Reports, arrived)
		}
	}
}

// wantKeyframe passes a viewer's request on (RFC 4585 section 6.3.1, RFC 5104
// section 4.3.1), if its subscription is getting anything.
func (s *Sender) wantKeyframe(ssrc uint32, arrived int64) {
	sub := s.find(ssrc)
	if sub == nil || !sub.video || !sub.flowing.Load() {
		return
	}
	sub.track.keyframes.advance(arrived)
	sub.mu.Lock()
	sub.stats.KeyframeRequests++
	ok := sub.allowance.grants(arrived, sub.track.keyframes.last.Load())
	sub.mu.Unlock()
	if ok {
		sub.track.RequestKeyframe()
	}
}

func (s *Sender) report(blocks []rtcp.ReceptionReport, arrived int64) {
	for i := range blocks {
		s.mu.Lock()
		sub := s.bySSRC[blocks[i].SSRC] // a block about RTX is of no use
		s.mu.Unlock()
		if sub == nil {
			continue
		}
		if rtt, ok := sub.takeReport(&blocks[i], arrived); ok {
			s.measured(rtt)
		}
	}
}

// measured takes a round trip into the average.
func (s *Sender) measured(rtt int64) {
	rtt = min(max(rtt, millisecond), maxRoundTrip)
	if old := s.roundTrip.Load(); old != 0 {
		rtt = old + (rtt-old)/4
	}
	s.roundTrip.Store(rtt)
}

// tripTime is the round trip as far as known.
func (s *Sender) tripTime() int64 {
	if rtt := s.roundTrip.Load(); rtt != 0 {
		return rtt
	}
	return firstRoundTrip
}

// Tick does what is due: sender reports, and another request for the keyframe
// that video waits for. It is to be called every 20 to 50 ms.
func (s *Sender) Tick(now int64) {
	reports, names, waiting := s.whatIsDue(now)
	s.sendReports(reports, names)
	for _, t := range waiting {
		t.keyframes.advance(now)
		t.RequestKeyframe()
	}
}

// whatIsDue is what Tick is to send, and whose keyframes are waited for.
func (s *Sender) whatIsDue(now int64) (reports []rtcp.Packet, names []rtcp.SourceDescriptionChunk, waiting []*Track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.started {
		return nil, nil, nil
	}
	for _, sub := range s.subscriptions {
		if sr, ok := sub.senderReport(now); ok {
			reports = append(reports, sr)
			names = append(names, cnameChunk(sub.ssrc, sub.cname))
		}
		if sub.needsKeyframe(now) {
			waiting = append(waiting, sub.track)
		}
	}
	return reports, names, waiting
}

// sourcesAtOnce is how many streams are reported on in one packet, so that it
// fits a datagram.
const sourcesAtOnce = 12

// sendReports sends compound packets: reports of several of our sources, and
// their names (RFC 3550 section 6.1, RFC 8108 section 5.3).
func (s *Sender) sendReports(reports []rtcp.Packet, names []rtcp.SourceDescriptionChunk) {
	for len(reports) > 0 {
		n := min(len(reports), sourcesAtOnce)
		compound := append(slices.Clip(reports[:n]), &rtcp.SourceDescription{Chunks: names[:n]})
		if b, err := rtcp.Marshal(compound); err == nil {
			s.sink.WriteRTCP(b)
		}
		reports, names = reports[n:], names[n:]
	}
}

func cnameChunk(ssrc uint32, cname string) rtcp.SourceDescriptionChunk {
	return rtcp.SourceDescriptionChunk{
		Source: ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
	}
}
