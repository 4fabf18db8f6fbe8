package receive

// How lost packets are asked for.
const (
	// reorder is how many packets must have come after a missing one before it
	// counts as lost rather than overtaken.
	reorder = 2
	// reorderTime is how long one may be missing, in ns, even if fewer came.
	reorderTime = 10_000_000
	// minRepeat is the least time between two requests for one packet.
	minRepeat = 20_000_000
	// firstRepeat is that time while no answer has told better.
	firstRepeat = 100_000_000
	maxRepeat   = 500_000_000
	// maxTries is how often one packet is asked for.
	maxTries = 10
	// maxMissing bounds the list. More at once is an outage, after which a
	// keyframe is cheaper.
	maxMissing = 256
)

// lossState is the list of what is missing.
type lossState struct {
	missing   []missing // by number, oldest first
	roundTrip int64     // smoothed, from request to answer; 0: not known
	gaveUp    bool      // since the last Due
}

type missing struct {
	ext   int64
	found int64 // when it was found missing
	asked int64 // when it was asked for last
	tries int
}

// lost notes the packets between the newest and ext.
func (s *Stream) lost(now, ext int64) {
	if !s.Nack || ext == s.highest+1 {
		return
	}
	l := &s.loss
	first := s.highest + 1
	if n := ext - first; int64(len(l.missing))+n > maxMissing {
		l.missing, l.gaveUp = l.missing[:0], true
		return
	}
	if l.missing == nil {
		l.missing = make([]missing, 0, maxMissing)
	}
	for e := first; e < ext; e++ {
		l.missing = append(l.missing, missing{ext: e, found: now})
	}
}

// found takes a packet off the list.
func (s *Stream) found(now, ext int64) {
	l := &s.loss
	for i := range l.missing {
		m := &l.missing[i]
		if m.ext != ext {
			continue
		}
		if m.tries == 1 { // else it is not told which request it answers
			if l.roundTrip == 0 {
				l.roundTrip = now - m.asked
			} else {
				l.roundTrip += (now - m.asked - l.roundTrip) / 8
			}
		}
		l.missing = append(l.missing[:i], l.missing[i+1:]...)
		return
	}
}

// repeatAfter is the time from one request to the next: an answer's time and
// a quarter, within limits.
func (l *lossState) repeatAfter() int64 {
	if l.roundTrip == 0 {
		return firstRepeat
	}
	return min(max(l.roundTrip+l.roundTrip/4, minRepeat), maxRepeat)
}

// Due appends to dst the packets that are to be asked for now, oldest first,
// and counts them as asked. gaveUp tells that packets have been lost for good
// since the last call: too many at once, or asked for in vain. A decoder then
// needs a keyframe. At most what dst's capacity has room for is appended; the
// rest is due at the next call.
func (s *Stream) Due(now int64, dst []uint16) (due []uint16, gaveUp bool) {
	l := &s.loss
	if len(l.missing) == 0 && !l.gaveUp {
		return dst, false
	}
	repeat := l.repeatAfter()
	kept := l.missing[:0]
	for _, m := range l.missing {
		switch {
		case !s.isDue(&m, now, repeat):
		case m.tries == maxTries || m.ext <= s.highest-window:
			l.gaveUp = true
			continue
		case len(dst) < cap(dst):
			dst = append(dst, uint16(m.ext)) //nolint:gosec // sequence numbers wrap
			m.tries++
			m.asked = now
		}
		kept = append(kept, m)
	}
	l.missing = kept
	gaveUp, l.gaveUp = l.gaveUp, false
	return dst, gaveUp
}

func (s *Stream) isDue(m *missing, now, repeat int64) bool {
	if m.tries > 0 {
		return now-m.asked >= repeat
	}
	return s.highest-m.ext >= reorder || now-m.found >= reorderTime
}

// Forget takes everything off the list: nobody waits for it any more.
func (s *Stream) Forget() { s.loss.missing, s.loss.gaveUp = s.loss.missing[:0], false }

// RoundTrip is how long the answer to a request takes, in ns; 0 if not known.
func (s *Stream) RoundTrip() int64 { return s.loss.roundTrip }
