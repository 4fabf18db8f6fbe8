package auto

import "time"

// since is when something began to hold, as Tick saw it.
type since struct{ at time.Time }

// set notes whether it holds now.
func (s *since) set(holds bool, now time.Time) {
	switch {
	case !holds:
		s.at = time.Time{}
	case s.at.IsZero():
		s.at = now
	}
}

// lasts reports whether it has held for a time, as of the last set.
func (s *since) lasts(now time.Time, d time.Duration) bool {
	return !s.at.IsZero() && now.Sub(s.at) >= d
}

// in is when it will have held for a time; zero if it does not hold.
func (s *since) in(d time.Duration) time.Time {
	if s.at.IsZero() {
		return time.Time{}
	}
	return s.at.Add(d)
}

// backoff says when a change that failed may be tried again.
type backoff struct {
	until time.Time // zero: now
	last  time.Duration
}

const (
	firstRetry = 30 * time.Second
	lastRetry  = 10 * time.Minute
)

func (b *backoff) failed(now time.Time) {
	b.last = min(max(2*b.last, firstRetry), lastRetry)
	b.until = now.Add(b.last)
}

// tick lets the time pass. Between two Ticks waits stays as it is: a method of
// the plane that is called long after the last one knows no later time.
func (b *backoff) tick(now time.Time) {
	if !now.Before(b.until) {
		b.until = time.Time{}
	}
}

func (b *backoff) waits() bool { return !b.until.IsZero() }

// earliest is the earlier of two times; zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
