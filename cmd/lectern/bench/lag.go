package bench

import (
	"sync/atomic"
	"time"

	"lectern/cmd/lectern/client"
)

// beat is the timer that is watched.
const beat = 10 * time.Millisecond

// clock is the time, real but in tests.
type clock interface {
	Now() time.Time
	// Wait returns after a time, or with false when done is closed.
	Wait(d time.Duration, done <-chan struct{}) bool
}

type realClock struct{}

// Now is the time.
func (realClock) Now() time.Time { return time.Now() }

// Wait waits.
func (realClock) Wait(d time.Duration, done <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}

// What a lag counts for.
const (
	idling uint32 = iota // nothing
	joining
	measuring
)

// lag is how late timers fire: how long who is ready waits for a processor.
type lag struct {
	phase atomic.Uint32
	// Of watch until it has returned.
	joining, measuring client.Histogram
}

// watch looks until done is closed.
func (l *lag) watch(c clock, done <-chan struct{}) {
	for {
		due := c.Now().Add(beat)
		if !c.Wait(beat, done) {
			return
		}
		switch l.phase.Load() {
		case joining:
			l.joining.Add(c.Now().Sub(due))
		case measuring:
			l.measuring.Add(c.Now().Sub(due))
		}
	}
}
