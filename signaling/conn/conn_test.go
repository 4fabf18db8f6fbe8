package conn_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lectern/signaling/conn"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// fake is a socket that keeps what is sent.
type fake struct {
	id   string
	lang string

	mu sync.Mutex
	// Guarded by mu.
	sent   []string
	room   int // how many more sends fit; negative: any number
	faulty bool
	closed string
	kicked string
}

func (f *fake) ID() string             { return f.id }
func (f *fake) RemoteAddr() netip.Addr { return netip.MustParseAddr("192.0.2.1") }
func (f *fake) Keep(member bool)       {}
func (f *fake) Language() string       { return f.lang }

func (f *fake) Send(event string, data []byte, _ uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faulty {
		panic("boom")
	}
	if f.room == 0 {
		return false
	}
	f.room--
	f.sent = append(f.sent, event+" "+string(data))
	return true
}

func (f *fake) Probe(d time.Duration, done func(bool)) { time.AfterFunc(d, func() { done(false) }) }

func (f *fake) Close(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = reason
}

func (f *fake) Kick(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kicked = reason
}

// take gives what was sent since the last call.
func (f *fake) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sent
	f.sent = nil
	return s
}

func (f *fake) ended() (closed, kicked string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed, f.kicked
}

type world struct {
	t      *testing.T
	hub    *room.Hub
	server *conn.Server
}

// inBubble runs a test on virtual time; a goroutine left behind fails it.
func inBubble(t *testing.T, o conn.Options, run func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tokens := 0
		hub := room.NewHub(room.Settings{
			Grace: 15 * time.Second, Policy: room.Policy{MaxMembers: 100}, Version: "test",
			NewPlane: func(string, room.Policy) media.Plane { return p2p.New() },
			NewToken: func() string { tokens++; return fmt.Sprint("token", tokens) },
		}, slog.New(slog.DiscardHandler))
		run(t, &world{t, hub, conn.NewServer(hub, o)})
		hub.Close()
	})
}

func (w *world) open(id string) (*conn.Conn, *fake) {
	f := &fake{id: id, lang: "en", room: -1}
	return w.server.Open(f), f
}

func who(name, roomname string) []byte {
	return fmt.Appendf(nil, `{"id":"%s-0123456789abcdef","username":"%s","roomname":"%s"}`, name, name, roomname)
}

// same fails unless got is want, entry by entry.
func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\ngot  %q\nwant %q", what, got, want)
	}
}

const (
	offer  = `{"connectorId":"c1","memberId":"B","streamType":"user","offer":{"type":"offer","sdp":"v=0"}}`
	answer = `{"remoteConnectorId":"c1","connectorId":"c2","memberId":"A","answer":{"type":"answer","sdp":"v=0"}}`
)

func TestJoinElsewhereLeavesFirst(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		b, fb := w.open("B")
		a.Event("join", value(who("ann", "r1")), 0, nil)
		b.Event("join", value(who("bob", "r1")), 0, nil)
		same(t, "ann is asked for an offer", fa.take(), `getOffer {"memberId":"B"}`)
		a.Event("offer", value([]byte(offer)), 0, nil)
		b.Event("answer", value([]byte(answer)), 0, nil)
		fa.take()
		fb.take()
		a.Event("join", value(who("ann", "r2")), 0, nil)
		same(t, "bob is told that ann left", fb.take(), `leave {"connectorId":"c2","memberId":"A"}`)
		if n := w.hub.RoomCount(); n != 2 {
			t.Errorf("there are %d rooms, want 2", n)
		}
		b.Event("icecandidate", value([]byte(`{"remoteConnectorId":"x","memberId":"A","candidate":{"candidate":""}}`)), 0, nil)
		if got := fb.take(); len(got) != 1 || !strings.Contains(got[0], `"not-in-room"`) {
			t.Errorf("a signal to another room is answered by %q", got)
		}
		same(t, "nothing crosses rooms", fa.take())
		a.Closed()
		b.Closed()
	})
}

// TestRefusedElsewhereStays holds that a join or reconnect which another room
// refuses leaves the client where it is.
func TestRefusedElsewhereStays(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		b, fb := w.open("B")
		c, _ := w.open("C")
		a.Event("join", value(who("ann", "r1")), 0, nil)
		b.Event("join", value(who("bob", "r1")), 0, nil)
		c.Event("join", value([]byte(`{"id":"another-0123456789abcdef","username":"ann","roomname":"r2"}`)), 0, nil)
		fa.take()
		for _, refused := range []struct{ event, room, want string }{
			{"join", "r2", "repeat"}, {"reconnect", "r2", "invalid"}, {"reconnect", "r3", "invalid"},
		} {
			a.Event(refused.event, value(who("ann", refused.room)), 0, nil)
			if got := fa.take(); len(got) != 1 || !strings.Contains(got[0], refused.want) {
				t.Errorf("%s in %s is answered by %q, want %s", refused.event, refused.room, got, refused.want)
			}
			a.Event("offer", value([]byte(offer)), 0, nil)
			if got := fb.take(); len(got) != 1 || !strings.HasPrefix(got[0], "offer ") {
				t.Errorf("after a refused %s in %s bob gets %q, want ann's offer", refused.event, refused.room, got)
			}
		}
		synctest.Wait()
		if n := w.hub.RoomCount(); n != 2 {
			t.Errorf("there are %d rooms, want 2", n)
		}
		for _, c := range []*conn.Conn{a, b, c} {
			c.Closed()
		}
	})
}

func TestEmptyRoomIsGoneAtOnce(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, _ := w.open("A")
		for i := range 1000 {
			a.Event("join", value(who("ann", fmt.Sprint("room", i))), 0, nil)
		}
		synctest.Wait()
		if n := w.hub.RoomCount(); n != 1 {
			t.Errorf("after 1,000 joins of other rooms there are %d, want 1", n)
		}
		a.Event("leave", value([]byte(`[]`)), 0, nil)
		synctest.Wait()
		if n := w.hub.RoomCount(); n != 0 {
			t.Errorf("after the leave there are %d rooms, want none", n)
		}
		a.Closed()
	})
}

func TestGraceKeepsTheName(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, _ := w.open("A")
		a.Event("join", value(who("ann", "r")), 0, nil)
		a.Closed()
		time.Sleep(15*time.Second - time.Millisecond)
		if is, err := w.hub.HasName(t.Context(), "r", "ann"); !is || err != nil {
			t.Errorf("during the grace period the name is taken: %v, %v", is, err)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if is, _ := w.hub.HasName(t.Context(), "r", "ann"); is || w.hub.RoomCount() != 0 {
			t.Errorf("after the grace period the name is taken: %v, rooms: %d", is, w.hub.RoomCount())
		}
	})
}

func TestLateAnswerOutsideARoom(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		b, fb := w.open("B")
		b.Event("join", value(who("bob", "r")), 0, nil)
		b.Event("leave", value([]byte(`[]`)), 0, nil)
		b.Event("answer", value([]byte(answer)), 0, nil)
		same(t, "the answer's connector is ended", fb.take(), `leave {"connectorId":"c2","memberId":"A"}`)
		b.Event("offer", value([]byte(strings.Replace(offer, `"B"`, `"A"`, 1))), 0, nil)
		got := fb.take()
		if len(got) != 2 || got[0] != `leave {"connectorId":"c1","memberId":"A"}` || !strings.Contains(got[1], `"not-in-room"`) {
			t.Errorf("the offer is answered by %q, want its leave and not-in-room", got)
		}
		b.Closed()
	})
}

func TestSignalsBeforeReconnectAreHeld(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		b, _ := w.open("B")
		a.Event("join", value(who("ann", "r")), 0, nil)
		b.Event("join", value(who("bob", "r")), 0, nil)
		a.Event("offer", value([]byte(offer)), 0, nil)
		b.Closed()
		fa.take()
		back, fback := w.open("B2")
		back.Event("answer", value([]byte(answer)), 0, nil)
		back.Event("reconnect", value(who("bob", "r")), 0, nil)
		same(t, "the answer reaches ann", fa.take(),
			`answer {"remoteConnectorId":"c2","connectorId":"c1","answer":{"type":"answer","sdp":"v=0"},"memberId":"B"}`)
		same(t, "the returner hears nothing", fback.take())

		never, fnever := w.open("C")
		never.Event("answer", value([]byte(answer)), 0, nil)
		same(t, "an answer of nobody is held", fnever.take())
		time.Sleep(time.Second)
		same(t, "and ended when nobody says who it is", fnever.take(), `leave {"connectorId":"c2","memberId":"A"}`)
		for _, c := range []*conn.Conn{a, back, never} {
			c.Closed()
		}
	})
}

func TestKnownIDInAnotherRoom(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		a.Event("join", value(who("ann", "r1")), 0, nil)
		x, fx := w.open("X")
		x.Event("reconnect", value(who("ann", "r2")), 0, nil)
		if got := fx.take(); len(got) != 1 || !strings.Contains(got[0], `"invalid"`) {
			t.Errorf("it is answered by %q, want invalid", got)
		}
		synctest.Wait()
		if is, _ := w.hub.HasName(t.Context(), "r1", "ann"); !is || w.hub.RoomCount() != 1 {
			t.Errorf("the member was touched: name %v, rooms %d", is, w.hub.RoomCount())
		}
		if closed, kicked := fa.ended(); closed+kicked != "" {
			t.Errorf("its socket was ended: %q %q", closed, kicked)
		}
		a.Closed()
		x.Closed()
	})
}

// value is JSON as a transport hands it on.
func value(data []byte) protocol.Value {
	v, _ := protocol.Check(data)
	return v
}
