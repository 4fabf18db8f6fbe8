package sfu

import (
	"fmt"
	"testing"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// When those who send nothing yield the stage, the others see the one who sends go
// on, over connectors that stay. Who yielded and turns the camera on is seen by
// everybody. The sender's pictures leave the connector they came over only when they
// come over another one.
func TestSenderGoesOnWhenOthersYield(t *testing.T) { onSockets(t, testSenderGoesOn) }

func testSenderGoesOn(t *testing.T, r *room) {
	a := newClient(r, "a")
	var list []*client
	for _, id := range []protocol.MemberID{"b", "c", "d", "e"} {
		list = append(list, newClient(r, id, func(c *client) { c.mute = true }))
	}
	var before []*leg
	for _, c := range list {
		flows(t, c, a, 20)
		before = append(before, c.to("a"))
	}
	r.do(func() {
		for _, c := range list {
			r.plane.SetStage(c.id, false)
		}
	})
	for _, c := range append(list, a) {
		eventually(t, fmt.Sprintf("%s has one connector", c.id), func() bool { return c.connectors() == 1 }, c.state)
	}
	for _, c := range list {
		flows(t, c, a, 20)
	}

	stood := a.last()
	speaker := list[0]
	if stood.member == speaker.id {
		speaker = list[1]
	}
	speaker.turnOn()
	for _, c := range append(list, a) {
		if c != speaker {
			flows(t, c, speaker, 20)
		}
	}
	eventually(t, "the stand-in ends", func() bool { return a.connectors() == 1 }, a.state)
	if stood.relief.Load() == 0 {
		t.Error("the connector that a's pictures came over ended before they came over another one")
	}
	for i, c := range list {
		if c.to("a") != before[i] {
			t.Errorf("%s has another connector with a", c.id)
		}
		oneStream(t, c, before[i])
	}
	if f := a.faults(); len(f) > 0 {
		t.Error(f)
	}
}

// oneStream holds that what came over a leg was one stream without a gap in it.
func oneStream(t *testing.T, c *client, l *leg) {
	t.Helper()
	for k := range l.streams {
		s := &l.streams[k]
		s.mu.Lock()
		if len(s.sources) != 1 || s.gaps > 0 || s.back > 0 {
			t.Errorf("%s, %s: %d SSRCs, %d gaps, %d steps back in time; want one stream that goes on",
				c.id, codec.Kind(k), len(s.sources), s.gaps, s.back)
		}
		t.Logf("%s, %s of %s: longest time without a packet %v", c.id, codec.Kind(k), l.member, s.longest)
		s.mu.Unlock()
	}
}

// connectors is how many the client has.
func (c *client) connectors() int {
	n := make(chan int, 1)
	c.loop.put(func() { n <- len(c.legs) })
	select {
	case got := <-n:
		return got
	case <-c.done:
		return 0
	}
}

// last is the leg of a client that has one.
func (c *client) last() (l *leg) {
	done := make(chan struct{})
	c.loop.put(func() {
		for _, l = range c.legs {
			break
		}
		close(done)
	})
	<-done
	return l
}
