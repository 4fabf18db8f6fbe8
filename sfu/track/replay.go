package track

import (
	"lectern/sfu/codec"
	"lectern/sfu/egress"
	"lectern/sfu/packet"
)

const (
	// replayTime is how old, in ns, the last keyframe may be for a viewer to
	// begin with it instead of waiting for a fresh one: as long as the cache
	// reaches back, less a margin.
	replayTime = 900 * millisecond
	// maxReplay and maxReplayBytes bound the burst: with more than that a fresh
	// keyframe is there sooner than the viewer's line has taken it.
	maxReplay      = 256
	maxReplayBytes = 192 << 10
	// replayStep is the distance, in ticks of 90 kHz, between the timestamps of
	// replayed frames.
	replayStep = 90
	// rememberReplay is how long, in ns, they are remembered, for those that are
	// asked for again.
	rememberReplay = 3 * second
)

// lastKeyframe is where a viewer can begin. Guarded by Track.mu.
type lastKeyframe struct {
	source    *source // nil: there is none
	seq       uint16  // of its first packet
	timestamp uint32
	at        int64 // when that packet came
}

// lastSent is the newest packet that all viewers had. Guarded by Track.flushing.
type lastSent struct {
	source *source
	seq    uint16
}

func (l *lastSent) note(list []*parcel) {
	for _, p := range list {
		if l.source != p.source || packet.SequenceNewer(p.header.Sequence, l.seq) {
			*l = lastSent{p.source, p.header.Sequence}
		}
	}
}

// replayed is what a viewer was sent that had come before it. Its frames were
// given timestamps close together, before that of the newest one, so that the
// viewer shows them at once and does not stay behind by the keyframe's age.
type replayed struct {
	frames []uint32 // the source's timestamps, in order
	newest uint32   // the outgoing timestamp of the last one
	until  int64
}

// timestamp is the outgoing one of a replayed frame.
func (r *replayed) timestamp(ts uint32) (out uint32, ok bool) {
	for i, t := range r.frames {
		if t == ts {
			return r.newest - uint32(len(r.frames)-1-i)*replayStep, true //nolint:gosec // bounded by maxReplay
		}
	}
	return 0, false
}

// replay has a subscription begin with the last keyframe and what followed, if
// that is not too long ago and still there. It reports false if not: then the
// subscription waits for the next one.
func (t *Track) replay(sub *Subscription) bool {
	if t.kind != codec.Video {
		return false
	}
	t.flushing.Lock() // what comes meanwhile follows
	defer t.flushing.Unlock()
	list := t.sinceKeyframe()
	if len(list) == 0 {
		return false
	}
	into := sub.sender.sink.Begin()
	began := sub.beginWith(list, into)
	sub.sender.sink.End(into)
	for _, p := range list {
		p.free()
	}
	return began
}

// sinceKeyframe are the packets from the last keyframe to what was sent last, none
// if a viewer cannot begin there. t.flushing is held.
func (t *Track) sinceKeyframe() (list []*parcel) {
	t.mu.Lock()
	key, now := t.key, t.keyframes.now.Load()
	alive := !t.closed && key.source != nil && key.source == t.current
	t.mu.Unlock()
	count := int(t.newest.seq-key.seq) + 1
	if !alive || t.newest.source != key.source || now-key.at > replayTime || count > maxReplay {
		return nil
	}
	raw := make([]byte, 0, maxPacket)
	bytes := 0
	for i := range count {
		b, ok := key.source.cache.Get(key.seq+uint16(i), raw) //nolint:gosec // at most maxReplay
		if !ok {
			if i == 0 {
				return nil
			}
			continue // lost on the way here; it may still come
		}
		h, err := packet.Parse(b)
		p := parcels.Get().(*parcel)
		if bytes += len(b); err != nil || bytes > maxReplayBytes || !p.load(key.source, b, &h, now) {
			p.free()
			for _, p := range list {
				p.free()
			}
			return nil
		}
		list = append(list, p)
	}
	for _, p := range list[:len(list)-1] {
		p.now = key.at // where the outgoing stream goes on
	}
	return list
}

// beginWith begins the subscription with packets that came before it.
func (sub *Subscription) beginWith(list []*parcel, into *egress.Batch) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.closed || sub.paused || sub.flowing.Load() || !sub.route(list[0]).ok {
		return false
	}
	sub.source, sub.waiting = nil, true
	sub.askAt = list[len(list)-1].now + keyframeRetry
	sub.flowing.Store(true)
	r := &replayed{until: list[len(list)-1].now + rememberReplay}
	for _, p := range list {
		if n := len(r.frames); n == 0 || r.frames[n-1] != p.header.Timestamp {
			r.frames = append(r.frames, p.header.Timestamp)
		}
	}
	// The first packet tells how the source's timestamps are mapped.
	if !sub.start(list[0]) {
		return true // and it waits for a keyframe
	}
	first := list[0].header
	_, ts, ok := sub.stream.Map(list[0].now, first.Sequence, first.Timestamp)
	if ok {
		r.newest = ts + r.frames[len(r.frames)-1] - first.Timestamp
		sub.replayed = r
	}
	for _, p := range list {
		sub.pass(p, into)
	}
	return true
}

// timestamp is the outgoing timestamp of a packet that Map mapped to ts; sub.mu
// is held.
func (sub *Subscription) timestamp(p *parcel, ts uint32) uint32 {
	if sub.replayed == nil {
		return ts
	}
	if p.now > sub.replayed.until {
		sub.replayed = nil
		return ts
	}
	if out, ok := sub.replayed.timestamp(p.header.Timestamp); ok {
		return out
	}
	return ts
}
