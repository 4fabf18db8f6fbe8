// Package receive keeps account of one incoming RTP stream: what came twice or
// never, what to ask for again and when, and what a receiver report says.
//
// It knows sequence numbers, timestamps and arrival times, but no packets, no
// RTCP format and no clock.
package receive

const (
	// window is how far behind the newest packet one may come and still be told
	// from a duplicate.
	window = 1024
	// maxJump is the distance over which a stream counts as restarted
	// (MAX_DROPOUT of RFC 3550 appendix A.1). One packet suffices: it was
	// authenticated by SRTP, so it is no stray of another session.
	maxJump = 3000
	second  = 1_000_000_000
)

// Verdict is what a packet is to its stream.
type Verdict uint8

// The verdicts.
const (
	Fresh     Verdict = iota // new, in order or not
	Duplicate                // came before
	Late                     // too old to tell
	Restarted                // the first of new numbers; nothing before it counts
)

// Stream is the account of one SSRC. Set Rate before use. It is owned by one
// goroutine, or by a lock of its owner's. Nothing allocates but the first loss.
type Stream struct {
	Rate uint32 // ticks of the timestamp per second
	Nack bool   // losses are to be asked for again

	began   bool
	base    int64 // the first packet; extended numbers begin with its own
	highest int64
	seen    [window / 64]uint64 // which of the last packets came
	stray   int64               // the number after the last Late packet
	strays  bool                // stray is valid

	report reportState
	loss   lossState
}

// Record takes a packet that arrived at now (monotonic, in nanoseconds).
// recovered says that it came by retransmission and was unwrapped; such a
// packet is not counted in reports, which are about the network.
func (s *Stream) Record(now int64, seq uint16, ts uint32, recovered bool) Verdict {
	verdict := Fresh
	if !s.began {
		if recovered {
			return Late // of a stream that is not known to have begun
		}
		s.begin(seq)
	}
	ext := s.highest + int64(int16(seq-uint16(s.highest))) //nolint:gosec // the circle's two halves
	if ext-s.highest > maxJump || ext-s.highest < -maxJump || s.isStray(ext, recovered) {
		if recovered {
			return Late
		}
		s.restart(seq)
		verdict, ext = Restarted, s.highest
	}
	if ext <= s.highest-window {
		if !recovered {
			s.stray, s.strays = ext+1, true
			s.report.received++
		}
		return Late
	}
	if !recovered {
		s.report.record(now, ts, s.Rate)
	}
	if ext > s.highest {
		s.lost(now, ext)
		s.advance(ext)
	} else if s.has(ext) {
		return Duplicate
	} else {
		s.found(now, ext)
	}
	word, bit := place(ext)
	s.seen[word] |= bit
	return verdict
}

// Highest is the newest packet's sequence number, extended by the number of
// cycles as a receiver report has it. ok is false before the first packet.
func (s *Stream) Highest() (ext uint32, ok bool) {
	return uint32(s.highest), s.began //nolint:gosec // wraps after 2^16 cycles (RFC 3550 A.1)
}

// isStray tells whether ext follows a Late packet at once: then they are no
// stragglers, the source went back (RFC 3550 appendix A.1, bad_seq).
func (s *Stream) isStray(ext int64, recovered bool) bool {
	return s.strays && !recovered && ext == s.stray && ext <= s.highest-window
}

// begin makes seq the first packet; it has not come yet.
func (s *Stream) begin(seq uint16) {
	s.began, s.strays = true, false
	s.base, s.highest = int64(seq), int64(seq)
	clear(s.seen[:])
	s.report.base()
	s.loss.missing = s.loss.missing[:0]
}

func (s *Stream) restart(seq uint16) { s.begin(seq) }

// advance moves the window so that it ends with ext.
func (s *Stream) advance(ext int64) {
	s.strays = false
	if ext-s.highest >= window {
		clear(s.seen[:])
		s.highest = ext
		return
	}
	for s.highest < ext {
		s.highest++
		word, bit := place(s.highest)
		s.seen[word] &^= bit
	}
}

func (s *Stream) has(ext int64) bool {
	word, bit := place(ext)
	return s.seen[word]&bit != 0
}

// place is where the mark of a packet is kept.
func place(ext int64) (word int64, bit uint64) {
	return ext >> 6 & (window/64 - 1), 1 << (ext & 63)
}
