package room_test

import (
	"fmt"
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// hall is a room with a host on stage and listeners, counted by socket.
type hall struct {
	room *room.Room
	now  time.Time
	got  map[room.SocketID]int // events a socket was sent
}

func newHall(tb testing.TB, listeners int) *hall {
	tb.Helper()
	h := &hall{now: time.Unix(1e9, 0), got: map[room.SocketID]int{}}
	h.room = room.New("r", room.Settings{
		Grace: 15 * time.Second, Policy: room.Policy{Mode: room.ModeSFU},
		NewPlane: func(string, room.Policy) media.Plane { return quiet{&stage{mode: protocol.ModeSFU}} },
		NewToken: func() string { return "token" },
	}, room.Policy{}, h.now)
	h.join("host", "")
	for i := range listeners {
		h.join(fmt.Sprint("listener", i), protocol.RoleAudience)
	}
	h.pass(5 * time.Second)
	clear(h.got)
	return h
}

// quiet is a plane that does not even write down.
type quiet struct{ *stage }

func (quiet) Attach(protocol.MemberID, media.Profile)        {}
func (quiet) Detach(protocol.MemberID, []protocol.LeaveItem) {}
func (quiet) Away(protocol.MemberID)                         {}

func (h *hall) join(name string, role protocol.Role) {
	h.room.Enter(h.now, room.Entry{Socket: room.SocketID(name), Msg: &protocol.Join{Identity: protocol.Identity{
		User: protocol.UserID(name + "-0123456789"), Name: name, Room: "r",
		Capabilities: []string{protocol.CapabilityRoster}, Role: role,
	}}})
	h.take()
}

func (h *hall) leave(name string) {
	_ = h.room.Handle(h.now, room.SocketID(name), &protocol.Leave{})
	h.take()
}

func (h *hall) take() {
	for _, o := range h.room.Drain() {
		if o.Msg != nil || o.Err != nil {
			h.got[o.Socket]++
		}
	}
	h.room.Changes()
}

// pass lets time pass as the loop would.
func (h *hall) pass(d time.Duration) {
	for end := h.now.Add(d); ; {
		next := h.room.Deadline()
		if next.IsZero() || next.After(end) {
			h.now = end
			return
		}
		if next.After(h.now) {
			h.now = next
		}
		h.room.Tick(h.now)
		h.take()
	}
}

// TestAudienceIsSilent counts what 300 listeners are sent while others come,
// drop and go, 20 of each a second: nothing. The stage is sent a count every
// two seconds.
func TestAudienceIsSilent(t *testing.T) {
	const seconds = 15
	h := newHall(t, 300)
	for i := range 20 * seconds {
		h.join(fmt.Sprint("new", i), protocol.RoleAudience)
		if i >= 40 {
			if gone := fmt.Sprint("new", i-40); i%2 == 0 {
				h.leave(gone)
			} else {
				h.room.Gone(h.now, room.SocketID(gone))
				h.take()
			}
		}
		h.pass(time.Second / 20)
	}
	for i := range 300 {
		if n := h.got[room.SocketID(fmt.Sprint("listener", i))]; n > 0 {
			t.Fatalf("listener %d was sent %d events", i, n)
		}
	}
	if n := h.got["host"]; n < 1 || n > seconds/2+1 {
		t.Errorf("the host was sent %d events in %d seconds, want one every two", n, seconds)
	}
	for i := range 20 * seconds {
		if n := h.got[room.SocketID(fmt.Sprint("new", i))]; n != 1 {
			t.Errorf("newcomer %d was sent %d events, want its joined", i, n)
		}
	}
	if err := h.room.Check(h.now); err != nil {
		t.Error(err)
	}
}

// BenchmarkAudienceJoin is a listener who comes and goes. It costs the same
// whether ten listen or a thousand.
func BenchmarkAudienceJoin(b *testing.B) {
	for _, listeners := range []int{10, 1000} {
		b.Run(fmt.Sprint(listeners), func(b *testing.B) {
			h := newHall(b, listeners)
			b.ReportAllocs()
			for b.Loop() {
				h.join("new", protocol.RoleAudience)
				h.leave("new")
				h.now = h.now.Add(50 * time.Millisecond)
				h.room.Tick(h.now)
				h.take()
			}
		})
	}
}
