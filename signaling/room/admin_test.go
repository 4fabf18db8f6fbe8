package room_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// operated is a hub whose planes write down, and can be anything.
func operated(p room.Policy) *room.Hub {
	return room.NewHub(room.Settings{
		Grace: 15 * time.Second, Policy: p, TokenKey: []byte("key"),
		NewPlane: func(_ string, p room.Policy) media.Plane {
			mode := protocol.ModeP2P
			if p.Mode == room.ModeSFU {
				mode = protocol.ModeSFU
			}
			return &stage{mode: mode, fixed: p.Mode != room.ModeAuto}
		},
		NewToken: func() string { return "t" },
	}, slog.New(slog.DiscardHandler))
}

func capable(b *box, name, roomname string, role protocol.Role) room.Entry {
	e := entry(b, name, roomname)
	i := &e.Msg.(*protocol.Join).Identity
	i.Capabilities, i.Role = []string{protocol.CapabilityRoster}, role
	return e
}

// enter joins a capable client; the seat is given up at the end of the test.
func enter(t *testing.T, h *room.Hub, socket, name, roomname string, role protocol.Role) (*box, *room.Seat) {
	t.Helper()
	b := newBox(socket)
	seat, v := h.Enter(b, capable(b, name, roomname, role))
	if v.Err != nil {
		t.Fatalf("%s cannot join %s: %v", name, roomname, v.Err)
	}
	return b, seat
}

func TestCreatedRoomKeepsItsPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := operated(room.Policy{Mode: room.ModeAuto, Stage: 9, MaxMembers: 70})
		defer h.Close()
		if err := h.Create("r", room.Policy{Mode: room.ModeSFU, Stage: 1, HostToken: true}); err != nil {
			t.Fatal(err)
		}
		want := room.Policy{Mode: room.ModeSFU, Stage: 1, MaxMembers: 70, HostToken: true}
		for range 2 { // it is used, empty, and used again
			info, err := h.Room(t.Context(), "r")
			if err != nil || info.Policy != want || info.Mode != protocol.ModeSFU || info.Count != 0 || info.Created.IsZero() {
				t.Fatalf("the empty room is %+v, %v", info, err)
			}
			_, a := enter(t, h, "A", "ann", "r", "")
			_, b := enter(t, h, "B", "bob", "r", "")
			info, err = h.Room(t.Context(), "r")
			if err != nil || info.Policy != want || info.Count != 2 || info.Audience != 1 {
				t.Fatalf("the room is %+v, %v", info, err)
			}
			if m := info.Members; m[0].Role != protocol.RolePresenter || m[1].Role != protocol.RoleAudience || m[0].ID != "A" ||
				m[1].Name != "bob" || !m[0].Capable || m[0].Away || m[0].Joined.IsZero() {
				t.Errorf("its members are %+v", m)
			}
			a.Leave(&protocol.Leave{})
			b.Leave(&protocol.Leave{})
			synctest.Wait()
		}
		_, other := enter(t, h, "C", "cat", "other", "")
		info, err := h.Room(t.Context(), "other")
		if err != nil || info.Policy != (room.Policy{Mode: room.ModeAuto, Stage: 9, MaxMembers: 70}) || info.Members[0].Role != protocol.RoleHost {
			t.Errorf("a room nobody created is %+v, %v", info, err)
		}
		other.Leave(&protocol.Leave{})
		synctest.Wait()
		if _, err := h.Room(t.Context(), "other"); !errors.Is(err, room.ErrNoRoom) {
			t.Errorf("an empty room nobody created gives %v", err)
		}
	})
}

func TestCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := operated(room.Policy{})
		defer h.Close()
		_, seat := enter(t, h, "A", "ann", "used", "")
		for _, c := range []struct {
			name   string
			policy room.Policy
			want   error
			field  string
		}{
			{"b", room.Policy{}, nil, ""},
			{"b", room.Policy{}, room.ErrRoomExists, ""},
			{"used", room.Policy{}, room.ErrRoomExists, ""},
			{"c", room.Policy{Mode: "mesh"}, nil, "mode"},
			{"c", room.Policy{Stage: 65}, nil, "stage"},
			{"c", room.Policy{Stage: -1}, nil, "stage"},
			{"c", room.Policy{MaxMembers: -1}, nil, "maxMembers"},
		} {
			err := h.Create(c.name, c.policy)
			var e *protocol.Error
			if errors.As(err, &e) != (c.field != "") || e != nil && e.Field != c.field || e == nil && !errors.Is(err, c.want) {
				t.Errorf("creating %s with %+v gives %v", c.name, c.policy, err)
			}
		}
		infos, err := h.Rooms(t.Context())
		if err != nil || len(infos) != 2 || infos[0].Name != "b" || infos[1].Name != "used" || infos[1].Count != 1 || infos[1].Members != nil {
			t.Errorf("the rooms are %+v, %v", infos, err)
		}
		for i := range 10_000 {
			err = h.Create(fmt.Sprint("many", i), room.Policy{})
		}
		if !errors.Is(err, room.ErrTooManyRooms) {
			t.Errorf("the ten thousandth and first room gives %v", err)
		}
		seat.Leave(&protocol.Leave{})
	})
}

func TestOperate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := operated(room.Policy{Mode: room.ModeSFU})
		defer h.Close()
		ctx := t.Context()
		a, _ := enter(t, h, "A", "ann", "r", "")
		b, sb := enter(t, h, "B", "bob", "r", protocol.RoleAudience)
		if err := h.Create("empty", room.Policy{}); err != nil {
			t.Fatal(err)
		}
		if err := h.SetRole(ctx, "r", "B", protocol.RoleHost); err != nil || b.count("role") != 1 || a.count("role") != 1 {
			t.Errorf("a listener made host: %v, told %d times", err, b.count("role"))
		}
		for _, c := range []struct {
			name string
			err  error
			want any // an error, or a word
		}{
			{"role of a stranger", h.SetRole(ctx, "r", "X", protocol.RoleHost), room.ErrNoMember},
			{"role in no room", h.SetRole(ctx, "x", "A", protocol.RoleHost), room.ErrNoRoom},
			{"role in an empty room", h.SetRole(ctx, "empty", "A", protocol.RoleHost), room.ErrNoMember},
			{"remove a stranger", h.Remove(ctx, "r", "X"), room.ErrNoMember},
			{"remove from no room", h.Remove(ctx, "x", "A"), room.ErrNoRoom},
			{"remove from an empty room", h.Remove(ctx, "empty", "A"), room.ErrNoMember},
			{"mode of no room", h.SetMode(ctx, "x", protocol.ModeSFU), room.ErrNoRoom},
			{"mode it is in", h.SetMode(ctx, "r", protocol.ModeSFU), nil},
			{"mode it cannot be in", h.SetMode(ctx, "r", protocol.ModeP2P), protocol.ErrMode},
			{"mode of an empty room", h.SetMode(ctx, "empty", protocol.ModeP2P), protocol.ErrMode},
			{"mode an empty room is in", h.SetMode(ctx, "empty", protocol.ModeSFU), nil},
			{"close no room", h.CloseRoom(ctx, "x"), room.ErrNoRoom},
			{"close an empty room", h.CloseRoom(ctx, "empty"), nil},
			{"close it again", h.CloseRoom(ctx, "empty"), room.ErrNoRoom},
			{"remove", h.Remove(ctx, "r", "A"), nil},
		} {
			if want, is := c.want.(protocol.ErrorType); is {
				if word(t, c.err) != want {
					t.Errorf("%s gives %v, want %s", c.name, c.err, want)
				}
			} else if want, _ := c.want.(error); !errors.Is(c.err, want) {
				t.Errorf("%s gives %v, want %v", c.name, c.err, want)
			}
		}
		if a.how() != "kicked: removed by the host" || b.how() != "" {
			t.Errorf("the sockets ended %q and %q", a.how(), b.how())
		}
		sb.Leave(&protocol.Leave{})
	})
}

// TestCloseRoom holds that a closed room is gone for whoever comes next, even
// while the sockets of its members have not ended yet.
func TestCloseRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := operated(room.Policy{Mode: room.ModeSFU})
		defer h.Close()
		if err := h.Create("r", room.Policy{Stage: 1}); err != nil {
			t.Fatal(err)
		}
		a, sa := enter(t, h, "A", "ann", "r", "")
		b, sb := enter(t, h, "B", "bob", "r", "")
		_ = sa.Handle(&protocol.Lock{Locked: true})
		if err := h.CloseRoom(t.Context(), "r"); err != nil {
			t.Fatal(err)
		}
		if a.how() != "kicked: the room was closed" || b.how() != "kicked: the room was closed" {
			t.Errorf("the sockets ended %q and %q", a.how(), b.how())
		}
		if n := b.count("role") + b.count("memberGone"); n > 0 {
			t.Errorf("a member of a closed room heard of its end %d times", n)
		}
		if _, err := h.Room(t.Context(), "r"); !errors.Is(err, room.ErrNoRoom) {
			t.Errorf("the closed room gives %v", err)
		}
		_, sc := enter(t, h, "C", "ann", "r", "")
		info, err := h.Room(t.Context(), "r")
		if err != nil || info.Count != 1 || info.Policy.Stage != room.DefaultStage || info.Locked {
			t.Errorf("the new room is %+v, %v", info, err)
		}
		if err := sa.Handle(&protocol.Lock{}); !errors.Is(err, room.ErrNotMember) {
			t.Errorf("a message to the closed room gives %v", err)
		}
		sa.Gone()
		sb.Gone()
		synctest.Wait()
		if info, err := h.Room(t.Context(), "r"); err != nil || info.Count != 1 {
			t.Errorf("the end of the old room touched the new one: %+v, %v", info, err)
		}
		sc.Leave(&protocol.Leave{})
		synctest.Wait()
		if n := h.RoomCount(); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
	})
}

// TestOperateInAStorm has operators do everything while clients of all kinds
// come and go; under -race it proves who owns what.
func TestOperateInAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := operated(room.Policy{Mode: room.ModeSFU, Stage: 3})
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() { wander(h, i) })
		}
		for range 4 {
			all.Go(func() { operate(h) })
		}
		all.Wait()
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if n := h.RoomCount(); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
		h.Close()
		if _, err := h.Rooms(t.Context()); err != nil {
			t.Errorf("a closed hub gives %v", err)
		}
	})
}

func operate(h *room.Hub) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for i := range 60 {
		name := fmt.Sprint("room", i%4)
		infos, _ := h.Rooms(ctx)
		for _, r := range infos {
			full, _ := h.Room(ctx, r.Name)
			for j, m := range full.Members {
				switch j % 4 {
				case 0:
					_ = h.SetRole(ctx, r.Name, m.ID, protocol.RoleHost)
				case 1:
					_ = h.SetRole(ctx, r.Name, m.ID, protocol.RoleAudience)
				case 2:
					_ = h.Remove(ctx, r.Name, m.ID)
				}
			}
		}
		_ = h.SetMode(ctx, name, protocol.ModeP2P)
		_ = h.Create(name, room.Policy{})
		if i%3 == 0 {
			_ = h.CloseRoom(ctx, name)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestOperatorGivesUp holds that a room which does not answer costs an
// operator its patience only.
func TestOperatorGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := operated(room.Policy{})
		a, seat := enter(t, h, "A", "ann", "r", "")
		release := make(chan struct{})
		a.mu.Lock()
		a.block = release
		a.mu.Unlock()
		go func() { _ = seat.Handle(&protocol.AskAudience{}) }() // ends when the box takes it
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Rooms(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("asking a stuck room gives %v", err)
		}
		close(release)
		synctest.Wait()
		if err := h.CloseRoom(t.Context(), "r"); err != nil {
			t.Error(err)
		}
		seat.Gone()
		h.Close()
	})
}
