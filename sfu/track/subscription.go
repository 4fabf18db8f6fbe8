package track

import (
	"slices"
	"sync"
	"sync/atomic"

	"lectern/sfu/egress"
	"lectern/sfu/red"
	"lectern/sfu/rewrite"
)

// Subscription is one track on one connector.
type Subscription struct {
	sender        *Sender
	track         *Track
	video         bool
	ssrc, rtxSSRC uint32
	cname         string
	mid           []byte
	// flowing is false before the connector is connected, and while paused.
	flowing atomic.Bool

	mu sync.Mutex
	// Guarded by mu.
	closed  bool
	paused  bool
	ids     Extensions
	formats []Format

	stream   rewrite.Stream
	source   *source   // that stream is mapped from; nil: none
	replayed *replayed // nil: nothing, or long ago
	format   int       // of the packet forwarded last
	waiting  bool      // video: for a keyframe
	askAt    int64     // when to ask for one again

	allowance allowance

	// routes are for the formats of routed, by their index there.
	routes []route
	routed *formats

	reports  reportState
	rtxSeq   uint16
	budget   int
	lookups  lookups
	repaired []repaired // made at the first retransmission
	onFirst  func()     // nil once something was sent
	stats    SubscriptionStats
}

// route is how packets of one incoming format go out.
type route struct {
	ok     bool // the viewer takes it
	pt     uint8
	rtx    uint8 // 0: none
	change change
	types  *[128]uint8 // for retype
}

// begin lets packets flow. Video begins with the last keyframe, if it is fresh
// enough, else the publisher is asked for one.
func (sub *Subscription) begin() {
	sub.mu.Lock()
	if sub.closed || sub.paused || sub.flowing.Load() {
		sub.mu.Unlock()
		return
	}
	sub.mu.Unlock()
	if sub.track.replay(sub) {
		return
	}
	sub.mu.Lock()
	if sub.closed || sub.paused || sub.flowing.Load() {
		sub.mu.Unlock()
		return
	}
	now := sub.track.keyframes.now.Load()
	sub.source, sub.waiting = nil, sub.video
	sub.askAt = now + keyframeRetry
	sub.flowing.Store(true)
	ok := sub.allowance.grants(now, sub.track.keyframes.last.Load())
	sub.mu.Unlock()
	if ok { // else Tick asks later
		sub.track.RequestKeyframe()
	}
}

// Pause stops the packets. The viewer's stream will go on where it was.
func (sub *Subscription) Pause() {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.paused = true
	sub.source = nil
	sub.flowing.Store(false)
}

// Resume ends a pause; video goes on with the next keyframe.
func (sub *Subscription) Resume() {
	sub.mu.Lock()
	was := sub.paused
	sub.paused = false
	sub.mu.Unlock()
	if !was {
		return
	}
	sub.sender.mu.Lock()
	started := sub.sender.started
	sub.sender.mu.Unlock()
	if started {
		sub.begin()
	}
}

// Close ends the subscription. No packet is sent once it has returned.
func (sub *Subscription) Close() {
	sub.mu.Lock()
	was := sub.closed
	sub.closed = true
	sub.source = nil
	sub.flowing.Store(false)
	sub.mu.Unlock()
	if was {
		return
	}
	sub.track.unsubscribe(sub)
	sub.sender.remove(sub)
}

// lose is told that an input has ended.
func (sub *Subscription) lose(in *Input) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.source != nil && sub.source.input == in {
		sub.source, sub.waiting = nil, sub.video
		sub.askAt = sub.track.keyframes.now.Load() + keyframeRetry
	}
}

// SetFormats says what the viewer accepts from now on.
func (sub *Subscription) SetFormats(list []Format) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.formats = slices.Clone(list)
	sub.routed = nil
}

func (sub *Subscription) setExtensions(ids Extensions) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.ids = ids
}

// forward sends a burst of packets to the viewer, or not.
func (sub *Subscription) forward(list []*parcel, into *egress.Batch) {
	if !sub.flowing.Load() {
		return
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.flowing.Load() {
		return
	}
	for _, p := range list {
		sub.pass(p, into)
	}
}

// broke ends the viewer's connection, as sending to it panicked.
func (sub *Subscription) broke(panicked any) {
	sub.flowing.Store(false)
	sub.sender.sink.Fault("forwarding to a viewer", panicked)
}

// pass sends one packet to the viewer, or not; sub.mu is held.
func (sub *Subscription) pass(p *parcel, into *egress.Batch) {
	if p.size == 0 {
		sub.skip(p, into)
		return
	}
	r := sub.route(p)
	if !r.ok {
		sub.stats.DroppedFormat++
		sub.drop(p)
		return
	}
	if !sub.start(p) {
		sub.stats.DroppedWaiting++
		sub.drop(p)
		return
	}
	seq, ts, ok := sub.stream.Map(p.now, p.header.Sequence, p.header.Timestamp)
	if !ok {
		sub.stats.DroppedLate++
		return
	}
	sub.format = p.format
	out := outgoing{pt: r.pt, change: r.change, types: r.types, seq: seq, ts: sub.timestamp(p, ts), ssrc: sub.ssrc}
	if sub.hasRTX(r) {
		out.pad = p.pad
	}
	out.stamped = !sub.video || sub.hasRTX(r)
	n := sub.send(into, p, out)
	sub.budget = min(sub.budget+n/budgetShare, maxBudget)
}

// hasRTX reports whether what is sent again has numbers of its own. Where it does
// not, it has to be byte for byte what was sent first, as a key stream serves one
// text only (RFC 3711 section 9.1): so without padding and the time of sending.
func (sub *Subscription) hasRTX(r route) bool { return r.rtx != 0 && sub.rtxSSRC != 0 }

// start tells whether the packet may be forwarded: whether it goes on with what
// was forwarded so far, or is where a viewer can begin.
func (sub *Subscription) start(p *parcel) bool {
	if sub.video && sub.source == p.source && sub.format != p.format {
		sub.waiting, sub.askAt = true, p.now // another decoder takes over
	}
	if sub.source == p.source && !sub.waiting {
		return true
	}
	if !p.descriptor.Keyframe {
		if sub.video && !sub.waiting {
			sub.waiting, sub.askAt = true, p.now
		}
		return false
	}
	if sub.source != p.source {
		rate := p.source.input.formats.list[p.format].Codec.ClockRate
		sub.stream.Switch(p.now, p.header.Sequence, p.header.Timestamp, rate)
		sub.source = p.source
		sub.reports.next = 0 // tell the new relation of the clocks soon
	}
	sub.waiting = false
	return true
}

// drop leaves a packet out of the viewer's stream.
func (sub *Subscription) drop(p *parcel) {
	if sub.source == p.source {
		sub.stream.Drop(p.header.Sequence)
	}
}

// skip leaves out a packet without payload. If it came so late that the viewer
// has seen the gap, it gets it, lest it asks for ever.
func (sub *Subscription) skip(p *parcel, into *egress.Batch) {
	sub.stats.DroppedPadding++
	if sub.source != p.source || !sub.stream.Drop(p.header.Sequence) {
		return
	}
	r := sub.route(p)
	seq, ts, ok := sub.stream.Map(p.now, p.header.Sequence, p.header.Timestamp)
	if ok && r.ok {
		sub.send(into, p, outgoing{pt: r.pt, seq: seq, ts: ts, ssrc: sub.ssrc})
	}
}

// send writes a packet and counts it. It tells the size of what was sent.
func (sub *Subscription) send(into *egress.Batch, p *parcel, out outgoing) int {
	slot := sub.sender.sink.Reserve(into, headroom+p.size+int(out.pad))
	if slot == nil {
		p.count(nil, &sub.stream) // spent, as the sequence number is: it may be asked for
		sub.stats.DroppedSink++
		return 0
	}
	b := p.build(slot, sub, out)
	if len(b) == 0 {
		sub.stats.DroppedFormat++
		return 0
	}
	if !sub.sender.sink.Seal(into, b) {
		sub.stats.DroppedSink++
		return 0
	}
	if out.repair {
		sub.stats.RTX++
		return len(b)
	}
	if sub.onFirst != nil {
		sub.onFirst()
		sub.onFirst = nil
	}
	sub.stats.Packets++
	sub.stats.Bytes += uint64(p.size) //nolint:gosec // never negative
	return len(b)
}

// route is how the parcel's packet goes out.
func (sub *Subscription) route(p *parcel) route {
	if fs := p.source.input.formats; sub.routed != fs {
		sub.routed = fs
		sub.routes = sub.plan(fs)
	}
	r := sub.routes[p.format]
	if r.change == stripRED && p.size > 0 {
		i, ok := sub.routed.find(p.red.PrimaryType())
		if !ok || sub.routed.list[i].red {
			return route{}
		}
		r = sub.routes[i]
		r.change = stripRED
	}
	return r
}

// plan finds a route for each incoming format.
func (sub *Subscription) plan(fs *formats) []route {
	routes := make([]route, len(fs.list))
	var types [128]uint8
	for i := range types {
		types[i] = red.Unknown
	}
	for i := range fs.list {
		for _, f := range sub.formats {
			if !f.Codec.Matches(fs.list[i].Codec) {
				continue
			}
			routes[i] = route{ok: true, pt: f.PayloadType, rtx: f.RTX}
			if !fs.list[i].red { // which does not nest
				types[fs.list[i].PayloadType&0x7f] = f.PayloadType
			}
			break
		}
	}
	for i := range fs.list {
		switch {
		case !fs.list[i].red:
		case !routes[i].ok:
			routes[i] = route{change: stripRED}
		default:
			routes[i].change, routes[i].types = retype, &types
		}
	}
	return routes
}
