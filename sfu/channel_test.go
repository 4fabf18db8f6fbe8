package sfu

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lectern/sfu/transport"
	"lectern/signaling/protocol"
)

// heard are the messages that came from a member.
func (c *client) heard(from protocol.MemberID) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.talk[from])
}

// piece is a message of a file, as large as the existing clients' are.
func piece(name string, n int) string {
	return fmt.Sprintf(`{"type":"file","data":{"id":"%s","index":%d,"chunk":"%s"}}`, name, n, strings.Repeat("abcd", 246_000/4))
}

// sendText waits until the leg's channel is open and sends.
func (l *leg) sendText(t testing.TB, texts ...string) {
	t.Helper()
	select {
	case <-l.open:
	case <-time.After(patience):
		t.Fatal("no channel; ", l.client.state())
	}
	for _, text := range texts {
		if err := l.channel.SendText(text); err != nil {
			t.Fatal(err)
		}
	}
}

// gets waits until just these messages have come from a member.
func gets(t testing.TB, c, from *client, want []string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s gets %d messages of %s", c.id, len(want), from.id), func() bool {
		return len(c.heard(from.id)) >= len(want)
	}, func() string { return fmt.Sprintf("it got %d", len(c.heard(from.id))) }, c.state, from.state)
	if got := c.heard(from.id); !slices.Equal(got, want) {
		t.Errorf("%s got %d messages of %s, not the %d sent in their order", c.id, len(got), from.id, len(want))
	}
}

// header announces a file of so many pieces.
func header(name string, pieces int) string {
	return fmt.Sprintf(`{"type":"chat","data":{"id":"%s","isSelf":true,"username":"u","HHmmss":"10:00:00","type":"file","fileInfo":{"name":"f","size":"1MB","type":"","url":"","FQ":%d}}}`, name, pieces)
}

// line is a line of chat as an existing client says it.
func line(id, text string) string {
	return fmt.Sprintf(`{"type":"chat","data":{"id":"%s","isSelf":true,"username":"u","HHmmss":"10:00:00","type":"text","text":"%s"}}`, id, text)
}

// reads waits until the client has read just these lines.
func reads(t testing.TB, c *client, want ...string) {
	t.Helper()
	texts := func() (list []string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, l := range c.lines {
			list = append(list, l.Text)
		}
		return list
	}
	eventually(t, fmt.Sprintf("%s reads %d lines", c.id, len(want)), func() bool { return len(texts()) >= len(want) }, func() string { return fmt.Sprint(texts()) })
	if got := texts(); !slices.Equal(got, want) {
		t.Errorf("%s reads %q, want %q", c.id, got, want)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	list := members(r, 3)
	a, b, c := list[0], list[1], list[2]
	var file [2][]string // 3 MB each
	for i, name := range []string{"of a", "of b"} {
		file[i] = []string{header(name, 13)}
		for n := range 13 {
			file[i] = append(file[i], piece(name, n))
		}
	}
	a.to("b").sendText(t, file[0]...)
	b.to("a").sendText(t, file[1]...)
	c.to("a").sendText(t, piece("never begun", 0), header("z", 1), piece("z", 0), piece("z", 1))
	gets(t, b, a, file[0])
	gets(t, a, b, file[1])
	gets(t, a, c, []string{header("z", 1), piece("z", 0)})
	if got := slices.Concat(b.heard("c"), c.heard("a"), c.heard("b")); len(got) > 0 {
		t.Errorf("%d messages went to others", len(got))
	}
}

// A file that is too large is refused by its header, and nothing of it goes on.
func TestFileTooLarge(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.server.maxFile = 1 << 20
	list := members(r, 2)
	a, b := list[0], list[1]
	a.to("b").sendText(t, header("large", 100), piece("large", 0), header("small", 1), piece("small", 0))
	gets(t, b, a, []string{header("small", 1), piece("small", 0)})
	eventually(t, "a is told", func() bool { return slices.Contains(a.refusals(), protocol.ErrTooLarge) })
}

// An existing client says a line on each of its connectors; everybody reads it
// once, and in order.
func TestChat(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	list := members(r, 3)
	var want []string
	for i := range 50 {
		text := fmt.Sprintf("你好 %d <b>", i)
		want = append(want, text)
		for _, other := range list[1:] {
			list[0].to(other.id).sendText(t, line(fmt.Sprint(i), text))
		}
	}
	list[0].to("b").sendText(t, `{"type":"chat"}`, `{"type":"chat","data":1}`, line("", "no id"), line("x", ""))
	reads(t, list[1], want...)
	reads(t, list[2], want...)
	reads(t, list[0])
	if l := list[1].lines[0]; l.Username != "a" || l.Clock != "10:00:00" || !l.IsSelf {
		t.Errorf("the line reads %+v", l)
	}
}

// What is said to a member whose channel is not open yet waits for it.
func TestMessageBeforeChannel(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	a := members(r, 2)[0]
	g := newGhost(r, "g") // takes part in nothing yet
	eventually(t, "a is offered a connection", func() bool { return a.to("g") != nil })
	a.to("g").sendText(t, line("1", "one"), header("f", 0))
	eventually(t, "it waits", func() (ok bool) {
		r.do(func() {
			m := r.plane.members["g"]
			for _, b := range []*box{m.lines, m.boxes["a"]} {
				b.mu.Lock()
				ok = len(b.items) == 1
				b.mu.Unlock()
				if !ok {
					return
				}
			}
		})
		return ok
	})
	// The device is allowed at last: the same member answers in earnest.
	late := attachClient(r, "g")
	g.handTo(late)
	gets(t, late, a, []string{header("f", 0)})
	reads(t, late, "one")
}

// A receiver that reads nothing costs what its box and its channel hold. It is
// dropped from the file, both ends are told, and the others hear and see and get
// their files.
func TestReceiverThatDoesNotRead(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	r := newRoom(t)
	a := newClient(r, "a")
	b := newClient(r, "b", func(c *client) { c.hold = map[protocol.MemberID]<-chan struct{}{"a": hold} })
	c := newClient(r, "c")
	meet(t, []*client{a, c})
	flood := []string{header("x", 60)}
	for i := range 60 { // 15 MB
		flood = append(flood, piece("x", i))
	}
	a.to("b").sendText(t, flood...)
	for _, told := range []*client{a, b} {
		eventually(t, fmt.Sprintf("%s is told", told.id), func() bool { return slices.Contains(told.refusals(), protocol.ErrMissed) }, told.state)
	}
	r.do(func() {
		box := r.plane.members["b"].boxes["a"]
		box.mu.Lock()
		defer box.mu.Unlock()
		if box.bytes > boxLimit {
			t.Errorf("%d bytes wait, want at most %d", box.bytes, boxLimit)
		}
	})
	file := []string{header("y", 1), piece("y", 0)}
	a.to("c").sendText(t, file...)
	c.to("a").sendText(t, file...)
	c.to("b").sendText(t, file...)
	gets(t, c, a, file)
	gets(t, a, c, file)
	gets(t, b, c, file)
	flows(t, c, a, 10)
	eventually(t, "the sender gets rid of the file", func() bool { return a.to("b").channel.BufferedAmount() == 0 }, a.state)
}

// A client that has us answer without end and reads nothing loses its
// connection.
func TestTalkIsBounded(t *testing.T) {
	e := &deafEvents{}
	s := &session{events: e, done: make(chan struct{})}
	for range maxTalk {
		s.Send([]byte("x"))
	}
	if len(e.states) > 0 {
		t.Errorf("state %v within the bound", e.states)
	}
	s.Send([]byte("x"))
	if !slices.Equal(e.states, []transport.State{transport.Failed}) || len(s.talk) > maxTalk {
		t.Errorf("states %v, %d messages wait; want a failure and at most %d", e.states, len(s.talk), maxTalk)
	}
}
