package transport

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowStream is a stream whose client takes what the test says.
type slowStream struct {
	mu     sync.Mutex
	queued uint64
	wrote  int
}

func (s *slowStream) BufferedAmount() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queued
}

func (s *slowStream) WriteDataChannel(data []byte, isText bool) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isText {
		return 0, errors.New("not text")
	}
	s.queued += uint64(len(data))
	s.wrote++
	return len(data), nil
}

// take has the client take some, and reports whether the queue became short.
func (s *slowStream) take(n uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.queued
	s.queued -= min(n, s.queued)
	return before > resumeAt && s.queued <= resumeAt
}

func full() (*Channel, *slowStream) {
	s := &slowStream{queued: fullAt + 1}
	c := newChannel(Remote{})
	c.stream = s
	return c, s
}

func TestSendStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := full()
		begun := time.Now()
		if err := c.Send([]byte("x")); err != ErrStalled {
			t.Errorf("to a client that takes nothing: %v", err)
		}
		if d := time.Since(begun); d != stalledAfter {
			t.Errorf("after %v", d)
		}
		begun = time.Now()
		if err := c.Send([]byte("x")); err != ErrStalled || time.Since(begun) != 0 {
			t.Errorf("once more: %v after %v", err, time.Since(begun))
		}
		s.take(1)
		if err := c.Send([]byte("x")); err != nil || s.wrote != 1 {
			t.Errorf("when it takes some: %v", err)
		}
	})
}

// A slow client is waited for, but not one that takes a byte now and then.
func TestSendToSlowClient(t *testing.T) {
	for _, c := range []struct {
		rate uint64 // bytes a second
		want error
		time time.Duration
	}{{100_000, nil, 8 * time.Second}, {20_000, nil, 40 * time.Second}, {100, ErrStalled, sendPatience}} {
		synctest.Test(t, func(t *testing.T) {
			channel, s := full()
			done := make(chan struct{})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					select {
					case <-time.After(time.Second):
						if s.take(c.rate) {
							channel.low()
						}
					case <-done:
						return
					}
				}
			}()
			begun := time.Now()
			if err := channel.Send([]byte("x")); err != c.want {
				t.Errorf("%d bytes a second: %v", c.rate, err)
			}
			if d := time.Since(begun); d.Round(time.Second) != c.time {
				t.Errorf("%d bytes a second: after %v", c.rate, d)
			}
			close(done)
			<-ended
		})
	}
}

// All that wait are woken by Close, and one after the other by a client that
// takes everything; the queue is bounded meanwhile.
func TestSendersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := full()
		const senders = 50
		errs := make(chan error, senders)
		send := func() {
			for range senders {
				go func() { errs <- c.Send(make([]byte, defaultLimit)) }()
			}
			synctest.Wait()
		}
		send()
		for len(errs) < senders {
			if q := s.BufferedAmount(); q > fullAt+defaultLimit {
				t.Fatalf("%d bytes are queued", q)
			}
			if !s.take(2 * fullAt) {
				t.Fatal("a sender was not woken")
			}
			c.low()
			synctest.Wait()
		}
		for range senders {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		s.mu.Lock()
		s.queued = 2 * fullAt
		s.mu.Unlock()
		send()
		c.close()
		c.close()
		for range senders {
			if err := <-errs; err != errClosed {
				t.Errorf("after Close: %v", err)
			}
		}
		if err := c.Send(nil); err != errClosed {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestMessageLimit(t *testing.T) {
	for said, want := range map[uint32]int{0: 65536, 1: 1, 1000: 1000, MaxMessage: MaxMessage, 1073741823: MaxMessage} {
		if got := newChannel(Remote{MaxMessageSize: said}).limit; got != want {
			t.Errorf("a client that takes %d is sent %d", said, got)
		}
	}
	if err := newChannel(Remote{MaxMessageSize: 3}).Send([]byte("four")); err != ErrTooLarge {
		t.Errorf("too large: %v", err)
	}
}
