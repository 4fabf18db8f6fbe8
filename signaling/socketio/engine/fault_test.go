package engine

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"lectern/signaling/budget"
	"lectern/signaling/fault"
)

// faulty panics whatever it is told.
type faulty struct{}

func (faulty) Message([]byte)           { panic("boom") }
func (faulty) Violation(string, string) { panic("boom") }
func (faulty) Closing()                 { panic("boom") }
func (faulty) Closed(bool)              { panic("boom") }

// TestFaultsEndTheirSessionOnly throws a panic in each goroutine and timer of a
// session; without a WebSocket whatever touches it panics.
func TestFaultsEndTheirSessionOnly(t *testing.T) {
	boom := func(bool) { panic("boom") }
	for name, run := range map[string]func(s *Session){
		"a message": func(s *Session) { _, _ = s.take([]byte("4x")) },
		"a farewell that no poll took": func(s *Session) {
			s.queue, s.account = []budget.Frame{{}}, nil
			time.AfterFunc(time.Second, s.lingered)
		},
		"a poll that is released": func(s *Session) {
			s.poll = &poll{woken: make(chan struct{})}
			close(s.poll.woken)
			go s.releasePolls(nil)
		},
		"the end at once": func(s *Session) { s.beat = nil; go s.end(false) },
		"the end":         func(s *Session) { s.end(true) },
		"the heartbeat":   func(s *Session) { s.beat = nil; time.AfterFunc(time.Second, s.heartbeat) },
		"the reader":      func(s *Session) { s.handler.running.Add(1); go s.read(nil) },
		"an upgrade":      func(s *Session) { s.handler.running.Add(1); go s.readProbe(nil) },
		"the writer": func(s *Session) {
			f := budget.Frame{Head: []byte("4x")}
			s.account.Queue(f)
			s.queue, s.writing = []budget.Frame{f}, true
			go s.flush(nil)
		},
		"a probe's answer": func(s *Session) { s.Probe(time.Second, boom) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := New(func(*Session) Receiver { return faulty{} }, Options{})
				s := h.add(httptest.NewRequest("GET", "/socket.io/", nil))
				s.begin(nil, nil)
				timer := s.beat
				before := fault.Count()
				run(s)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if fault.Count() == before {
					t.Error("no fault was counted")
				}
				timer.Stop()
			})
		})
	}
}

// TestBeatsAreLimited holds that a flood of packets without a message is
// ignored, and ends its session if it goes on.
func TestBeatsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(func(*Session) Receiver { return faulty{} }, Options{})
		s := h.add(httptest.NewRequest("GET", "/socket.io/", nil))
		s.begin(nil, nil)
		taken := 0
		for range beatBurst * 10 {
			if s.Beat() {
				taken++
			}
		}
		synctest.Wait()
		if taken != beatBurst || h.Len() != 0 {
			t.Errorf("of a flood %d were taken, and %d sessions are left; want %d and none", taken, h.Len(), beatBurst)
		}
	})
}
