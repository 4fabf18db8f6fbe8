package sfu

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"lectern/signaling/protocol"
)

// wronged is a call of three, the last of whom is about to do something bad.
func wronged(t *testing.T) (r *room, a, b, bad *client) {
	t.Helper()
	t.Parallel()
	r = newRoom(t)
	list := members(r, 3)
	return r, list[0], list[1], list[2]
}

// unharmed waits until media has gone on both ways.
func unharmed(t *testing.T, a, b *client) {
	t.Helper()
	flows(t, a, b, 20)
	flows(t, b, a, 20)
}

func refused(t *testing.T, err error, want protocol.ErrorType) {
	t.Helper()
	var e *protocol.Error
	if !errors.As(err, &e) || e.Type != want {
		t.Errorf("got %v, want an error of type %s", err, want)
	}
}

func TestBadDescriptions(t *testing.T) {
	r, a, b, bad := wronged(t)
	offer := sdpOf("video sendrecv, audio sendrecv, app", nil)
	manySections := strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n", 5000)
	manyCandidates := offer
	for i := range 9000 {
		manyCandidates += fmt.Sprintf("a=candidate:%d 1 udp %d 192.0.2.%d %d typ host\r\n", i, i+1, i%250+1, i%60000+1024)
	}
	before := r.holds()
	for _, sdp := range []string{"", "v=0", strings.Repeat("a", 2<<20), offer + manySections, offer + strings.Repeat("a=x\r\n", 20000)} {
		err := r.signal(bad.id, &protocol.Offer{
			Connector: "bomb", Member: a.id, StreamType: protocol.StreamDisplay, Offer: protocol.Description{Type: "offer", SDP: sdp},
		})
		refused(t, err, protocol.ErrInvalid)
	}
	err := r.signal(bad.id, &protocol.Offer{
		Connector: "x", Member: "nobody", StreamType: protocol.StreamUser, Offer: protocol.Description{Type: "offer", SDP: offer},
	})
	refused(t, err, protocol.ErrNotInRoom)
	refused(t, r.signal("nobody", &protocol.ICECandidate{}), protocol.ErrNotInRoom)
	for range 100 { // answers to nothing
		if err := r.signal(bad.id, &protocol.Answer{
			Remote: "none", Connector: "x", Member: a.id, Answer: protocol.Description{Type: "answer", SDP: offer},
		}); err != nil {
			t.Error(err)
		}
	}
	if after := r.holds(); after != before {
		t.Errorf("it cost the server something: %s, before %s", after, before)
	}
	if err := r.signal(bad.id, &protocol.Offer{
		Connector: "candidates", Member: a.id, StreamType: protocol.StreamDisplay, Offer: protocol.Description{Type: "offer", SDP: manyCandidates},
	}); err != nil {
		t.Error(err)
	}
	unharmed(t, a, b)
	bad.leave()
	unharmed(t, a, b)
}

// Offers without end end at the bound. On a slow machine the first connectors
// fail before so many are there; the bound holds all the same.
func TestOffersWithoutEnd(t *testing.T) {
	r, a, b, bad := wronged(t)
	offer := protocol.Description{Type: "offer", SDP: sdpOf("video recvonly, audio recvonly, app", nil)}
	held := func() (n int) {
		r.do(func() { n = len(r.plane.members[bad.id].connectors) })
		return n
	}
	var err error
	for n := 0; err == nil && n <= 2*maxConnectors; n++ {
		err = r.signal(bad.id, &protocol.Offer{
			Connector: protocol.ConnectorID(fmt.Sprint("o", n)), Member: a.id, StreamType: protocol.StreamDisplay, Offer: offer,
		})
		if n := held(); n > maxConnectors {
			t.Fatalf("one client has %d connectors, want at most %d", n, maxConnectors)
		}
	}
	if err != nil {
		refused(t, err, protocol.ErrRate)
	}
	unharmed(t, a, b)
	bad.leave()
	eventually(t, "its connections end", func() bool { return r.sessions() == 2 }, r.holds)
}

func TestRTPOfStrangers(t *testing.T) {
	_, a, b, bad := wronged(t)
	for _, l := range bad.everyLeg() {
		l.strangers.Store(50)
	}
	unharmed(t, a, b)
}

func TestChannelFlood(t *testing.T) {
	r, a, b, bad := wronged(t)
	l := bad.to(a.id)
	l.sendText(t)
	const flood = 20_000
	for i := range flood {
		if l.channel.BufferedAmount() > 64<<10 {
			// What the client answers would wait behind more than that.
			eventually(t, "the server takes the messages", func() bool { return l.channel.BufferedAmount() < 32<<10 }, bad.state)
		}
		text := [...]string{`{"type":"getOffer","data":{"kind":"audio","type":"remove"}}`, `{"type":"close","data":{"connectorId":"x"}}`, `{"type":"later"}`, `{"type":`}[i%4]
		if i%100 == 99 {
			if err := l.channel.Send([]byte{0, 1, 2}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.channel.SendText(text); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			r.plane.queue.mu.Lock()
			if n := len(r.plane.queue.work); n > 200 {
				t.Errorf("%d things wait for the room", n)
			}
			r.plane.queue.mu.Unlock()
		}
	}
	unharmed(t, a, b)
	last := []string{header("still here", 0)}
	l.sendText(t, last...)
	gets(t, a, bad, last)
	if got, want := r.server.counters.badMessages.Load(), uint64(flood/4+flood/100); got != want {
		t.Errorf("%d messages counted as bad, want %d", got, want)
	}
}

// A client that dies without a word loses its connections, and nobody else
// does.
func TestSilentClient(t *testing.T) {
	r, a, b, bad := wronged(t)
	var old []*connector
	r.do(func() { old = append(old, r.plane.members[bad.id].connectors...) })
	close(bad.done)
	bad.loops.Wait()
	for _, l := range bad.everyLeg() {
		_ = l.mux.Close()
	}
	ended := func() (n int) {
		r.do(func() {
			for _, c := range old {
				if c.ended {
					n++
				}
			}
		})
		return n
	}
	eventually(t, "its connectors end", func() bool { return ended() == len(old) }, r.holds)
	unharmed(t, a, b)
	r.leave(bad.id)
	eventually(t, "nothing of it is left", func() bool { return r.sessions() == 2 }, r.holds)
	for _, l := range bad.everyLeg() {
		l.close()
	}
	bad.busy.Wait()
}
