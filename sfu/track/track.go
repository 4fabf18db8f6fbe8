package track

import (
	"slices"
	"sync"
	"sync/atomic"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
)

// staleAfter is how long, in ns, the current source may be silent before one
// that it has superseded may take over again.
const staleAfter = 2 * second

// Track is one publication's audio or video. It outlives its inputs: when the
// publisher's connector or device changes, subscriptions see one stream go on.
type Track struct {
	kind      codec.Kind
	fan       *Fanout // nil: all on the reader
	ranks     atomic.Uint64
	keyframes keyframes
	playing   atomic.Pointer[codec.Codec] // of what was laid by last

	// subscriptions is replaced, never changed.
	subscriptions atomic.Pointer[[]*Subscription]
	changing      sync.Mutex // held to replace it

	// flushing is held while a burst goes out, and while an input ends.
	flushing sync.Mutex
	spare    []*parcel // guarded by flushing: memory for the next burst
	newest   lastSent  // guarded by flushing
	gather   gathering // guarded by flushing
	split    sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu.
	closed    bool
	current   *source // what is forwarded; nil: nothing
	key       lastKeyframe
	aimed     *source // what keyframes are asked of: current, or what is to follow it
	format    int     // of current, the one laid by last; -1: none
	pending   []*parcel
	since     int64  // when the first of pending came
	complete  bool   // nothing is to be waited for
	ignored   uint64 // packets of sources that are not current
	malformed uint64
	limit     limiter // of what is forwarded
	limited   uint64  // packets that it cut
}

// Kind is what the track carries.
func (t *Track) Kind() codec.Kind { return t.kind }

// Codec is the format of the packets forwarded last; of redundant audio (RED)
// that of its primary block. ok is false before the first packet.
func (t *Track) Codec() (c codec.Codec, ok bool) {
	if p := t.playing.Load(); p != nil {
		return *p, true
	}
	return codec.Codec{}, false
}

// RequestKeyframe asks the publisher for a keyframe. Requests are merged: within
// 300 ms after one was sent the next waits for the end of that pause, and is
// dropped if a keyframe comes before. Without an input it waits for one.
func (t *Track) RequestKeyframe() {
	if t.kind == codec.Video {
		t.keyframes.request()
	}
}

// Close ends the track: nothing is forwarded any more.
func (t *Track) Close() {
	t.mu.Lock()
	t.closed = true
	if t.current != nil {
		t.current.cache.Release()
		t.current = nil
	}
	for _, p := range t.pending {
		p.free()
	}
	t.pending = nil
	t.mu.Unlock()
	t.keyframes.close()
}

// newSource makes the source of what begins to arrive on an input.
func (t *Track) newSource(in *Input, ssrc uint32) *source {
	return &source{input: in, ssrc: ssrc, rank: t.ranks.Add(1)}
}

// take lays a packet by for the subscriptions. It is called by the reader of the
// source's connector. It reports whether something waits for flush.
func (t *Track) take(src *source, b []byte, h *packet.Header, now int64, recovered bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keyframes.advance(now)
	if t.closed || src.input.ended.Load() {
		return false
	}
	if t.isBehind(src, now) {
		t.ignored++
		return false
	}
	p := parcels.Get().(*parcel)
	if !p.load(src, b, h, now) {
		t.malformed++
		p.free()
		return false
	}
	if src != t.current {
		if !t.takeOver(p) {
			p.free()
			return false
		}
	} else if t.aimed != src && (t.aimed == nil || t.aimed.rank < src.rank) {
		t.aim(src)
	}
	src.last = now
	if !t.limit.admits(h.Timestamp, p.descriptor.Keyframe, len(b), now) {
		t.cut(p)
	}
	if p.size > 0 {
		src.cache.Put(now, h.Sequence, b)
		t.notePlaying(p)
	}
	if p.descriptor.Keyframe && t.kind == codec.Video {
		t.keyframes.came()
		if t.key.source != src || t.key.timestamp != h.Timestamp { // its first packet
			t.key = lastKeyframe{src, h.Sequence, h.Timestamp, now}
		}
	}
	if len(t.pending) == 0 {
		t.since = now
	}
	t.pending = append(t.pending, p)
	t.complete = t.complete || h.Marker || recovered || t.kind == codec.Audio || len(t.pending) >= maxGather
	t.keyframes.send()
	return true
}

// cut leaves nothing of a parcel but its number, so that viewers see no gap. When
// the stream may go on, the publisher is asked for a frame to begin with.
func (t *Track) cut(p *parcel) {
	t.limited++
	p.size, p.descriptor = 0, codec.Descriptor{}
	if t.kind == codec.Video && t.limit.reopens() {
		t.keyframes.await(p.source)
	}
}

// isBehind tells whether a source has been superseded by one that is alive.
func (t *Track) isBehind(src *source, now int64) bool {
	cur := t.current
	return cur != nil && src.rank < cur.rank && now-cur.last < staleAfter
}

// takeOver makes a parcel's source the current one if it can begin here.
func (t *Track) takeOver(p *parcel) bool {
	src := p.source
	// That a source comes here that is behind the one asked so far means that
	// the latter is current, and silent.
	if t.aimed == nil || t.aimed.rank < src.rank || t.aimed == t.current {
		t.aim(src)
	}
	if !p.descriptor.Keyframe {
		if t.kind == codec.Video && p.size > 0 && t.aimed == src {
			t.keyframes.await(src)
		}
		return false
	}
	t.aim(src)
	if t.current != nil {
		t.current.superseded.Store(true)
		t.current.cache.Release() // its numbers are not served any more
	}
	src.superseded.Store(false)
	t.current, t.format = src, -1
	return true
}

func (t *Track) aim(src *source) {
	if t.aimed != src {
		t.aimed = src
		t.keyframes.aim(src)
	}
}

// notePlaying keeps Codec up to date.
func (t *Track) notePlaying(p *parcel) {
	f := &p.source.input.formats.list[p.format]
	if t.format == p.format {
		return
	}
	t.format = p.format
	if f.red {
		if i, ok := p.source.input.formats.find(p.red.PrimaryType()); ok {
			f = &p.source.input.formats.list[i]
		}
	}
	t.playing.Store(&f.Codec)
}

// detach is told that an input has ended.
func (t *Track) detach(in *Input) {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil && t.current.input == in {
		t.current.cache.Release()
		t.current = nil
	}
	if t.aimed != nil && t.aimed.input == in {
		t.aimed = nil
		t.keyframes.aim(nil)
	}
	t.pending = slices.DeleteFunc(t.pending, func(p *parcel) bool {
		ends := p.source.input == in
		if ends {
			p.free()
		}
		return ends
	})
	for _, sub := range *t.subscriptions.Load() {
		sub.lose(in)
	}
}

func (t *Track) subscribe(sub *Subscription) {
	t.changing.Lock()
	defer t.changing.Unlock()
	list := append(slices.Clip(*t.subscriptions.Load()), sub)
	t.subscriptions.Store(&list)
}

func (t *Track) unsubscribe(sub *Subscription) {
	t.changing.Lock()
	defer t.changing.Unlock()
	old := *t.subscriptions.Load()
	list := make([]*Subscription, 0, len(old))
	for _, s := range old {
		if s != sub {
			list = append(list, s)
		}
	}
	t.subscriptions.Store(&list)
}
