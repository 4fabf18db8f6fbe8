package track

import (
	"runtime"
	"sync"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
	"lectern/signaling/fault"
)

const (
	// gatherTime is how long, in ns, the packets of a video frame wait for its
	// last one, so that the frame leaves as one run.
	gatherTime = millisecond
	// Waiting is left off where it has been in vain: a packet that came while
	// others waited earns gatherGain more waits, of at most gatherMost; each wait
	// costs one. With none left every gatherProbe-th is tried all the same.
	gatherGain  = 3
	gatherMost  = 8
	gatherProbe = 64
	// maxGather is how many packets wait at most.
	maxGather = 32
	// leastPart is how many subscriptions each part has at least when a burst is
	// split over the cores: so none is with fewer than twice as many.
	leastPart = 128
	// maxPad is how many bytes of padding a packet gets at most: encoders cut a
	// frame into packets that differ by one byte, and seldom by a few.
	maxPad = 4
)

// flush gives what was laid by to the subscriptions, unless a frame's rest may
// still come: then it reports true, and until when, on the clock of now, it is to
// be called again.
func (t *Track) flush(into *egress.Batch, now int64) (held bool, until int64) {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	t.mu.Lock()
	list := t.pending
	if len(list) == 0 {
		t.gather.held = 0
		t.mu.Unlock()
		return false, 0
	}
	if until = t.since + gatherTime; !t.complete && now < until && t.gather.waits(len(list)) {
		t.mu.Unlock()
		return true, until
	}
	t.gather.ends(len(list))
	t.pending, t.complete = t.spare[:0], false
	t.mu.Unlock()
	t.newest.note(list)
	if t.kind == codec.Video {
		equalize(list)
	}
	t.fanOut(list, into)
	for i, p := range list {
		p.free()
		list[i] = nil
	}
	t.spare = list
	return false, 0
}

// gathering is whether the packets of a frame wait for its rest. Where they come
// spread out, as from a sender that paces them, or over a slow line, each would
// wait for nothing.
type gathering struct {
	spent   int // of gatherMost waits; none are left at gatherMost
	skipped int // waits left off since the last one
	held    int // packets that waited at first; 0: none do
}

// waits reports whether n packets are to wait.
func (g *gathering) waits(n int) bool {
	if g.held > 0 {
		return true
	}
	if g.spent >= gatherMost {
		if g.skipped++; g.skipped < gatherProbe {
			return false
		}
	}
	g.held, g.skipped = n, 0
	return true
}

// ends is told that n packets go.
func (g *gathering) ends(n int) {
	switch {
	case g.held == 0:
		return
	case n > g.held:
		g.spent = max(g.spent-gatherGain, 0)
	default:
		g.spent = min(g.spent+1, gatherMost)
	}
	g.held = 0
}

// equalize has the packets of a frame padded to the size of its largest one, if
// they are almost as large: a run takes packets of one size and a smaller one at
// its end, and encoders put the larger ones last. The last packet needs none.
func equalize(list []*parcel) {
	for len(list) > 0 {
		first, n, largest := list[0], 0, 0
		for n < len(list) && list[n].source == first.source && list[n].header.Timestamp == first.header.Timestamp {
			largest = max(largest, list[n].size)
			n++
		}
		for _, p := range list[:n-1] {
			if d := largest - p.size; d <= maxPad && p.size > 0 {
				p.pad = uint8(d) //nolint:gosec // 0..maxPad
			}
		}
		list = list[n:]
	}
}

// fanOut gives a burst to all subscriptions. t.flushing is held.
func (t *Track) fanOut(list []*parcel, into *egress.Batch) {
	subs := *t.subscriptions.Load()
	parts := 1
	if t.fan != nil {
		parts = min(t.fan.workers+1, max(1, len(subs)/leastPart))
	}
	each := (len(subs) + parts - 1) / max(parts, 1)
	for len(subs) > each {
		t.split.Add(1)
		t.fan.jobs <- job{list: list, subs: subs[len(subs)-each:], done: &t.split}
		subs = subs[:len(subs)-each]
	}
	forward(subs, list, into)
	if parts > 1 {
		t.split.Wait()
	}
}

// forward gives a burst to subscriptions.
func forward(subs []*Subscription, list []*parcel, into *egress.Batch) {
	for next := 0; next < len(subs); {
		next = forwardFrom(next, subs, list, into)
	}
}

// forwardFrom gives a burst to subscriptions from one on, and says which is the
// next: all of them, unless one panics. Then that viewer's connection ends, and the
// others get the burst.
func forwardFrom(i int, subs []*Subscription, list []*parcel, into *egress.Batch) (next int) {
	defer func() {
		if p := recover(); p != nil {
			subs[next-1].broke(p)
		}
	}()
	for ; i < len(subs); i++ {
		next = i + 1
		subs[i].forward(list, into)
	}
	return next
}

// Fanout is what the tracks of one server share: goroutines that take a part of
// a burst that has many receivers. Its methods may be called concurrently.
type Fanout struct {
	// MaxBitrate is the most of one track that is forwarded, in bit/s; 0: no
	// limit. It is to be set before use.
	MaxBitrate int

	workers int
	jobs    chan job
	ended   sync.WaitGroup
}

// job is a part of a burst.
type job struct {
	list []*parcel // not changed
	subs []*Subscription
	done *sync.WaitGroup
}

// NewFanout starts one worker less than there are cores. batch makes the batch of
// each. It runs until Close.
func NewFanout(batch func() *egress.Batch) *Fanout {
	f := &Fanout{workers: runtime.GOMAXPROCS(0) - 1}
	f.jobs = make(chan job, f.workers)
	for range f.workers {
		into := batch()
		f.ended.Go(func() { f.work(into) })
	}
	return f
}

func (f *Fanout) work(into *egress.Batch) {
	for j := range f.jobs {
		f.do(j, into)
	}
}

func (f *Fanout) do(j job, into *egress.Batch) {
	defer j.done.Done()
	defer fault.Contain(nil, "sending a burst", nil)
	forward(j.subs, j.list, into)
	into.Flush()
}

// Close ends the workers; no track may be fed any more.
func (f *Fanout) Close() {
	if f == nil {
		return
	}
	close(f.jobs)
	f.ended.Wait()
}

// New makes a track without inputs and subscriptions. f may be nil: then its
// bursts are never split.
func (f *Fanout) New(kind codec.Kind) *Track {
	t := &Track{kind: kind, fan: f}
	if f != nil {
		t.limit = newLimiter(f.MaxBitrate)
	}
	t.subscriptions.Store(new([]*Subscription))
	return t
}
