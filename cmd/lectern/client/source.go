package client

import (
	"encoding/binary"
	"math/rand/v2"
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
	// maxPayload is how much of a picture one packet holds, in bytes, and
	// mostPayload how much it may hold.
	maxPayload  = 1100
	mostPayload = 1200
	// minPayload is room for the descriptor, a keyframe and the stamp.
	minPayload = 4 + 27 + stampSize
	// keyframeTimes is how much larger than other pictures keyframes are.
	keyframeTimes = 5
	// maxBehind is how much is sent at once after the process was held up.
	// What is older was never sampled, as with a camera.
	maxBehind = 100 * time.Millisecond
	// unevenness is by how much the pictures of SplitEven are larger or smaller
	// than the mean.
	unevenness = 0.25
)

// Split is how a picture is cut into packets.
type Split uint8

const (
	// SplitFull fills every packet but the last of a picture.
	SplitFull Split = iota
	// SplitExact makes packets of one size only; what is over goes with the next
	// picture. It is the best case for who sends them on.
	SplitExact
	// SplitEven makes all packets of a picture about as large, the larger ones
	// last, as libwebrtc does, and pictures of different sizes, as encoders do.
	SplitEven
)

// Video is a synthetic picture.
type Video struct {
	FPS     int // 1 to 120
	Bitrate int // bit/s, without keyframes

	Split      Split
	MaxPayload int           // bytes of payload in a packet, 100 to 1200; 0: 1100
	Spread     time.Duration // over which the packets of a picture leave; 0: all at once
}

// on reports whether it is one at all.
func (v Video) on() bool { return v.FPS > 0 }

// clamped is the video within the limits. A picture leaves before the next.
func (v Video) clamped() Video {
	v.FPS = min(max(v.FPS, 0), 120)
	v.Bitrate = min(max(v.Bitrate, 0), 50_000_000)
	if v.MaxPayload == 0 {
		v.MaxPayload = maxPayload
	}
	v.MaxPayload = min(max(v.MaxPayload, 100), mostPayload)
	if v.FPS > 0 {
		v.Spread = min(max(v.Spread, 0), time.Second/time.Duration(v.FPS)*9/10)
	}
	return v
}

// source makes the packets of one kind of one stream type.
type source struct {
	engine  *Engine
	kind    codec.Kind
	stream  protocol.StreamType
	id      uint32
	asked   atomic.Bool // a keyframe was asked for
	outlets atomic.Pointer[[]*outlet]

	measured atomic.Int64 // packets sent within the time of Engine.Measure
	// gap is the longest time in which nothing was made that was due, in
	// nanoseconds.
	gap atomic.Int64

	// Owned by the publisher's goroutine.
	due     time.Time // of the next packet or picture; zero: at once
	last    time.Time // when the last packet or picture was made; zero: none
	number  uint32    // of the last packet
	picture uint16
	carry   int    // bytes of SplitExact that the next picture has to carry
	parts   []part // of a picture, that are still to be sent
	vary    *rand.Rand
	buffer  []byte
}

// rtpTime is the RTP timestamp of what is sampled at a time.
func rtpTime(k codec.Kind, at time.Time) uint32 {
	rate := int64(audioClock)
	if k == codec.Video {
		rate = videoClock
	}
	return uint32(at.Sub(began).Microseconds() * rate / 1_000_000) //nolint:gosec // wraps around
}

// part is a packet of a picture.
type part struct {
	due              time.Time
	at               time.Time // of the picture
	size             int
	first, last, key bool
}

func newSource(e *Engine, stream protocol.StreamType, kind codec.Kind) *source {
	s := &source{
		engine: e, kind: kind, stream: stream, id: rand.Uint32() | 1, buffer: make([]byte, mostPayload),
		vary: rand.New(rand.NewPCG(1, 2)), //nolint:gosec // runs are to be alike
	}
	s.asked.Store(true)
	for i := range s.buffer {
		s.buffer[i] = byte(i)
	}
	return s
}

// stop forgets what was to be sent.
func (s *source) stop() { s.due, s.last, s.parts = time.Time{}, time.Time{}, s.parts[:0] }

// next is when there is something to send.
func (s *source) next() time.Time {
	if len(s.parts) > 0 && s.parts[0].due.Before(s.due) {
		return s.parts[0].due
	}
	return s.due
}

// make sends what is due.
func (s *source) make(now time.Time, every time.Duration, video Video) {
	s.flush(now)
	if s.due.IsZero() {
		s.due = now
	}
	if behind := now.Sub(s.due); behind > maxBehind {
		s.engine.lateSends.add(behind)
		s.engine.missed.Add(int64(behind / every))
		s.due = now
	}
	for ; !s.due.After(now); s.due = s.due.Add(every) {
		s.engine.lateSends.add(now.Sub(s.due))
		s.engine.made.Add(1)
		if !s.last.IsZero() {
			s.gap.Store(max(s.gap.Load(), int64(now.Sub(s.last))))
		}
		s.last = now
		if s.kind == codec.Audio {
			s.buffer[0] = 0x78 // fullband, 20 ms, one frame (RFC 6716 section 3.1)
			s.send(audioBytes, false, s.due)
			continue
		}
		s.frame(video.clamped())
		s.flush(now)
	}
}

// frame cuts one picture into packets.
func (s *source) frame(video Video) {
	s.flush(s.due) // an earlier picture's
	total := video.Bitrate / 8 / video.FPS
	key := s.asked.Swap(false)
	if key {
		total *= keyframeTimes
	}
	s.picture++
	sizes := s.split(total, video)
	for i, size := range sizes {
		s.parts = append(s.parts, part{
			due: s.due.Add(video.Spread * time.Duration(i) / time.Duration(len(sizes))), at: s.due,
			size: max(size, minPayload), first: i == 0, last: i == len(sizes)-1, key: key,
		})
	}
}

// split gives the sizes of the packets of a picture, at least one.
func (s *source) split(total int, video Video) []int {
	var sizes []int
	most := video.MaxPayload
	switch video.Split {
	case SplitExact:
		s.carry += total
		for s.carry >= most {
			sizes = append(sizes, most)
			s.carry -= most
		}
		if len(sizes) == 0 {
			sizes, s.carry = []int{s.carry}, 0
		}
	case SplitEven:
		total = int(float64(total) * (1 - unevenness + 2*unevenness*s.vary.Float64()))
		n := max((total+most-1)/most, 1)
		for i := range n {
			sizes = append(sizes, (total+i)/n)
		}
	default:
		for ; total > most; total -= most {
			sizes = append(sizes, most)
		}
		sizes = append(sizes, total)
	}
	return sizes
}

// flush sends the packets of a picture that are due.
func (s *source) flush(now time.Time) {
	n := 0
	for ; n < len(s.parts) && !s.parts[n].due.After(now); n++ {
		p := s.parts[n]
		if !p.first {
			s.engine.lateSends.add(now.Sub(p.due))
		}
		s.describe(p.first, p.key)
		s.send(p.size, p.last, p.at)
	}
	s.parts = s.parts[:copy(s.parts, s.parts[n:])]
}

// describe writes what a payload of VP8 begins with: the descriptor with a
// picture id (RFC 7741 section 4.2), and in a picture's first packet the frame.
func (s *source) describe(first, key bool) {
	b := s.buffer
	b[0], b[1] = 0x80, 0x80
	binary.BigEndian.PutUint16(b[2:], 0x8000|s.picture)
	if !first {
		return
	}
	b[0] |= 0x10 // S: a partition starts
	picture := interPicture
	if key {
		picture = keyPicture
	}
	copy(b[4:], picture)
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
	s.number++
	payload := s.buffer[:size]
	sent := sinceEpoch(time.Now())
	stamp{source: s.id, number: s.number, sent: sent}.put(payload)
	if s.engine.measures(sent) {
		s.measured.Add(1)
	}
	timestamp := rtpTime(s.kind, at)
	for _, o := range *list {
		o.write(rtp.Header{Version: 2, Marker: last, Timestamp: timestamp}, payload)
	}
}
