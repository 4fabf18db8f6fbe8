package room

import (
	"errors"
	"slices"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// SocketID names one live connection of a client. It is what a member that
// joins on it is called from then on.
type SocketID string

// Settings are what all rooms of a server share. They are not changed after
// the first room is made.
type Settings struct {
	Grace        time.Duration // how long a member without a socket stays; 0: not at all
	Policy       Policy        // the server's; its MaxMembers 0 means no limit
	MaxFileBytes int64         // of a file in SFU mode; 0: no limit
	ICEServers   []protocol.ICEServer
	Version      string
	TokenKey     []byte // HMAC key of role tokens; nil: there are none, and any is refused

	// NewPlane makes the plane of a new room; p is complete.
	NewPlane func(name string, p Policy) media.Plane
	// NewToken makes an unguessable resume token.
	NewToken func() string
}

// probeTime is how long an old socket has to answer a ping before a user id
// too short to prove anything takes its member over (protocol.md section 5).
const probeTime = 2 * time.Second

// rosterPause is the least time between two waves of changed roster entries:
// at most 5 a second (protocol.md section 7).
const rosterPause = 200 * time.Millisecond

// Room is one room. It is not safe for concurrent use; a Loop owns it.
type Room struct {
	name     string
	settings Settings
	policy   Policy // complete
	created  time.Time
	plane    media.Plane
	mode     protocol.Mode

	order   []*member // oldest first
	byID    map[protocol.MemberID]*member
	byName  map[string]*member
	sockets map[SocketID]*member // by present socket

	probes  []probe
	out     []Outbound
	changes []UserChange

	rosterDue time.Time // when changed entries may go out; zero if none waits
	rosterAt  time.Time // when the last wave went out
}

// probe is a reconnect that waits for an old socket to prove itself alive.
type probe struct {
	entry Entry
	old   SocketID
}

// Outbound is one thing for the loop to do, in order. Exactly one of Msg,
// Verdict, Close, Kick and Probe is set.
type Outbound struct {
	Socket  SocketID
	Msg     protocol.Outgoing
	Verdict *Verdict // the answer to Enter
	Close   string   // end the socket for this reason; its client comes back
	Kick    string   // end the socket for this reason; its client stays away
	Probe   time.Duration
}

// Verdict is what became of an Enter.
type Verdict struct {
	Err    error              // a *protocol.Error; nil if the socket is a member's now
	Joined protocol.Outgoing  // what a capable client is answered; nil for others
	Stray  []protocol.Message // messages held before a join, which belong to no membership
}

// UserChange tells the hub that a user id came (+1) or went (-1).
type UserChange struct {
	User   protocol.UserID
	Member protocol.MemberID
	Delta  int
}

// New makes an empty room. What p leaves open is the server's.
func New(name string, s Settings, p Policy, created time.Time) *Room {
	p = p.over(s.Policy)
	plane := s.NewPlane(name, p)
	return &Room{
		name: name, settings: s, policy: p, created: created,
		plane: plane, mode: plane.Mode(""),
		byID:    map[protocol.MemberID]*member{},
		byName:  map[string]*member{},
		sockets: map[SocketID]*member{},
	}
}

// Empty reports whether the room has no members and none who waits to be let
// in.
func (r *Room) Empty() bool { return len(r.order) == 0 && len(r.probes) == 0 }

// HasName reports whether a member has that user name, which must be
// normalised (protocol.Name).
func (r *Room) HasName(name string) bool { return r.byName[name] != nil }

// Members gives the number of members, present and absent.
func (r *Room) Members() int { return len(r.order) }

// Ready is the plane's.
func (r *Room) Ready() <-chan struct{} { return r.plane.Ready() }

// Pump takes in what the plane has to say.
func (r *Room) Pump(now time.Time) {
	for {
		events := r.plane.Drain()
		if len(events) == 0 {
			return
		}
		for _, e := range events {
			if m := r.byID[e.To]; m != nil {
				r.send(now, m, e.Msg)
			}
		}
	}
}

// Drain gives what is to be done since the last call, in order.
func (r *Room) Drain() []Outbound {
	out := r.out
	r.out = nil
	return out
}

// Changes gives the user ids that came and went since the last call.
func (r *Room) Changes() []UserChange {
	c := r.changes
	r.changes = nil
	return c
}

// ErrNotMember says that a socket is no member's present one.
var ErrNotMember = errors.New("room: the socket is no member's")

// Handle takes one message from a socket: a signal, a Leave or a State. An
// error is ErrNotMember, or a *protocol.Error and the sender's fault.
func (r *Room) Handle(now time.Time, from SocketID, msg protocol.Message) error {
	m := r.sockets[from]
	if m == nil {
		return ErrNotMember
	}
	err := r.handle(now, m, msg)
	r.Pump(now)
	return err
}

func (r *Room) handle(now time.Time, m *member, msg protocol.Message) error {
	switch msg := msg.(type) {
	case *protocol.Leave:
		r.remove(now, m, msg.Connectors)
		return nil
	case *protocol.State:
		r.state(now, m, msg)
		return nil
	case protocol.Signal:
		return r.plane.Signal(m.id, msg)
	}
	return protocol.NewError(protocol.ErrInvalid)
}

// Gone says that a socket is no more. Only if it is still a member's present
// one does that member's grace period begin. lossy: it did not end in an
// orderly way, so the last messages to it may not have arrived.
func (r *Room) Gone(now time.Time, s SocketID, lossy bool) {
	r.probes = slices.DeleteFunc(r.probes, func(p probe) bool { return p.entry.Socket == s })
	m := r.sockets[s]
	if m == nil {
		return
	}
	delete(r.sockets, s)
	m.socket, m.lossy = "", lossy
	m.graceEnds = now.Add(r.settings.Grace)
	if r.settings.Grace <= 0 {
		r.remove(now, m, nil)
	} else {
		r.changed(now, m)
	}
	r.settleProbes(now, s, false)
	r.Pump(now)
}

// Probed says whether an old socket answered the ping that a takeover waited
// for.
func (r *Room) Probed(now time.Time, s SocketID, alive bool) {
	r.settleProbes(now, s, alive)
	r.Pump(now)
}

// Tick does what is due. It may be called at any time.
func (r *Room) Tick(now time.Time) {
	for _, m := range slices.Clone(r.order) {
		if m.socket == "" && !now.Before(m.graceEnds) {
			r.remove(now, m, nil)
		}
	}
	if !r.rosterDue.IsZero() && !now.Before(r.rosterDue) {
		r.flushRoster(now)
	}
	r.Pump(now)
}

// Deadline is when Tick is due next; zero if nothing waits for the clock.
func (r *Room) Deadline() time.Time {
	next := r.rosterDue
	for _, m := range r.order {
		if m.socket == "" && (next.IsZero() || m.graceEnds.Before(next)) {
			next = m.graceEnds
		}
	}
	return next
}

// Close ends the plane. Nothing else is called after it.
func (r *Room) Close() error { return r.plane.Close() }

// Holds reports whether a socket is a member's present one, or waits to
// become it.
func (r *Room) Holds(s SocketID) bool {
	return r.sockets[s] != nil || slices.ContainsFunc(r.probes, func(p probe) bool { return p.entry.Socket == s })
}

// memberChanges takes every member's user id back, for a room that ends with
// members in it.
func (r *Room) memberChanges() []UserChange {
	var c []UserChange
	for _, m := range r.order {
		c = append(c, UserChange{m.user, m.id, -1})
	}
	return c
}
