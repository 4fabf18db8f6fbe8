package room_test

import (
	"errors"
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// lecture makes a room of a written-down plane with a host, a presenter, a
// listener and an old client on stage, on the sockets host, presenter,
// audience and old.
func lecture(t *testing.T, p room.Policy) (*room.Room, *stage, time.Time) {
	t.Helper()
	plane := &stage{mode: protocol.ModeSFU}
	now := time.Unix(1e9, 0)
	r := room.New("r", room.Settings{
		Grace:    15 * time.Second,
		NewPlane: func(string, room.Policy) media.Plane { return plane },
		NewToken: func() string { return "token" },
	}, p, now)
	for _, name := range []string{"host", "presenter", "audience", "old"} {
		i := protocol.Identity{User: protocol.UserID(name + "-0123456789"), Name: name, Room: "r"}
		if name != "old" {
			i.Capabilities = []string{protocol.CapabilityRoster}
		}
		if name == "audience" {
			i.Role = protocol.RoleAudience
		}
		r.Enter(now, room.Entry{Socket: room.SocketID(name), Msg: &protocol.Join{Identity: i}})
	}
	now = now.Add(5 * time.Second)
	r.Tick(now)
	r.Drain()
	return r, plane, now
}

// word is the word of a refusal; empty if there is none.
func word(t *testing.T, err error) protocol.ErrorType {
	t.Helper()
	var e *protocol.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("%v is no *protocol.Error", err)
	}
	if e == nil {
		return ""
	}
	return e.Type
}

func set(m protocol.MemberID, r protocol.Role) protocol.Message {
	return &protocol.SetRole{Member: m, Role: r}
}

// matrix is every action and what becomes of it for a host, a presenter, a
// listener and an old client (PROTOCOL.md sections 5.1, 5.2 and 5.4).
func matrix() []struct {
	name string
	msg  protocol.Message
	want [4]protocol.ErrorType
} {
	const (
		host, presenter, audience = protocol.RoleHost, protocol.RolePresenter, protocol.RoleAudience
		ok                        = ""
		no                        = protocol.ErrForbidden
		out                       = protocol.ErrNotInRoom
		bad                       = protocol.ErrInvalid
	)
	yes := true
	all := [4]protocol.ErrorType{ok, ok, ok, no}
	hosts := [4]protocol.ErrorType{ok, no, no, no}
	return []struct {
		name string
		msg  protocol.Message
		want [4]protocol.ErrorType
	}{
		{"step down", set("", audience), all},
		{"be presenter", set("", presenter), hosts},
		{"be host", set("", host), hosts},
		{"promote a listener", set("audience", presenter), [4]protocol.ErrorType{ok, no, no, no}},
		{"make a listener host", set("audience", host), hosts},
		{"make a presenter host", set("presenter", host), hosts},
		{"make an old client host", set("old", host), [4]protocol.ErrorType{bad, no, no, no}},
		{"demote a presenter", set("presenter", audience), [4]protocol.ErrorType{ok, ok, no, no}}, // itself
		{"demote an old client", set("old", audience), hosts},
		{"demote the host", set("host", audience), [4]protocol.ErrorType{ok, no, no, no}},
		{"give a stranger a role", set("nobody", presenter), [4]protocol.ErrorType{out, no, no, no}},
		{"remove a presenter", &protocol.Remove{Member: "presenter"}, hosts},
		{"remove a listener", &protocol.Remove{Member: "audience"}, hosts},
		{"remove an old client", &protocol.Remove{Member: "old"}, hosts},
		{"remove the host", &protocol.Remove{Member: "host"}, [4]protocol.ErrorType{bad, no, no, no}},
		{"remove a stranger", &protocol.Remove{Member: "nobody"}, [4]protocol.ErrorType{out, no, no, no}},
		{"mute a presenter", &protocol.Mute{Member: "presenter", Kind: "audio"}, hosts},
		{"mute a listener", &protocol.Mute{Member: "audience", Kind: "video"}, hosts},
		{"mute an old client", &protocol.Mute{Member: "old", Kind: "audio"}, [4]protocol.ErrorType{bad, no, no, no}},
		{"mute a stranger", &protocol.Mute{Member: "nobody", Kind: "audio"}, [4]protocol.ErrorType{out, no, no, no}},
		{"lock", &protocol.Lock{Locked: true}, hosts},
		{"unlock", &protocol.Lock{}, hosts},
		{"ask for a mode", &protocol.SetMode{Mode: protocol.ModeP2P}, hosts},
		{"chat", &protocol.Say{ID: "1", Text: "hi"}, all},
		{"view", &protocol.View{}, all},
		{"report", &protocol.Report{Saturated: &yes}, all},
		{"ask for the audience", &protocol.AskAudience{}, all},
		{"raise a hand", &protocol.State{Hand: &yes}, [4]protocol.ErrorType{}},
		{"leave", &protocol.Leave{}, [4]protocol.ErrorType{}},
	}
}

func TestRoleMatrix(t *testing.T) {
	for _, action := range matrix() {
		for i, who := range []room.SocketID{"host", "presenter", "audience", "old"} {
			r, plane, now := lecture(t, room.Policy{Mode: room.ModeSFU})
			plane.calls = nil
			got := word(t, r.Handle(now, who, action.msg))
			if got != action.want[i] {
				t.Errorf("%s by %s: got %q, want %q", action.name, who, got, action.want[i])
			}
			if err := r.Check(now); err != nil {
				t.Errorf("%s by %s: %v", action.name, who, err)
			}
			if out := r.Drain(); got != "" && (len(out) > 0 || len(plane.calls) > 0) {
				t.Errorf("%s by %s is refused, but changed something: %+v %q", action.name, who, out, plane.calls)
			}
		}
	}
}

// TestRoleLimits holds what the room, not the sender, forbids.
func TestRoleLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy room.Policy
		before []protocol.Message // by the host
		msg    protocol.Message   // by the host
		want   protocol.ErrorType
	}{
		{"full stage", room.Policy{Mode: room.ModeSFU, Stage: 2}, nil, set("audience", protocol.RolePresenter), protocol.ErrStageFull},
		{"full stage in auto", room.Policy{Mode: room.ModeAuto, Stage: 2}, nil, set("audience", protocol.RoleHost), protocol.ErrStageFull},
		{"stage full of those who yield", room.Policy{Mode: room.ModeSFU, Stage: 3}, nil, set("audience", protocol.RolePresenter), ""},
		{"place on stage", room.Policy{Mode: room.ModeSFU, Stage: 4}, nil, set("audience", protocol.RolePresenter), ""},
		{"no audience", room.Policy{Mode: room.ModeP2P, Stage: 1}, nil, set("presenter", protocol.RoleAudience), protocol.ErrMode},
		{"no stage", room.Policy{Mode: room.ModeP2P, Stage: 1}, nil, set("presenter", protocol.RoleHost), ""},
		{
			"last on stage", room.Policy{Mode: room.ModeSFU},
			[]protocol.Message{set("presenter", protocol.RoleAudience), set("old", protocol.RoleAudience)},
			set("", protocol.RoleAudience), protocol.ErrForbidden,
		},
		{
			"second to last on stage", room.Policy{Mode: room.ModeSFU},
			[]protocol.Message{set("presenter", protocol.RoleAudience)},
			set("", protocol.RoleAudience), "",
		},
	} {
		r, _, now := lecture(t, c.policy)
		for _, m := range c.before {
			if err := r.Handle(now, "host", m); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if got := word(t, r.Handle(now, "host", c.msg)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if err := r.Check(now); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
