package transport

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"lectern/sfu/egress"
	"lectern/signaling/fault"
)

// thrower is a handler that panics in one of its methods, when it is to.
type thrower struct {
	*end
	in string
}

func (h thrower) throw(in string) {
	if h.in == in {
		panic("thrown in " + in)
	}
}

func (h thrower) StateChanged(s State) {
	h.end.StateChanged(s)
	switch s {
	case Connected:
		h.throw("StateChanged")
	case Failed:
		h.throw("Failed")
	}
}
func (h thrower) RTP(b []byte, arrived int64) { h.throw("RTP"); h.end.RTP(b, arrived) }
func (h thrower) RTCP(b []byte, arrived int64, into *egress.Batch) {
	h.throw("RTCP")
	h.end.RTCP(b, arrived, into)
}
func (h thrower) Flush(into *egress.Batch, now int64) (held bool, until int64) {
	h.throw("Flush")
	return h.end.Flush(into, now)
}
func (h thrower) Open(c *Channel) { h.throw("Open"); h.end.Open(c) }
func (h thrower) Message(data []byte, isText bool) {
	h.throw("Message")
	h.end.Message(data, isText)
}

// written is a log that a test reads while it is written.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// What a client's packet, message or check makes panic ends its connection and no
// other one, and is logged with its stack and counted, once.
func TestPanicEndsOneConnection(t *testing.T) {
	for _, in := range []string{"StateChanged", "RTP", "RTCP", "Flush", "Open", "Message", "a check", "a tick"} {
		t.Run(in, func(t *testing.T) {
			var log written
			c := loopback
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			other := listenAt(t, c) // another client of the same port
			healthy := newEnd(t)
			connect(t, other, healthy)
			a, b := endOn(t, other.on), newEnd(t)
			a.conn.Close()
			conn, err := a.on.New(thrower{a, in})
			if err != nil {
				t.Fatal(err)
			}
			a.conn = conn
			t.Cleanup(conn.Close)
			before := fault.Count()
			connect(t, a, b)
			provoke(t, a, b, in)
			a.wantAtLast(Failed)
			if a.conn.Err() != errFault {
				t.Errorf("because of %v", a.conn.Err())
			}
			if n := fault.Count() - before; n != 1 {
				t.Errorf("%d faults are counted", n)
			}
			if text := log.String(); strings.Count(text, "a fault was contained") != 1 || !strings.Contains(text, "stack=") {
				t.Errorf("the log says %q", text)
			}
			flow(t, healthy, other)
			flow(t, other, healthy)
		})
	}
}

// A handler that panics when it is told that its connection failed, which a
// goroutine of its own does, ends no other connection.
func TestPanicAtTheEnd(t *testing.T) {
	other, healthy := newEnd(t), newEnd(t)
	connect(t, other, healthy)
	a := newEnd(t)
	a.conn.Close()
	conn, err := other.on.New(thrower{a, "Failed"})
	if err != nil {
		t.Fatal(err)
	}
	a.conn = conn
	t.Cleanup(conn.Close)
	before := fault.Count()
	conn.Fault("a test", "thrown")
	until(t, func() bool { return fault.Count() == before+2 })
	flow(t, healthy, other)
	flow(t, other, healthy)
}

// provoke has a client send what makes the server panic.
func provoke(t *testing.T, a, b *end, in string) {
	t.Helper()
	switch in {
	case "RTP", "Flush":
		writeRTP(b.conn, rtpPacket(1))
	case "RTCP":
		b.conn.WriteRTCP([]byte{0x80, 201, 0, 1, 0, 0, 0, 1})
	case "Message":
		if err := get(t, b.open).Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
	case "a check", "a tick":
		p := a.conn.current
		p.mu.Lock()
		p.agent = nil // which panics
		p.mu.Unlock()
		if in == "a check" {
			knock(t, b, a)
		} else {
			a.on.clock.expect(p, 0, false)
		}
	}
}

// flow waits until a packet arrives.
func flow(t *testing.T, from, to *end) {
	t.Helper()
	seq := uint16(1000)
	until(t, func() bool {
		seq++
		writeRTP(from.conn, rtpPacket(seq))
		select {
		case <-to.rtp:
			return true
		case <-time.After(5 * time.Millisecond):
			return false
		}
	})
}
