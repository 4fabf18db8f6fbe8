package sfu

import (
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lectern/sfu/codec"
	"lectern/sfu/transport"
	"lectern/signaling/fault"
	"lectern/signaling/protocol"
)

// failures are events of which only that the connection failed counts.
type failures chan transport.State

func (failures) opened(transport.Local, error)    {}
func (f failures) stateChanged(s transport.State) { f <- s }
func (failures) channelOpened()                   {}
func (failures) channelClosed()                   {}
func (failures) control(message)                  {}
func (failures) refused(protocol.ErrorType)       {}
func (failures) flowing(codec.Kind)               {}
func (failures) began(string)                     {}
func (failures) dropped(string, []hearer)         {}

// A panic in whatever works for a session has its connection fail, is counted once,
// and leaves the server's other sessions alone.
func TestPanicEndsOneSession(t *testing.T) {
	s, err := New(Config{Listen: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		running.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	open := func() (*session, failures) {
		f := make(failures, 64)
		l := s.newSession(f, nil, nil, &running)
		opened := make(chan struct{})
		l.with(func() { close(opened) })
		happens(t, opened)
		t.Cleanup(l.Close)
		return l, f
	}
	other, others := open()
	for name, provoke := range map[string]func(*session){
		"what the room wants": func(l *session) { l.do(func() { panic("thrown") }) },
		"a goroutine of its own": func(l *session) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.begin("a test", func() { panic("thrown") })
		},
		"the clock": func(l *session) {
			s.clock.add(&session{server: s, events: l.events}) // without what a tick needs
		},
		"a timer": func(l *session) {
			(&session{server: s, events: l.events}).StateChanged(transport.Connected)
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := fault.Count()
			l, failed := open()
			provoke(l)
			for state := transport.Connected; state != transport.Failed; {
				select {
				case state = <-failed:
				case <-time.After(20 * time.Second):
					t.Fatal("the connection does not fail")
				}
			}
			if n := fault.Count() - before; n != 1 {
				t.Errorf("%d faults are counted", n)
			}
			again := make(chan struct{})
			l.do(func() { close(again) }) // or it could not be closed
			happens(t, again)
			done := make(chan struct{})
			other.do(func() { close(done) })
			happens(t, done)
			if len(others) > 0 {
				t.Errorf("another session is %v", <-others)
			}
		})
	}
}

// happens waits for something.
func happens(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not happen")
	}
}

// The clock of a server without connections wakes no core, and goes again for the
// next connection.
func TestTheClockRestsWithoutSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startClock()
		defer c.stop()
		server := &Server{clock: c, log: slog.New(slog.DiscardHandler)}
		rests := func() bool {
			synctest.Wait()
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.rests
		}
		for range 3 {
			if <-time.After(tickEvery); !rests() {
				t.Fatal("the clock ticks without a session")
			}
			failed := make(failures, 1)
			c.add(&session{server: server, events: failed}) // without what a tick needs
			if rests() {
				t.Fatal("the clock rests with a session")
			}
			if state := <-failed; state != transport.Failed {
				t.Fatalf("the session is %v", state)
			}
		}
	})
}
