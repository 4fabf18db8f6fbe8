package sfu

import "sync"

// queue is what happened in the background and waits for the room's goroutine.
// Its bound: a link has a handful of events at a time, and those of negotiation
// wait for their turn in connector.control.
type queue struct {
	ready chan struct{} // readable when work may wait; capacity 1

	mu sync.Mutex
	// Guarded by mu.
	work   []func()
	closed bool
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// put may be called by any goroutine.
func (q *queue) put(work func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.work = append(q.work, work)
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// run does what waits, and what that leads to.
func (q *queue) run() {
	for {
		q.mu.Lock()
		work := q.work
		q.work = nil
		q.mu.Unlock()
		if len(work) == 0 {
			return
		}
		for _, w := range work {
			w()
		}
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.work, q.closed = nil, true
	q.mu.Unlock()
}
