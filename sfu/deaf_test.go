package sfu

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// droppedEvents writes down who is dropped from which file.
type droppedEvents struct {
	deafEvents
	list []string
}

func (e *droppedEvents) dropped(file string, receivers []hearer) {
	for _, h := range receivers {
		e.list = append(e.list, file+" "+string(h.id))
	}
}

// TestDeafReceiversHoldNobodyBack sends files to three, of whom two take
// nothing: they are dropped from the first file after sharedPatience and from the
// next at once, and the third gets all.
func TestDeafReceiversHoldNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &droppedEvents{}
		deaf, old, live := newBox(), newBox(), newBox()
		s := &session{events: e, server: &Server{}, done: make(chan struct{}), sending: files{}, in: &outlet{}}
		s.in.open([]hearer{{deaf, "deaf", "a"}, {old, "old", ""}, {live, "live", "a"}})
		got := 0
		live.take(t, func() {
			for live.pop(t) != nil {
				got++
			}
		}, nil)
		send := func(name string) time.Duration {
			start := time.Now()
			s.Message([]byte(header(name, 100)), true)
			for i := range 100 {
				s.Message([]byte(piece(name, i)), true)
			}
			return time.Since(start)
		}
		if took := send("first"); took != sharedPatience {
			t.Errorf("the first file took %v, want %v for both together", took, sharedPatience)
		}
		if took := send("second"); took != 0 {
			t.Errorf("the second file took %v, want nothing", took)
		}
		if want := 2 * 101; got != want {
			t.Errorf("the one that takes got %d messages, want %d", got, want)
		}
		want := []string{"first deaf", "first old", "second deaf", "second old"}
		if slices.Sort(e.list); !slices.Equal(e.list, want) {
			t.Errorf("dropped: %v, want %v", e.list, want)
		}
		if deaf.bytes > boxLimit || old.bytes > boxLimit {
			t.Errorf("%d and %d bytes wait, want at most %d", deaf.bytes, old.bytes, boxLimit)
		}
		e.list = nil
		for deaf.pop(nil) != nil { // it takes again
		}
		s.Message([]byte(header("third", 1)), true)
		s.Message([]byte(piece("third", 0)), true)
		if !strings.Contains(string(deaf.pop(nil)), "third") || slices.Contains(e.list, "third deaf") {
			t.Errorf("one that takes again does not get the next file; dropped: %v", e.list)
		}
	})
}

// TestSlowReceiverIsNotDeaf sends a file to two, one of whom has a slow line. Its
// channel fills up and asks for nothing until most of that has gone out, as that of
// package transport does; the file takes its time, and the server drops no
// receiver. When the slow line ends, the server drops that one.
func TestSlowReceiverIsNotDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &droppedEvents{}
		live, slow := newBox(), newBox()
		s := &session{events: e, server: &Server{}, done: make(chan struct{}), sending: files{}, in: &outlet{}}
		s.in.open([]hearer{{live, "live", "a"}, {slow, "slow", "a"}})
		live.take(t, func() {
			for live.pop(t) != nil {
			}
		}, nil)
		const fullAt, resumeAt, rate = 1 << 20, 256 << 10, 64 << 10
		var unsent, got atomic.Int64
		slow.take(t, func() {}, func() int { return int(unsent.Load()) })
		var gone atomic.Bool
		go func() { // ends with the line
			for filling := true; !gone.Load(); time.Sleep(time.Second) {
				unsent.Store(max(unsent.Load()-rate, 0))
				for filling = filling || unsent.Load() <= resumeAt; filling; {
					text := slow.pop(t)
					if text == nil {
						break
					}
					got.Add(1)
					filling = unsent.Add(int64(len(text))) <= fullAt
				}
			}
		}()
		const pieces = 60
		s.Message([]byte(header("one", pieces)), true)
		for i := range pieces {
			s.Message([]byte(piece("one", i)), true)
		}
		time.Sleep(5 * time.Minute)
		if len(e.list) > 0 || got.Load() != pieces+1 {
			t.Errorf("a slow receiver got %d messages, want %d; dropped: %v", got.Load(), pieces+1, e.list)
		}
		gone.Store(true)
		s.Message([]byte(header("two", pieces)), true)
		for i := range pieces {
			s.Message([]byte(piece("two", i)), true)
		}
		if !slices.Equal(e.list, []string{"two slow"}) {
			t.Errorf("without a line, dropped: %v", e.list)
		}
	})
}

// saidLink remembers what is said on the channel.
type saidLink struct {
	idleLink
	said []string
}

func (l *saidLink) Send(text []byte) { l.said = append(l.said, string(text)) }

// TestDroppedIsTold has a receiver that was dropped from a file told of it, and
// the sender, each in the words its client knows.
func TestDroppedIsTold(t *testing.T) {
	links := map[*connector]*saidLink{}
	p := newPlane(slog.New(slog.DiscardHandler), identity{fingerprint: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")},
		func(e events, _ *outlet, _ []*box) link {
			l := &saidLink{}
			links[e.(*connector)] = l
			e.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword"}, nil)
			return l
		})
	for _, id := range []protocol.MemberID{"new", "capable", "old"} {
		p.Attach(id, media.Profile{Stage: true, Downlink: id != "old", Events: id != "old"})
	}
	p.Drain()
	told := func(c *connector) (list []protocol.MemberID) {
		from := c.member
		c.dropped("f", []hearer{p.members["capable"].hears(from), p.members["old"].hears(from)})
		for _, e := range p.Drain() {
			if e.Err != nil && e.Err.Type == protocol.ErrMissed {
				list = append(list, e.To)
			}
		}
		return list
	}
	up := p.members["new"].user.uplink
	if got := told(up); !slices.Equal(got, []protocol.MemberID{"old"}) {
		t.Errorf("errors went to %v, want to the old client", got)
	}
	if want := []string{`{"type":"fileMissed","data":{"id":"f","memberIds":["capable","old"]}}`}; !slices.Equal(links[up].said, want) {
		t.Errorf("the sender is told %q, want %q", links[up].said, want)
	}
	if got, want := string(p.members["capable"].inbox.pop(nil)), `{"data":{"id":"f","why":"slow"},"memberId":"new","type":"fileCancel"}`; got != want {
		t.Errorf("the receiver is told %s, want %s", got, want)
	}
	old := p.members["old"].connectors[0]
	if got := told(old); !slices.Equal(got, []protocol.MemberID{"old", "old"}) || len(links[old].said) > 0 {
		t.Errorf("an old sender is told %v, %q", got, links[old].said)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
