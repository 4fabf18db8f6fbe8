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
)

// keyframes asks a track's source for keyframes: merged and limited, since each
// one costs the publisher as much as many frames.
type keyframes struct {
	// wanted is a request that has not been sent. It is atomic only so that
	// the fan-out sees without the mutex that there is none.
	wanted atomic.Bool
	now    atomic.Int64 // the latest time known

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
