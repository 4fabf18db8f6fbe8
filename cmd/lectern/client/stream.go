package client

import (
	"sync"
	"time"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
	"lectern/signaling/protocol"
)

// Key names a stream: whose it is, of what type, and which of its two kinds.
type Key struct {
	Member protocol.MemberID
	Stream protocol.StreamType // StreamUser or StreamDisplay
	Kind   codec.Kind
}

// Stats is what came of a stream until now. Times are zero until they are
// known.
type Stats struct {
	Active    int // connectors that receive it at present
	Packets   int64
	Bytes     int64 // of payload
	Frames    int64 // of video, by the packets that end them
	Keyframes int64

	FirstPacket   time.Time
	FirstKeyframe time.Time
	LastFrame     time.Time
	// LongestGap is the longest time between two frames (two packets of audio)
	// since the first one, or since TakeGap. The time since the last one is not
	// in it.
	LongestGap time.Duration

	// Missing packets are those that never came, by the RTP sequence numbers,
	// that is between the server and here. A retransmission makes one good.
	Missing int64
	// Lost packets are those that the publisher sent and that never came, by
	// its stamps, from the first that did to the last. A stream that is not
	// shown for a while, or starts again at a keyframe, loses some on purpose.
	Lost int64

	Source  uint32 // of the last stamp; 0: none came
	Sources int    // how many sources there were, one after the other
	Latency Histogram
	// LastSent is when the newest packet that came was sent.
	LastSent time.Time

	Measured Measured
}

// Stream counts one stream as long as the client lives, whatever connectors it
// comes by. Its methods may be called concurrently.
type Stream struct {
	key     Key
	engine  *Engine
	changed func() // a first packet or a keyframe came

	mu sync.Mutex
	// Guarded by mu.
	stats  Stats
	stamps window
}

// Key is the stream's name.
func (s *Stream) Key() Key { return s.key }

// Stats gives the counters.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Lost = s.stamps.missing()
	return st
}

// TakeGap gives the longest gap up to now, the running one included, and
// starts the measurement anew.
func (s *Stream) TakeGap(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	gap := s.stats.LongestGap
	if !s.stats.LastFrame.IsZero() {
		gap = max(gap, now.Sub(s.stats.LastFrame))
		s.stats.LastFrame = now
	}
	s.stats.LongestGap = 0
	return gap
}

func (s *Stream) activate(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Active += n
}

func (s *Stream) isActive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats.Active > 0
}

// inflow is one RTP stream as it comes: one SSRC of one connector. Its reader
// owns it.
type inflow struct {
	sequence window
	counted  int64 // of sequence.missing, what the stream knows already
}

// take counts a packet. It does not allocate.
func (s *Stream) take(in *inflow, b []byte, now time.Time) {
	h, err := packet.Parse(b)
	if err != nil {
		return
	}
	payload := h.Payload(b)
	if !in.sequence.add(in.sequence.extend(h.Sequence)) {
		return // a retransmission of what was there already
	}
	s.mu.Lock()
	missing := in.sequence.missing()
	s.stats.Missing += missing - in.counted
	in.counted = missing
	news := len(payload) > 0 && s.count(&h, payload, now)
	s.mu.Unlock()
	if news {
		s.changed()
	}
}

// count takes a packet that did not come by this connector before. It reports
// whether it is the first of something.
func (s *Stream) count(h *packet.Header, payload []byte, now time.Time) bool {
	st := &s.stats
	if stamp, ok := readStamp(payload); ok {
		if stamp.source != st.Source {
			st.Source = stamp.source
			st.Sources++
			s.stamps = window{given: s.stamps.missing()}
		}
		if !s.stamps.add(s.stamps.extend32(stamp.number)) {
			return false // it came by another connector
		}
		if sent := began.Add(time.Duration(stamp.sent - began.UnixNano())); sent.After(st.LastSent) {
			st.LastSent = sent
		}
		latency := time.Duration(sinceEpoch(now) - stamp.sent)
		st.Latency.Add(latency)
		if s.engine.measures(stamp.sent) {
			st.Measured.Packets++
			st.Measured.Latency.Add(latency)
		}
	}
	st.Packets++
	st.Bytes += int64(len(payload))
	news := st.FirstPacket.IsZero()
	if news {
		st.FirstPacket = now
	}
	if s.key.Kind == codec.Audio {
		s.beat(now)
		return news
	}
	if keyframe(payload) {
		st.Keyframes++
		news = true
		if st.FirstKeyframe.IsZero() {
			st.FirstKeyframe = now
		}
	}
	if h.Marker {
		st.Frames++
		s.beat(now)
	}
	return news
}

func (s *Stream) beat(now time.Time) {
	if last := s.stats.LastFrame; !last.IsZero() {
		s.stats.LongestGap = max(s.stats.LongestGap, now.Sub(last))
	}
	s.stats.LastFrame = now
}

var vp8 = codec.Codec{Name: "VP8", Kind: codec.Video}

func keyframe(payload []byte) bool { return vp8.Keyframe(payload) }
