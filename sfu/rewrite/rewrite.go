// Package rewrite maps the sequence numbers and timestamps of a source that
// changes onto one outgoing RTP stream without a seam, and what else counts up in
// it: what a translator or mixer in the sense of RFC 3550 section 7 has to do when
// a viewer is moved to another layer, another member, or past packets that are
// not for it.
//
// It does not know packets, only numbers; nor which source is right, nor when
// to change it. It reads no clock.
package rewrite

import "math/bits"

const (
	// window is how far back, in source packets, the mapping is exact in
	// presence of dropped packets.
	window = 1024
	// maxJump is the distance in sequence numbers over which a source counts as
	// restarted (MAX_DROPOUT of RFC 3550 appendix A.1). One packet suffices: it
	// was authenticated by SRTP, so it is no stray of another session.
	maxJump = 3000
	// maxAdvance bounds in ticks how far the timestamp moves at a switch, so
	// that it always moves forward on the circle of 2^32.
	maxAdvance = 1 << 30
)

// Stream is the mapping for one outgoing stream. The zero value is ready. It
// is owned by one goroutine, or by a lock of its owner's. No method allocates.
//
// The first packet ever is mapped onto its own numbers. Within a source
// numbers keep their distance, so losses stay visible to the viewer, except
// over packets given to Drop.
type Stream struct {
	rate     uint32 // ticks per second of the current source; 0 if never told
	anchored bool   // the fields of the source below are valid
	sent     bool   // the fields of the outgoing stream below are valid

	// The source. Its sequence numbers are extended to 64 bits.
	start   int64  // its first packet
	highest int64  // the newest packet mapped or dropped
	mapped  int64  // the newest packet mapped; start-1 if none
	first   uint16 // outgoing sequence number of start
	shift   uint32 // outgoing timestamp minus source timestamp

	drops   int64               // packets dropped since start
	dropped [window / 64]uint64 // which of the last packets up to highest were

	// The outgoing stream.
	lastSeq  uint16 // the highest sequence number given
	lastTS   uint32 // the newest timestamp given
	lastTime int64  // when lastTS was first given, in ns

	// What the payloads count.
	newest   bool // the packet mapped last is the newest
	counters [Counters]counter
}

// Switch makes the packet with these numbers the first of the next source: it
// will go out with the sequence number after the last one, and with a timestamp
// that is later than the last by the time that passed since then, at least one
// tick. now is a monotonic time in nanoseconds, clockRate in Hz. The packet
// itself is mapped by the call of Map that follows. What comes before it in
// the source will not be mapped.
func (s *Stream) Switch(now int64, seq uint16, ts uint32, clockRate uint32) {
	s.rate = clockRate
	s.anchor(now, seq, ts)
}

// Map gives the outgoing numbers of a source packet that arrived at now. The
// same packet gets the same numbers however often and late it comes. ok is
// false for a packet that has none and must not be sent: from before the
// switch, dropped, or too late to tell where among dropped packets it belongs.
//
// A packet more than 3000 away from the newest one means that the source has
// restarted, and is treated as if Switch had been called with it. A Stream that
// was never switched begins with the first packet.
func (s *Stream) Map(now int64, seq uint16, ts uint32) (outSeq uint16, outTS uint32, ok bool) {
	if !s.anchored {
		s.anchor(now, seq, ts)
	}
	ext, near := s.extend(seq)
	if !near {
		s.anchor(now, seq, ts)
		ext = s.start
	}
	s.advance(ext)
	below, ok := s.dropsBelow(ext)
	if !ok {
		return 0, 0, false
	}
	outSeq = s.first + uint16(ext-s.start-below) //nolint:gosec // sequence numbers wrap
	outTS = ts + s.shift
	s.newest = ext > s.mapped
	if s.newest {
		s.mapped = ext
		s.lastSeq = outSeq
		if d := outTS - s.lastTS; !s.sent || d != 0 && d < 1<<31 {
			s.lastTS, s.lastTime = outTS, now
		}
		s.sent = true
	}
	return outSeq, outTS, true
}

// Drop tells that this source packet will not be forwarded. The packets after
// it close the gap, so that the viewer sees no loss. A packet that comes late,
// when one after it has been mapped already, leaves a gap: its number is
// spent, and Drop reports it, so that something empty can be sent under it.
// Packets from before the switch, and any before the first Switch or Map, are
// of no consequence.
func (s *Stream) Drop(seq uint16) (spent bool) {
	if !s.anchored {
		return false
	}
	ext, near := s.extend(seq)
	if !near {
		s.anchored = false // the next packet mapped begins the restarted source
		return false
	}
	s.advance(ext)
	if ext <= s.mapped || ext <= s.highest-window {
		return ext >= s.start && ext <= s.mapped && !s.isDropped(ext)
	}
	if s.isDropped(ext) {
		return false
	}
	word, bit := place(ext)
	s.dropped[word] |= bit
	s.drops++
	return false
}

// Offset is what is added to timestamps of the current source, on the circle of
// 2^32: with it a sender report of the source (RFC 3550 section 6.4.1) becomes
// one of the outgoing stream. ok is false while there is no source.
func (s *Stream) Offset() (ticks uint32, ok bool) { return s.shift, s.anchored }

// Source tells which packet of the current source went out under this number,
// or would have if it had not been lost on its way here. ok is false for
// numbers of an earlier source, numbers not given yet, and those too old.
func (s *Stream) Source(outSeq uint16) (seq uint16, ok bool) {
	if !s.anchored || s.mapped < s.start {
		return 0, false
	}
	back := int64(s.lastSeq - outSeq)
	if back >= 1<<15 {
		return 0, false
	}
	ext := s.mapped - back
	if s.drops > 0 {
		if ext, ok = s.walk(back); !ok {
			return 0, false
		}
	}
	if ext < s.start {
		return 0, false
	}
	return uint16(ext), true //nolint:gosec // sequence numbers wrap
}

// walk finds the packet that went out back numbers before the newest one.
func (s *Stream) walk(back int64) (ext int64, ok bool) {
	for ext = s.mapped; ext >= s.start && ext > s.highest-window; ext-- {
		if s.isDropped(ext) {
			continue
		}
		if back == 0 {
			return ext, true
		}
		back--
	}
	return 0, false
}

// anchor begins a source with this packet.
func (s *Stream) anchor(now int64, seq uint16, ts uint32) {
	s.anchored = true
	s.start = 1<<16 + int64(seq) // so that what lies before it is positive too
	s.highest = s.start
	s.mapped = s.start - 1
	s.drops = 0
	clear(s.dropped[:])
	for i := range s.counters {
		s.counters[i].settled = 0
	}
	s.first, s.shift = seq, 0
	if s.sent {
		s.first = s.lastSeq + 1
		s.shift = s.lastTS + s.ticks(now-s.lastTime) - ts
	}
}

// ticks is a time in ns on the source's clock, between 1 and maxAdvance.
func (s *Stream) ticks(ns int64) uint32 {
	const second = 1_000_000_000
	if ns <= 0 || s.rate == 0 {
		return 1
	}
	whole := uint64(ns) / second
	if whole >= maxAdvance/uint64(s.rate) {
		return maxAdvance
	}
	rate := uint64(s.rate)
	return uint32(max(1, whole*rate+uint64(ns)%second*rate/second)) //nolint:gosec // bounded above
}

// extend finds the source packet nearest to the newest one. near is false if
// even that is farther than a source goes without having restarted.
func (s *Stream) extend(seq uint16) (ext int64, near bool) {
	d := int64(int16(seq - uint16(s.highest))) //nolint:gosec // the circle's two halves
	return s.highest + d, d >= -maxJump && d <= maxJump
}

// advance moves the window so that it ends with ext.
func (s *Stream) advance(ext int64) {
	if ext-s.highest >= window {
		clear(s.dropped[:])
		s.highest = ext
	}
	for s.highest < ext {
		s.highest++
		word, bit := place(s.highest)
		s.dropped[word] &^= bit
	}
}

// dropsBelow counts the dropped packets before ext. ok is false if ext has no
// number, or if that is no longer known.
func (s *Stream) dropsBelow(ext int64) (n int64, ok bool) {
	switch {
	case ext < s.start:
		return 0, false
	case s.drops == 0:
		return 0, true
	case ext <= s.highest-window:
		n = s.drops - s.droppedFrom(s.highest-window+1)
		return 0, n == 0 // nothing was dropped so far back
	case s.isDropped(ext):
		return 0, false
	}
	return s.drops - s.droppedFrom(ext), true
}

// droppedFrom counts the dropped packets from ext, which is in the window, up
// to highest.
func (s *Stream) droppedFrom(ext int64) (n int64) {
	for ext <= s.highest {
		word, bit := place(ext)
		left := s.dropped[word] &^ (bit - 1)
		if rest := s.highest - ext; rest < 63 {
			end := uint(ext&63) + uint(rest) + 1 //nolint:gosec // 1..126
			if end < 64 {
				left &= 1<<end - 1
			}
		}
		n += int64(bits.OnesCount64(left))
		ext = ext&^63 + 64
	}
	return n
}

// isDropped tells whether ext, at most highest, is marked as dropped.
func (s *Stream) isDropped(ext int64) bool {
	if ext <= s.highest-window {
		return false
	}
	word, bit := place(ext)
	return s.dropped[word]&bit != 0
}

// place is where the mark of a packet is kept.
func place(ext int64) (word int64, bit uint64) {
	return ext >> 6 & (window/64 - 1), 1 << (ext & 63)
}
