package transport

import (
	"slices"
	"sync"
	"time"

	"lectern/sfu/ice"
)

// beat is how exact the clock is. What is due in the same beat costs one wake-up,
// for all connections together.
const beat = 50 * time.Millisecond

// clock does what ICE sessions have to do by time, and tells their transports what
// became of them: one goroutine for all of an endpoint, which sleeps while nothing
// is due. Readers hand it what may wait for a lock.
type clock struct {
	wake   chan struct{} // holds one
	once   sync.Once     // closes ending
	ending chan struct{}
	ended  chan struct{}

	mu sync.Mutex
	// Guarded by mu.
	paths   []*path
	changed []*path       // their transports are to be told
	due     time.Duration // of the first of them
}

func startClock() *clock {
	c := &clock{wake: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{}), due: ice.Never}
	go c.run() // until stop
	return c
}

func (c *clock) add(p *path) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths = append(c.paths, p)
}

func (c *clock) remove(p *path) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.paths, p); i >= 0 {
		last := len(c.paths) - 1
		c.paths[i], c.paths[last] = c.paths[last], nil
		c.paths = c.paths[:last]
	}
}

// expect says when a path has something to do, and whether it changed.
func (c *clock) expect(p *path, due time.Duration, changed bool) {
	c.mu.Lock()
	if changed {
		c.changed = append(c.changed, p)
	}
	sooner := due < c.due
	if sooner {
		c.due = due
	}
	c.mu.Unlock()
	if changed || sooner {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

func (c *clock) run() {
	defer close(c.ended)
	timer := time.NewTimer(beat)
	defer timer.Stop()
	var now []*path // kept for its memory
	for {
		now = c.tell(now)
		now = c.tick(now)
		timer.Reset(c.pause())
		select {
		case <-c.wake:
		case <-timer.C:
		case <-c.ending:
			return
		}
	}
}

// tell tells the transports whose paths changed.
func (c *clock) tell(list []*path) []*path {
	c.mu.Lock()
	list, c.changed = append(list[:0], c.changed...), c.changed[:0]
	c.mu.Unlock()
	for _, p := range list {
		p.tell()
	}
	clear(list)
	return list
}

// tick does what is due.
func (c *clock) tick(list []*path) []*path {
	c.mu.Lock()
	if time.Duration(Now()) < c.due {
		c.mu.Unlock()
		return list
	}
	list = append(list[:0], c.paths...)
	c.due = ice.Never // and what is due while they are asked makes it sooner
	c.mu.Unlock()
	due := time.Duration(ice.Never)
	for _, p := range list {
		due = min(due, p.tick())
	}
	clear(list)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = min(c.due, due)
	return list
}

// pause is the time until the beat in which the next path is due.
func (c *clock) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.due == ice.Never {
		return time.Hour
	}
	now := time.Duration(Now())
	return max((c.due+beat-1)/beat*beat-now, 0)
}

func (c *clock) stop() {
	c.once.Do(func() { close(c.ending) })
	<-c.ended
}
