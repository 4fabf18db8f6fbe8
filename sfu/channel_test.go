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

func TestMessages(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	list := members(r, 3)
	a, b, c := list[0], list[1], list[2]
	var file [2][]string // 3 MB each
	for i := range 13 {
		file[0] = append(file[0], piece("of a", i), fmt.Sprintf(`{"type":"chat","data":{"text":"a %d"}}`, i))
		file[1] = append(file[1], piece("of b", i), fmt.Sprintf(`{"type":"chat","data":{"text":"b %d"}}`, i))
	}
	a.to("b").sendText(t, file[0]...)
	b.to("a").sendText(t, file[1]...)
	chat := []string{`{"type":"chat","data":{"text":"你好 \u0000 <b>"}}`, `{"type":"chat"}`}
	c.to("a").sendText(t, chat...)
	gets(t, b, a, file[0])
	gets(t, a, b, file[1])
	gets(t, a, c, chat)
	if got := slices.Concat(b.heard("c"), c.heard("a"), c.heard("b")); len(got) > 0 {
		t.Errorf("%d messages went to others", len(got))
	}
}

// What is said to a member whose channel is not open yet waits for it.
func TestMessageBeforeChannel(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	a := members(r, 2)[0]
	g := newGhost(r, "g") // takes part in nothing yet
	said := []string{`{"type":"chat","data":1}`, `{"type":"chat","data":2}`}
	eventually(t, "a is offered a connection", func() bool { return a.to("g") != nil })
	a.to("g").sendText(t, said...)
	eventually(t, "it waits", func() (ok bool) {
		r.do(func() {
			b := r.plane.members["g"].boxes["a"]
			b.mu.Lock()
			defer b.mu.Unlock()
			ok = len(b.items) == 2
		})
		return ok
	})
	// The device is allowed at last: the same member answers in earnest.
	late := attachClient(r, "g")
	g.handTo(late)
	gets(t, late, a, said)
}

// A receiver that reads nothing costs what its box and its channel hold, and
// holds up its own sender only.
func TestReceiverThatDoesNotRead(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	r := newRoom(t)
	a := newClient(r, "a")
	b := newClient(r, "b", func(c *client) { c.hold = map[protocol.MemberID]<-chan struct{}{"a": hold} })
	c := newClient(r, "c")
	meet(t, []*client{a, c})
	var flood []string
	for i := range 40 { // 10 MB
		flood = append(flood, piece("x", i))
	}
	a.to("b").sendText(t, flood...)
	waits := func() (n int) {
		r.do(func() {
			box := r.plane.members["b"].boxes["a"]
			box.mu.Lock()
			defer box.mu.Unlock()
			n = box.bytes
		})
		return n
	}
	eventually(t, "the box is full", func() bool { return waits() > boxLimit-len(flood[0]) }, func() string { return fmt.Sprint(waits()) })
	chat := []string{`{"type":"chat","data":"from a"}`, piece("y", 0)}
	a.to("c").sendText(t, chat...)
	c.to("a").sendText(t, chat...)
	c.to("b").sendText(t, chat...)
	gets(t, c, a, chat)
	gets(t, a, c, chat)
	gets(t, b, c, chat)
	flows(t, c, a, 10)
	if n := waits(); n > boxLimit {
		t.Errorf("%d bytes wait, want at most %d", n, boxLimit)
	}
	if a.to("b").channel.BufferedAmount() == 0 {
		t.Error("the sender got rid of all: somebody keeps it")
	}
	close(hold)
	gets(t, b, a, flood)
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
