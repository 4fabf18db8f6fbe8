package engine

import (
	"sync"
	"time"

	"lectern/signaling/budget"
	"lectern/signaling/fault"
)

// probe waits for the next pong.
type probe struct {
	once  sync.Once
	done  func(alive bool)
	timer *time.Timer
}

func (p *probe) settle(alive bool) { p.once.Do(func() { p.done(alive) }) }

// heartbeat runs on the beat timer: it pings, or ends the session of a client
// that did not answer the last ping (protocol 4, section "Heartbeat").
func (s *Session) heartbeat() {
	defer fault.Contain(s.handler.options.Logger, "a session's heartbeat", nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
	case s.pinged:
		if rest := time.Until(s.deadline); rest > 0 {
			s.beat.Reset(rest)
			return
		}
		s.endLocked(false, 0)
	default:
		s.sendPing()
		s.beat.Reset(s.handler.options.PingTimeout)
	}
}

func (s *Session) sendPing() {
	s.pinged = true
	if !s.closing {
		s.enqueue(budget.Frame{Head: []byte{packetPing}})
	}
}

// pong gives the client another interval and time-out.
func (s *Session) pong() {
	o := s.handler.options
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.pinged = false
	s.deadline = time.Now().Add(o.PingInterval + o.PingTimeout)
	s.beat.Reset(o.PingInterval)
	s.settleProbes(true)
}

// overdue ends the session if its time is over, and reports whether it is. The
// timer may be late; a request that comes in time with it is not.
func (s *Session) overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && time.Now().Before(s.deadline) {
		return false
	}
	if !s.ended {
		s.endLocked(false, 0)
		return true
	}
	return s.farewell == 0
}

// Probe pings at once. done is called exactly once, from any goroutine, with
// whether the next pong came within the timeout.
func (s *Session) Probe(timeout time.Duration, done func(alive bool)) {
	p := &probe{done: done}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		go s.answerProbe(p, false) // the caller may hold what done needs
		return
	}
	p.timer = time.AfterFunc(timeout, func() { s.answerProbe(p, false) })
	s.probes = append(s.probes, p)
	if !s.pinged {
		s.sendPing()
		if s.begun {
			s.beat.Reset(s.handler.options.PingTimeout)
		}
	}
}

func (s *Session) answerProbe(p *probe, alive bool) {
	defer fault.Contain(s.handler.options.Logger, "answering a probe", nil)
	p.settle(alive)
}

// settleProbes answers all who wait; s.mu is held.
func (s *Session) settleProbes(alive bool) {
	for _, p := range s.probes {
		p.timer.Stop()
		go s.answerProbe(p, alive) // done may call the session
	}
	s.probes = nil
}
