package room_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// box is an outbox that counts.
type box struct {
	id room.SocketID

	mu sync.Mutex
	// Guarded by mu.
	got    map[string]int
	ended  string
	probed func(bool)
	block  <-chan struct{} // Put waits for it, if it is not nil
}

func newBox(id string) *box { return &box{id: room.SocketID(id), got: map[string]int{}} }

func (b *box) Socket() room.SocketID { return b.id }

func (b *box) Put(event string, _ []byte, _ uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.block != nil {
		<-b.block
	}
	b.got[event]++
	return true
}

func (b *box) Tell(*protocol.Error, uint64) { b.Put("error", nil, 0) }

func (b *box) Probe(_ time.Duration, done func(bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probed = done
}

func (b *box) Close(reason string) { b.end("closed: " + reason) }
func (b *box) Kick(reason string)  { b.end("kicked: " + reason) }

func (b *box) end(how string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = how
}

func (b *box) how() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

func (b *box) count(event string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[event]
}

func hub(plane func(string, room.Policy) media.Plane) *room.Hub {
	return room.NewHub(room.Settings{
		Grace: 15 * time.Second, NewPlane: plane, NewToken: func() string { return "t" },
	}, slog.New(slog.DiscardHandler))
}

func relay(string, room.Policy) media.Plane { return p2p.New() }

func entry(b *box, name, roomname string) room.Entry {
	return room.Entry{Socket: b.id, Msg: &protocol.Join{Identity: protocol.Identity{
		User: protocol.UserID(name + "-0123456789abcdef"), Name: name, Room: roomname,
	}}}
}

// brittle is a plane that panics on an offer.
type brittle struct{ media.Plane }

func (b brittle) Signal(protocol.MemberID, protocol.Signal) error { panic("brittle") }

func TestPanicEndsOneRoomOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub(func(n string, p room.Policy) media.Plane { return brittle{relay(n, p)} })
		a, b := newBox("A"), newBox("B")
		bad, _ := h.Enter(a, entry(a, "ann", "bad"))
		good, _ := h.Enter(b, entry(b, "bob", "good"))
		if err := bad.Handle(&protocol.Offer{}); err != room.ErrClosed {
			t.Errorf("the message that broke the room gives %v, want ErrClosed", err)
		}
		synctest.Wait()
		if a.ended == "" || b.ended != "" {
			t.Errorf("the sockets ended %q and %q, want only the first to", a.ended, b.ended)
		}
		if err := good.Handle(&protocol.State{}); err != nil {
			t.Errorf("the other room gives %v", err)
		}
		bad.Gone()
		again := newBox("A2")
		seat, v := h.Enter(again, entry(again, "ann", "bad"))
		if v.Err != nil {
			t.Fatalf("the room cannot be entered again: %v", v.Err)
		}
		seat.Leave(&protocol.Leave{})
		good.Leave(&protocol.Leave{})
		synctest.Wait()
		if n := h.RoomCount(); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
		h.Close()
	})
}

func TestCloseWithMembersAndWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub(relay)
		a, b := newBox("A"), newBox("B")
		e := entry(a, "ann", "r")
		e.Msg.(*protocol.Join).User = "short"
		seat, _ := h.Enter(a, e)
		back := room.Entry{Socket: b.id, Msg: &protocol.Reconnect{Identity: e.Msg.(*protocol.Join).Identity}}
		refused := make(chan error)
		go func() {
			_, v := h.Enter(b, back)
			refused <- v.Err
		}()
		synctest.Wait() // the reconnect waits for the probe of a
		h.Close()
		if err := <-refused; err == nil {
			t.Error("who waited for a closed room was let in")
		}
		if err := seat.Handle(&protocol.State{}); err != room.ErrClosed {
			t.Errorf("a message to a closed room gives %v", err)
		}
		seat.Gone()
		if _, v := h.Enter(a, e); v.Err == nil {
			t.Error("a closed hub lets somebody in")
		}
	})
}

func TestProbeIsAnswered(t *testing.T) {
	for _, alive := range []bool{true, false} {
		t.Run(fmt.Sprint("alive ", alive), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hub(relay)
				a, b := newBox("A"), newBox("B")
				e := entry(a, "ann", "r")
				e.Msg.(*protocol.Join).User = "short"
				old, _ := h.Enter(a, e)
				go func() {
					synctest.Wait()
					a.mu.Lock()
					done := a.probed
					a.mu.Unlock()
					done(alive)
				}()
				_, v := h.Enter(b, room.Entry{Socket: b.id, Msg: &protocol.Reconnect{Identity: e.Msg.(*protocol.Join).Identity}})
				if (v.Err == nil) == alive {
					t.Errorf("the verdict is %v", v.Err)
				}
				old.Gone()
				h.Close()
			})
		})
	}
}

// TestStorm has many sockets join, signal, leave and vanish at once; under
// -race it proves who owns what, and at the end nothing is left.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub(relay)
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() { wander(h, i) })
		}
		all.Wait()
		time.Sleep(16 * time.Second) // the grace of the last ones
		synctest.Wait()
		if n := h.RoomCount(); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
		h.Close()
	})
}

// wander is one client's random life.
func wander(h *room.Hub, i int) {
	rnd := rand.New(rand.NewPCG(1, uint64(i)))
	for step := range 40 {
		b := newBox(fmt.Sprint(i, "-", step))
		seat, v := h.Enter(b, entry(b, fmt.Sprint("u", i), fmt.Sprint("room", rnd.IntN(4))))
		if v.Err != nil {
			time.Sleep(time.Second)
			continue
		}
		for range rnd.IntN(5) {
			other := protocol.MemberID(fmt.Sprint(rnd.IntN(60), "-", step))
			_ = seat.Handle(&protocol.Offer{Connector: "c", Member: other, StreamType: protocol.StreamUser})
			_ = seat.Handle(&protocol.ICECandidate{Remote: "c", Member: other})
		}
		if rnd.IntN(2) == 0 {
			seat.Leave(&protocol.Leave{})
		} else {
			seat.Gone()
		}
	}
}

// TestOverflowStartsAfresh: a member that missed more than is kept for it keeps
// its place, but begins again when it comes back.
func TestOverflowStartsAfresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub(relay)
		a, b, c := newBox("A"), newBox("B"), newBox("C")
		sa, _ := h.Enter(a, entry(a, "ann", "r"))
		sb, _ := h.Enter(b, entry(b, "bob", "r"))
		sb.Gone()
		big := protocol.Description{Type: "offer", SDP: strings.Repeat("x", protocol.MaxSDP)}
		senders := []*room.Seat{sa}
		for i := range 5 { // one may send 2 MiB at once
			box := newBox(fmt.Sprint("D", i))
			seat, _ := h.Enter(box, entry(box, fmt.Sprint("dora", i), "r"))
			senders = append(senders, seat)
			defer seat.Gone()
		}
		for i := range 40 {
			_ = senders[i%len(senders)].Handle(&protocol.Offer{Connector: protocol.ConnectorID(fmt.Sprint(i)), Member: "B", StreamType: "display", Offer: big})
		}
		if is, _ := h.HasName(t.Context(), "r", "bob"); !is {
			t.Error("a member that missed 10 MB has lost its place")
		}
		asked := a.count(protocol.EventGetOffer)
		back := entry(c, "bob", "r")
		back.Msg = &protocol.Reconnect{Identity: back.Msg.(*protocol.Join).Identity}
		if _, v := h.Enter(c, back); v.Err != nil {
			t.Fatal(v.Err)
		}
		synctest.Wait()
		if c.count(protocol.EventReconnect) != 1 || c.count(protocol.EventOffer) != 0 {
			t.Error("a member that missed 10 MB was not told to close its connectors, or was sent part of what it missed")
		}
		if a.count(protocol.EventGetOffer) != asked+1 {
			t.Error("the others were not asked for new connectors to it")
		}
		sa.Leave(&protocol.Leave{})
		h.Close()
	})
}
