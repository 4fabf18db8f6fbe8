package room

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"lectern/signaling/protocol"
)

// What the operator may do to rooms. All methods may be called concurrently;
// those with a context wait for a room, at most as long as it allows, and give
// its error then. Names must be normalised (protocol.Name).

// Why the hub refuses an operator. Other refusals are a *protocol.Error.
var (
	ErrNoRoom       = errors.New("room: there is no such room")
	ErrNoMember     = errors.New("room: there is no such member")
	ErrRoomExists   = errors.New("room: the room exists")
	ErrTooManyRooms = errors.New("room: as many rooms have been created as may be")
)

// maxCreated is how many rooms keep a policy of their own.
const maxCreated = 10_000

// RoomInfo is what the operator sees of a room.
type RoomInfo struct {
	Name     string
	Mode     protocol.Mode
	Policy   Policy // complete
	Created  time.Time
	Locked   bool
	Audience int          // members who listen
	Members  []MemberInfo // all, stage and audience, oldest first; nil from Rooms
	Count    int          // of all members
}

// MemberInfo is what the operator sees of a member.
type MemberInfo struct {
	ID            protocol.MemberID
	Name          string
	Role          protocol.Role
	Joined        time.Time
	Away, Capable bool
	Audio, Video  *bool // nil: it has not said
	Screen, Hand  bool
}

// created is a room the operator made.
type created struct {
	policy Policy // complete
	at     time.Time
}

func (c created) info(name string) RoomInfo {
	return RoomInfo{Name: name, Mode: c.policy.mode(), Policy: c.policy, Created: c.at}
}

// Create makes a room with a policy, which it keeps, also while it is empty,
// until CloseRoom. The error is ErrRoomExists if it has been created or people
// are in it, ErrTooManyRooms, or a *protocol.Error about the policy.
func (h *Hub) Create(name string, p Policy) error {
	if err := p.validate(); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, made := h.created[name]; made || h.loops[name] != nil {
		return ErrRoomExists
	}
	if len(h.created) >= maxCreated {
		return ErrTooManyRooms
	}
	h.created[name] = created{policy: p.over(h.settings.Policy), at: time.Now()}
	return nil
}

// Rooms gives all rooms, sorted by name, including created ones that are empty.
func (h *Hub) Rooms(ctx context.Context) ([]RoomInfo, error) {
	h.mu.Lock()
	loops := make([]*Loop, 0, len(h.loops))
	list := make([]RoomInfo, 0, len(h.loops)+len(h.created))
	for _, l := range h.loops {
		loops = append(loops, l)
	}
	for name, c := range h.created {
		if h.loops[name] == nil {
			list = append(list, c.info(name))
		}
	}
	h.mu.Unlock()
	for _, l := range loops {
		info, err := h.info(ctx, l, false)
		switch {
		case err == nil:
			list = append(list, info)
		case !errors.Is(err, ErrNoRoom):
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b RoomInfo) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Room gives one room with its members, or ErrNoRoom.
func (h *Hub) Room(ctx context.Context, name string) (RoomInfo, error) {
	l, c, made := h.find(name)
	switch {
	case l != nil:
		return h.info(ctx, l, true)
	case made:
		return c.info(name), nil
	}
	return RoomInfo{}, ErrNoRoom
}

// info asks a room that runs. One that is about to end is none, unless it was
// created.
func (h *Hub) info(ctx context.Context, l *Loop, members bool) (RoomInfo, error) {
	told := make(chan RoomInfo, 1) // the room may tell it after ctx has ended
	err := l.ask(ctx, func(time.Time) { told <- l.room.info(members) })
	var info RoomInfo
	if err == nil {
		info = <-told
	}
	if errors.Is(err, ErrClosed) || err == nil && info.Count == 0 {
		if _, c, made := h.find(l.name); made {
			return c.info(l.name), nil
		}
		return RoomInfo{}, ErrNoRoom
	}
	return info, err
}

// find gives the loop of a room, or nil, and how it was created, if it was.
func (h *Hub) find(name string) (*Loop, created, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, made := h.created[name]
	return h.loops[name], c, made
}

// SetMode asks a room for a change of its mode; nil says that it has begun or
// that there is none to make. The error is ErrNoRoom, or a *protocol.Error
// (ErrMode) if the room cannot be in that mode, or is empty.
func (h *Hub) SetMode(ctx context.Context, room string, m protocol.Mode) error {
	l, c, made := h.find(room)
	if l == nil && made {
		if c.policy.mode() == m {
			return nil
		}
		return protocol.Refuse(protocol.ErrMode, "the room is empty", "房间内没有成员")
	}
	return h.operate(ctx, l, func(now time.Time) error { return l.room.setMode(now, m) })
}

// SetRole gives a member a role. The error is ErrNoRoom, ErrNoMember, or a
// *protocol.Error: ErrStageFull, ErrMode if the room can have no audience,
// ErrForbidden if no other member is on stage to be host.
func (h *Hub) SetRole(ctx context.Context, room string, id protocol.MemberID, r protocol.Role) error {
	l, _, made := h.find(room)
	if l == nil && made {
		return ErrNoMember
	}
	return h.operate(ctx, l, func(now time.Time) error { return l.room.setRole(now, id, r) })
}

// Remove puts a member out of a room; its client does not come back by itself.
// The error is ErrNoRoom or ErrNoMember.
func (h *Hub) Remove(ctx context.Context, room string, id protocol.MemberID) error {
	l, _, made := h.find(room)
	if l == nil && made {
		return ErrNoMember
	}
	return h.operate(ctx, l, func(now time.Time) error { return l.room.removeMember(now, id) })
}

// CloseRoom removes all members of a room, and its policy. Who joins it
// afterwards is in a new one. The error is ErrNoRoom if it was neither created
// nor is anybody in it.
func (h *Hub) CloseRoom(ctx context.Context, name string) error {
	h.mu.Lock()
	l := h.loops[name]
	_, made := h.created[name]
	if l == nil {
		delete(h.created, name)
	}
	h.mu.Unlock()
	if l == nil {
		if made {
			return nil
		}
		return ErrNoRoom
	}
	err := l.ask(ctx, func(now time.Time) {
		l.room.closeDown(now)
		l.closed = true
		h.mu.Lock()
		h.remove(l)
		delete(h.created, name)
		h.mu.Unlock()
	})
	if errors.Is(err, ErrClosed) { // it ended by itself meanwhile
		h.mu.Lock()
		delete(h.created, name)
		h.mu.Unlock()
		return nil
	}
	return err
}

// operate has a room do something. l may be nil.
func (h *Hub) operate(ctx context.Context, l *Loop, do func(now time.Time) error) error {
	if l == nil {
		return ErrNoRoom
	}
	var refused error
	if err := l.ask(ctx, func(now time.Time) { refused = do(now) }); err != nil {
		if errors.Is(err, ErrClosed) {
			return ErrNoRoom
		}
		return err
	}
	return refused
}
