package client

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// Clock rates of RTP timestamps, in Hz.
const (
	videoClock = 90_000
	audioClock = 48_000
)

const (
	// audioEvery is one packet of Opus.
	audioEvery = 20 * time.Millisecond
	audioBytes = 80 // 32 kbit/s
	// maxPayload is how much of a picture one packet holds, in bytes.
	maxPayload = 1100
	// keyframeTimes is how much larger than other pictures keyframes are.
	keyframeTimes = 5
	// maxBehind is how much is sent at once after the process was held up.
	// What is older was never sampled, as with a camera.
	maxBehind = 100 * time.Millisecond
)

// Video is a synthetic picture.
type Video struct {
	FPS     int // 1 to 120
	Bitrate int // bit/s, without keyframes
}

// on reports whether it is one at all.
func (v Video) on() bool { return v.FPS > 0 }

func (v Video) clamped() Video {
	return Video{FPS: min(max(v.FPS, 0), 120), Bitrate: min(max(v.Bitrate, 0), 50_000_000)}
}

// Media is what a member sends of itself. The zero value is nothing.
type Media struct {
	Audio bool
	Video Video // nothing if FPS is 0
}

// source makes the packets of one kind of one stream type.
type source struct {
	kind    codec.Kind
	stream  protocol.StreamType
	id      uint32
	asked   atomic.Bool // a keyframe was asked for
	outlets atomic.Pointer[[]*outlet]

	// gap is the longest time in which nothing was made that was due, in
	// nanoseconds.
	gap atomic.Int64

	// Owned by the publisher's goroutine.
	due     time.Time // of the next packet or picture; zero: at once
	last    time.Time // when the last packet or picture was made; zero: none
	number  uint32    // of the last packet
	picture uint16
	buffer  []byte
}

func newSource(stream protocol.StreamType, kind codec.Kind) *source {
	s := &source{kind: kind, stream: stream, id: rand.Uint32() | 1, buffer: make([]byte, maxPayload)}
	s.asked.Store(true)
	for i := range s.buffer {
		s.buffer[i] = byte(i)
	}
	return s
}

// publisher makes the packets of a client: one goroutine, from the first
// Publish or Share to Close.
type publisher struct {
	sources [3]*source // camera, microphone, screen

	mu sync.Mutex
	// Guarded by mu.
	media   Media
	screen  Video
	running bool
	closed  bool
	outlets []*outlet

	wake chan struct{}
	done chan struct{}
	ends sync.WaitGroup
}

func newPublisher() *publisher {
	return &publisher{
		sources: [3]*source{
			newSource(protocol.StreamUser, codec.Video),
			newSource(protocol.StreamUser, codec.Audio),
			newSource(protocol.StreamDisplay, codec.Video),
		},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// source is what makes a kind of a stream type; nil if nothing does.
func (p *publisher) source(stream protocol.StreamType, k codec.Kind) *source {
	for _, s := range p.sources {
		if s.stream == stream && s.kind == k {
			return s
		}
	}
	return nil
}

// set says what is made from now on.
func (p *publisher) set(change func(m *Media, screen *Video)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.media, &p.screen)
	p.media.Video, p.screen = p.media.Video.clamped(), p.screen.clamped()
	if !p.running && !p.closed && (p.media.Audio || p.media.Video.on() || p.screen.on()) {
		p.running = true
		p.ends.Go(p.run) // until close
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *publisher) settings() (Media, Video) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.media, p.screen
}

// sends reports whether a kind of a stream type is on.
func (p *publisher) sends(stream protocol.StreamType, k codec.Kind) bool {
	media, screen := p.settings()
	switch {
	case stream == protocol.StreamDisplay:
		return k == codec.Video && screen.on()
	case k == codec.Audio:
		return media.Audio
	}
	return media.Video.on()
}

// close ends the goroutine; it is called once.
func (p *publisher) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	close(p.done)
	p.ends.Wait()
}

// attach adds a way out, and detach takes it back.
func (p *publisher) attach(o *outlet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outlets = append(p.outlets, o)
	p.share(o.source)
}

func (p *publisher) detach(o *outlet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.outlets {
		if x == o {
			p.outlets = append(p.outlets[:i:i], p.outlets[i+1:]...)
			break
		}
	}
	p.share(o.source)
}

// share gives the source its own list; p.mu is held.
func (p *publisher) share(s *source) {
	var list []*outlet
	for _, o := range p.outlets {
		if o.source == s {
			list = append(list, o)
		}
	}
	s.outlets.Store(&list)
}

func (p *publisher) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.done:
			return
		}
		media, screen := p.settings()
		now := time.Now()
		next := now.Add(time.Hour)
		for _, s := range p.sources {
			video := media.Video
			if s.stream == protocol.StreamDisplay {
				video = screen
			}
			every := audioEvery
			switch {
			case s.kind == codec.Audio && !media.Audio, s.kind == codec.Video && !video.on():
				s.due, s.last = time.Time{}, time.Time{}
				continue
			case s.kind == codec.Video:
				every = time.Second / time.Duration(video.FPS)
			}
			s.make(now, every, video)
			if s.due.Before(next) {
				next = s.due
			}
		}
		timer.Reset(time.Until(next))
	}
}

// make sends what is due.
func (s *source) make(now time.Time, every time.Duration, video Video) {
	if s.due.IsZero() || now.Sub(s.due) > maxBehind {
		s.due = now
	}
	for ; !s.due.After(now); s.due = s.due.Add(every) {
		if !s.last.IsZero() {
			s.gap.Store(max(s.gap.Load(), int64(now.Sub(s.last))))
		}
		s.last = now
		if s.kind == codec.Audio {
			s.buffer[0] = 0x78 // fullband, 20 ms, one frame (RFC 6716 section 3.1)
			s.send(audioBytes, false, s.due)
			continue
		}
		s.frame(video)
	}
}

// frame sends one picture.
func (s *source) frame(video Video) {
	left := video.Bitrate / 8 / video.FPS
	key := s.asked.Swap(false)
	if key {
		left *= keyframeTimes
	}
	s.picture++
	for first := true; first || left > 0; first = false {
		size := s.describe(first, key) + stampSize
		size = max(size, min(left, maxPayload))
		left -= size
		s.send(size, left <= 0, s.due)
	}
}

// describe writes what a payload of VP8 begins with and gives its length: the
// descriptor with a picture id (RFC 7741 section 4.2), and in a picture's first
// packet the frame's own header (section 4.3 and RFC 6386 section 9.1).
func (s *source) describe(first, key bool) int {
	b := s.buffer
	b[0], b[1] = 0x80, 0x80
	binary.BigEndian.PutUint16(b[2:], 0x8000|s.picture)
	if !first {
		return 4
	}
	b[0] |= 0x10 // S: a partition starts
	b[4], b[5], b[6] = 0x11, 0, 0
	if !key {
		return 7
	}
	b[4] = 0x10
	copy(b[7:], []byte{0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01}) // 640 by 360
	return 14
}

// send sends one packet to all who take it.
func (s *source) send(size int, last bool, at time.Time) {
	list := s.outlets.Load()
	if list == nil || len(*list) == 0 {
		if s.kind == codec.Video {
			s.asked.Store(true) // the first to come begins with a keyframe
		}
		return
	}
	rate := int64(audioClock)
	if s.kind == codec.Video {
		rate = videoClock
	}
	s.number++
	payload := s.buffer[:size]
	stamp{source: s.id, number: s.number, sent: sinceEpoch(time.Now())}.put(payload)
	timestamp := uint32(at.Sub(began).Microseconds() * rate / 1_000_000) //nolint:gosec // wraps around
	for _, o := range *list {
		o.write(rtp.Header{Version: 2, Marker: last, Timestamp: timestamp}, payload)
	}
}
