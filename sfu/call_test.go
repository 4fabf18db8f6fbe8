package sfu

import (
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"lectern/sfu/codec"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// members makes clients that join one after the other, and waits until all
// hear and see all.
func members(r *room, count int, set ...func(*client)) []*client {
	r.t.Helper()
	var list []*client
	for i := range count {
		list = append(list, newClient(r, protocol.MemberID('a'+rune(i)), set...))
	}
	meet(r.t, list)
	return list
}

func meet(t testing.TB, list []*client) {
	t.Helper()
	for _, c := range list {
		for _, other := range list {
			if c != other {
				flows(t, c, other, 3)
			}
		}
	}
}

// flows waits until more packets of both kinds have come from a member.
func flows(t testing.TB, c, from *client, more int) {
	t.Helper()
	var base [2]int
	var of *leg
	eventually(t, fmt.Sprintf("%s hears and sees %s", c.id, from.id), func() bool {
		l := c.to(from.id)
		if l == nil {
			return false
		}
		if l != of {
			of, base = l, [2]int{l.streams[0].count(), l.streams[1].count()}
		}
		return l.streams[codec.Audio].count() >= base[codec.Audio]+more &&
			l.streams[codec.Video].count() >= base[codec.Video]+more
	}, c.state, from.state)
}

func TestCall(t *testing.T) { onSockets(t, testCall) }

func testCall(t *testing.T, r *room) {
	list := members(r, 3)
	for _, c := range list {
		uplinks := 0
		for _, l := range c.everyLeg() {
			if l.sent.Load() > 0 {
				uplinks++
			}
		}
		if uplinks != 1 {
			t.Errorf("%s sends on %d connections, want 1", c.id, uplinks)
		}
		if f := c.faults(); len(f) > 0 {
			t.Errorf("%s: %v", c.id, f)
		}
	}
}

// A member whose uplink ends goes on over another connector: the others see
// one stream.
func TestUplinkMoves(t *testing.T) { onSockets(t, testUplinkMoves) }

func testUplinkMoves(t *testing.T, r *room) {
	list := members(r, 3)
	a, c := list[0], list[2]
	// The one that is left alone with a's tracks is the one whose leg was not
	// the uplink.
	gone, stays := list[1], c
	if a.to(c.id).sent.Load() > 0 {
		gone, stays = c, list[1]
	}
	next := a.to(stays.id)
	seen := stays.to(a.id)
	gone.leave()
	eventually(t, "a sends on its other connection", func() bool { return next.sent.Load() > 20 }, a.state)
	flows(t, stays, a, 20)
	if stays.to(a.id) != seen {
		t.Error("the viewer got a new connection")
	}
	for k := range seen.streams {
		s := &seen.streams[k]
		s.mu.Lock()
		if len(s.sources) != 1 || s.gaps > 0 || s.back > 0 {
			t.Errorf("kind %d: %d SSRCs, %d gaps, %d steps back in time; want one stream that goes on", k, len(s.sources), s.gaps, s.back)
		}
		s.mu.Unlock()
	}
	eventually(t, "the other's connection ends at a", func() bool {
		return a.to(gone.id).pc.ConnectionState() == webrtc.PeerConnectionStateClosed
	}, a.state)
}

// A member whose address changed gets new candidates on what the server
// offers, and a new connection in place of what it offered itself.
func TestMoved(t *testing.T) { onSockets(t, testMoved) }

func testMoved(t *testing.T, r *room) {
	list := members(r, 3)
	b, c := list[1], list[2]
	l := c.to(b.id)
	before := l.ufrag.Load()
	r.comeBack(c.id, media.Return{Moved: true})
	eventually(t, "ICE restarts", func() bool { return l.ufrag.Load() != before }, c.state)
	flows(t, c, b, 20)
	flows(t, b, c, 20)
	if c.to(b.id) != l {
		t.Error("the connection was replaced")
	}
	r.comeBack("a", media.Return{Moved: true})
	meet(t, list)
}

// A viewer that comes has a picture at once.
func TestKeyframeForNewViewer(t *testing.T) { onSockets(t, testKeyframeForNewViewer) }

func testKeyframeForNewViewer(t *testing.T, r *room) {
	a := members(r, 2)[0]
	const limit = 300 * time.Millisecond
	var took []time.Duration
	for i := range 8 { // a busy machine may be late now and then
		eventually(t, "the last keyframe is too old to begin with", func() bool {
			list := a.requests()
			return len(list) > 0 && time.Since(list[len(list)-1]) > 1500*time.Millisecond
		})
		before := time.Now()
		v := newClient(r, protocol.MemberID('p'+rune(i)))
		flows(t, v, a, 1)
		connected := v.to(a.id).connectedAt()
		var asked time.Time
		eventually(t, "a keyframe is asked for", func() bool {
			for _, at := range a.requests() {
				if asked.IsZero() && at.After(before) {
					asked = at
				}
			}
			return !asked.IsZero()
		}, a.state)
		took = append(took, asked.Sub(connected))
		if took[i] <= limit {
			return
		}
	}
	t.Errorf("keyframes were asked for %v after the viewers were connected, want one within %v", took, limit)
}

// However many viewers ask, the publisher is asked three times a second.
func TestKeyframeStorm(t *testing.T) { onSockets(t, testKeyframeStorm) }

func testKeyframeStorm(t *testing.T, r *room) {
	list := members(r, 4)
	a := list[0]
	before, start := len(a.requests()), time.Now()
	for round := 0; len(a.requests()) < before+4; round++ {
		for _, v := range list[1:] {
			l := v.to(a.id)
			s := &l.streams[codec.Video]
			s.mu.Lock()
			ssrc := s.last.SSRC
			s.mu.Unlock()
			if err := l.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}); err != nil {
				t.Fatal(err)
			}
		}
		flows(t, list[1], a, 1)
		if time.Since(start) > patience {
			t.Fatalf("%d requests came of %d rounds", len(a.requests())-before, round)
		}
	}
	elapsed := time.Since(start)
	if got, most := len(a.requests())-before, int(elapsed/(300*time.Millisecond))+2; got > most {
		t.Errorf("%d requests in %v, want at most %d", got, elapsed, most)
	}
}
