package track

import (
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"
)

const (
	// keyframePause is the least time between two requests to one source, in ns.
	keyframePause = 300 * millisecond
	// keyframeRetry is when a request is repeated whose keyframe has not come.
	keyframeRetry = 500 * millisecond
	// allowEvery is how often one viewer may have the publisher asked, in the
	// long run, and allowBurst how often in a row: each keyframe costs the
	// publisher and all other viewers as much as many frames.
	allowEvery = 3 * second
	allowBurst = 4
)

// allowance holds one viewer to that. Guarded by Subscription.mu.
type allowance struct {
	paid    int64 // up to when what it may in the long run is used
	granted bool  // the viewer's last request was
	denied  bool  // it was not, and waits for its turn
	at      int64 // when
}

// grants tells whether a viewer may have the publisher asked. A request that
// the last keyframe, which came at a time, has not answered costs nothing more.
func (a *allowance) grants(now, came int64) bool {
	if a.granted && a.at > came {
		return true
	}
	a.paid = max(a.paid, now)
	a.granted, a.at = a.paid-now <= (allowBurst-1)*allowEvery, now
	a.denied = !a.granted
	if a.granted {
		a.paid += allowEvery
	}
	return a.granted
}

// waits tells whether a request that was denied is still of use.
func (a *allowance) waits(came int64) bool { return a.denied && a.at > came }

// keyframes asks a track's source for keyframes: merged and limited, since each
// one costs the publisher as much as many frames.
type keyframes struct {
	// wanted is a request that has not been sent. It is atomic only so that
	// the fan-out sees without the mutex that there is none.
	wanted atomic.Bool
	now    atomic.Int64 // the latest time known
	last   atomic.Int64 // when a keyframe came

	mu sync.Mutex
	// Guarded by mu.
	target *source // who is asked; nil: nobody
	asked  bool    // lastAt is valid for target
	lastAt int64
	begin  bool // target is not forwarded before its keyframe
	closed bool
}

// advance tells the time. Of several goroutines' times the latest counts.
func (k *keyframes) advance(now int64) {
	for old := k.now.Load(); now > old && !k.now.CompareAndSwap(old, now); old = k.now.Load() {
	}
}

func (k *keyframes) request() {
	k.wanted.Store(true)
	k.send()
}

// aim makes a source the one that is asked; nil: none.
func (k *keyframes) aim(src *source) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.target, k.asked, k.begin = src, false, false
}

// await asks for the keyframe that a new source begins with.
func (k *keyframes) await(src *source) {
	k.mu.Lock()
	first := k.target == src && !k.begin
	k.begin = k.begin || first
	k.mu.Unlock()
	if first {
		k.request()
	} else {
		k.send()
	}
}

// came is told that a keyframe is being forwarded: it answers all requests so
// far.
func (k *keyframes) came() {
	k.wanted.Store(false)
	k.last.Store(k.now.Load())
	k.mu.Lock()
	k.begin = false
	k.mu.Unlock()
}

// tick sends what waited for the end of a pause.
func (k *keyframes) tick(now int64) {
	k.advance(now)
	k.mu.Lock()
	if k.begin && k.asked && now-k.lastAt >= keyframeRetry {
		k.wanted.Store(true)
	}
	k.mu.Unlock()
	k.send()
}

// send sends a request if one is wanted and may be sent.
func (k *keyframes) send() {
	if !k.wanted.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now.Load()
	if k.target == nil || k.closed || k.asked && now-k.lastAt < keyframePause || !k.wanted.Load() {
		return
	}
	if k.target.input.receiver.requestKeyframe(k.target.ssrc) {
		k.wanted.Store(false)
	}
	k.asked, k.lastAt = true, now
}

func (k *keyframes) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed, k.target = true, nil
}

// requestKeyframe sends a picture loss indication (RFC 4585 section 6.3.1),
// alone: reduced-size RTCP (RFC 5506) is negotiated.
func (r *Receiver) requestKeyframe(ssrc uint32) bool {
	b, err := (&rtcp.PictureLossIndication{SenderSSRC: r.ssrc, MediaSSRC: ssrc}).Marshal()
	if err != nil || !r.sink.WriteRTCP(b) {
		return false
	}
	r.plis.Add(1)
	return true
}
