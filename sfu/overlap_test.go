package sfu

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lectern/sfu/description"
	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// TestOneNegotiationAtATime has connections of existing clients fall silent,
// come back, fail, change their addresses and their contents in any order,
// while offers and answers are under way over the channel and the socket. A
// client refuses an offer that comes before it has answered the last one, as
// browsers do, and so may the test.
func TestOneNegotiationAtATime(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 7)), browsers: map[*connector]*browser{}} //nolint:gosec // a test
			w.plane = newPlane(slog.New(slog.DiscardHandler), identity{fingerprint: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")}, w.link)
			for _, id := range []protocol.MemberID{"a", "b", "c"} {
				w.plane.Attach(id, media.Profile{Stage: true})
				w.step()
			}
			for range 200 {
				w.step()
			}
			w.calm()
			if err := w.plane.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// world is a plane, and the clients' ends of its connectors.
type world struct {
	t        *testing.T
	seed     uint64
	rnd      *rand.Rand
	plane    *Plane
	browsers map[*connector]*browser
	list     []*browser // in the order they came
	opening  []*connector
}

// letter is a description, or the wish for one, on its way.
type letter struct{ kind, sdp string }

// browser is the client's end of one connector, with what is on its way in
// both directions. The channel carries nothing while the path is silent.
type browser struct {
	member protocol.MemberID
	id     protocol.ConnectorID
	c      *connector
	silent bool
	taken  *letter // the offer that it has not answered yet
	by     way     // how that came
	said   bool    // its own offer is not answered yet
	in     map[way][]letter
	out    map[way][]letter
}

func (w *world) browser(m protocol.MemberID, c *connector) *browser {
	b := &browser{member: m, id: protocol.ConnectorID(fmt.Sprint("x", len(w.list))), c: c, in: map[way][]letter{}, out: map[way][]letter{}}
	w.list = append(w.list, b)
	if c != nil {
		w.browsers[c] = b
	}
	return b
}

// scriptedLink tells its client's browser, and its connector later.
type scriptedLink struct {
	idleLink
	w *world
	c *connector
}

func (w *world) link(e events, _ *outlet, _ []*box) link {
	c := e.(*connector)
	w.opening = append(w.opening, c)
	if !c.offers {
		for _, b := range w.list {
			if b.id == c.remoteID {
				b.c, w.browsers[c] = c, b
			}
		}
	}
	return scriptedLink{w: w, c: c}
}

func (l scriptedLink) Restart() { l.w.opening = append(l.w.opening, l.c) }

func (l scriptedLink) Send(text []byte) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		l.w.t.Fatal(err)
	}
	d, _ := offerIn(m.Data)
	if m.Type == protocol.EventAnswer {
		d, _ = answerIn(m.Data)
	}
	b := l.w.browsers[l.c]
	if l.c.beingReplaced() && m.Type != protocol.EventAnswer {
		l.w.t.Fatalf("seed %d: %s %s is to negotiate although it is being replaced", l.w.seed, b.member, b.id)
	}
	b.in[overChannel] = append(b.in[overChannel], letter{m.Type, d.SDP})
}

// hear brings what the plane sends over the sockets to the browsers.
func (w *world) hear() {
	for _, e := range w.plane.Drain() {
		switch m := e.Msg.(type) {
		case *protocol.GetOffer:
			b := w.browser(e.To, nil)
			b.said = true
			if err := w.plane.Signal(e.To, &protocol.Offer{Connector: b.id, Member: m.Member, StreamType: protocol.StreamUser,
				Offer: protocol.Description{Type: "offer", SDP: sdpOf("video sendrecv, audio sendrecv, app", nil)}}); err != nil {
				w.t.Fatal(err)
			}
		case *protocol.RelayedOffer:
			b := w.browser(e.To, w.plane.connectors[m.Remote])
			b.in[overSocket] = append(b.in[overSocket], letter{"offer", m.Offer.SDP})
		case *protocol.RelayedAnswer:
			w.to(m.Connector, letter{"answer", m.Answer.SDP})
		case *protocol.Renegotiate:
			d, _ := offerIn(m.Data)
			w.to(m.Connector, letter{m.Type, d.SDP})
		}
	}
}

func (w *world) to(id protocol.ConnectorID, l letter) {
	for _, b := range w.list {
		if b.id == id {
			b.in[overSocket] = append(b.in[overSocket], l)
		}
	}
}

// step has one thing happen.
func (w *world) step() {
	defer w.hear()
	if len(w.opening) > 0 && w.rnd.IntN(3) > 0 {
		c := w.opening[0]
		w.opening = w.opening[1:]
		c.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword"}, nil)
		return
	}
	if len(w.list) == 0 {
		return
	}
	b := w.list[w.rnd.IntN(len(w.list))]
	if b.c == nil || b.c.ended {
		return
	}
	switch w.rnd.IntN(12) {
	case 0:
		b.c.later(func() { b.c.change() })
	case 1:
		w.silence(b)
	case 2:
		w.revive(b)
	case 3:
		if b.silent && w.rnd.IntN(4) == 0 {
			b.c.stateChanged(transport.Failed)
		}
	case 4:
		if w.rnd.IntN(6) == 0 {
			w.plane.Return(b.member, media.Return{Moved: true})
		}
	case 5:
		time.Sleep(time.Duration(w.rnd.IntN(1500)) * time.Millisecond)
		synctest.Wait()
	default:
		w.move(b)
	}
}

func (w *world) silence(b *browser) {
	if b.c.connected {
		b.silent = true
		b.c.stateChanged(transport.Disconnected)
	}
}

func (w *world) revive(b *browser) {
	if !b.c.answered {
		return
	}
	b.silent = false
	b.c.stateChanged(transport.Connected)
	if !b.c.open {
		b.c.channelOpened()
	}
}

// move has the browser answer, or brings one letter a step further.
func (w *world) move(b *browser) {
	if b.taken != nil {
		b.out[b.by] = append(b.out[b.by], letter{"answer", answerTo(w.t, b.taken.sdp)})
		b.taken = nil
		return
	}
	for _, by := range []way{overSocket, overChannel} {
		if by == overChannel && b.silent {
			continue
		}
		if len(b.out[by]) > 0 {
			l := b.out[by][0]
			b.out[by] = b.out[by][1:]
			w.arrive(b, l, by)
			return
		}
		if len(b.in[by]) > 0 && (by == overSocket || w.rnd.IntN(2) == 0 || b.silent) {
			w.take(b, by)
			return
		}
	}
}

// take has the browser take a letter, or refuse it.
func (w *world) take(b *browser, by way) {
	l := b.in[by][0]
	b.in[by] = b.in[by][1:]
	switch {
	case l.kind == "offer" && b.taken != nil, l.kind == "getOffer" && b.said:
		w.t.Fatalf("seed %d: %s %s refuses an %s, for the last one is not answered yet", w.seed, b.member, b.id, l.kind)
	case l.kind == "offer":
		b.taken, b.by = &l, by
	case l.kind == "getOffer":
		b.said = true
		b.out[by] = append(b.out[by], letter{"offer", sdpOf("video sendrecv, audio sendrecv, app", nil)})
	default:
		b.said = false
	}
}

// arrive brings a letter of the browser to the plane.
func (w *world) arrive(b *browser, l letter, by way) {
	d := protocol.Description{Type: l.kind, SDP: l.sdp}
	switch {
	case by == overChannel:
		data, _ := json.Marshal(map[string]any{l.kind: d})
		b.c.control(message{Type: l.kind, Data: data})
	case !b.c.answered:
		w.signal(b, &protocol.Answer{Remote: b.c.id, Connector: b.id, Member: b.c.plays, Answer: d})
	default:
		w.signal(b, &protocol.ReconnectWork{Type: l.kind, Answer: &d, Connector: b.id, Member: b.c.plays})
	}
}

func (w *world) signal(b *browser, s protocol.Signal) {
	if err := w.plane.Signal(b.member, s); err != nil {
		w.t.Fatalf("seed %d: %s %s: %v", w.seed, b.member, b.id, err)
	}
}

// calm has all paths come back and everything arrive. Then nothing may be left
// to negotiate.
func (w *world) calm() {
	for range 300 {
		for _, b := range w.list {
			if b.c != nil && !b.c.ended {
				if b.silent || !b.c.connected || !b.c.open {
					w.revive(b)
				}
				w.move(b)
			}
		}
		for _, c := range w.opening {
			c.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword"}, nil)
		}
		w.opening = nil
		w.hear()
		synctest.Wait()
	}
	if len(w.plane.connectors) != 6 {
		w.t.Errorf("seed %d: %d connectors, want 6", w.seed, len(w.plane.connectors))
	}
	for _, c := range w.plane.connectors {
		if !c.settled() || c.path != sound {
			w.t.Errorf("seed %d: of %s's connectors the one that plays %s is not settled: dirty %v, pending %v, path %v, connected %v, open %v",
				w.seed, c.member.id, c.plays, c.dirty, c.pending, c.path, c.connected, c.open)
		}
	}
}

// answerTo is a browser's answer to an offer.
func answerTo(t *testing.T, sdp string) string {
	d, err := description.Parse(sdp)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, s := range d.Sections {
		word := "app"
		if k, isMedia := s.Kind.CodecKind(); isMedia {
			word = k.String() + " " + description.MakeDirection(s.Direction.Receives(), s.Direction.Sends()).String()
		}
		words = append(words, word)
	}
	return sdpOf(strings.Join(words, ", "), d)
}
