package room_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// replica is what a capable client knows of its room from what it was sent.
type replica struct {
	id      protocol.MemberID
	role    protocol.Role
	members map[protocol.MemberID]protocol.Member
	count   int
	locked  bool
}

func (c *replica) take(msg protocol.Outgoing) {
	switch m := msg.(type) {
	case *protocol.Joined:
		*c = replica{id: m.ID, role: m.Role, count: m.Audience, locked: m.Locked, members: map[protocol.MemberID]protocol.Member{}}
		for _, other := range m.Members {
			c.members[other.ID] = other
		}
	case *protocol.Member:
		c.members[m.ID] = *m
	case *protocol.MemberGone:
		delete(c.members, m.ID)
	case *protocol.RoleChanged:
		c.role = m.Role
	case *protocol.Audience:
		c.count = m.Count
	case *protocol.Locked:
		c.locked = m.Locked
	}
}

// world is a room and its clients, some capable, some not.
type world struct {
	t       *testing.T
	rnd     *rand.Rand
	room    *room.Room
	plane   *stage
	now     time.Time
	clients map[room.SocketID]*replica // capable ones, by present socket
	sockets []room.SocketID            // of all members present
	absent  []protocol.Identity
	names   map[room.SocketID]protocol.Identity
	out     map[protocol.UserID]protocol.MemberID // put out, and not let in again
	tokens  []string
	made    int
}

// TestRandom lets members of all kinds come, go, drop, return, load their pages
// again, copy their tabs, change roles, put each other out and raise hands at
// random. After each step the room holds its invariants (Room.Check): one host
// at most, one that can act where any can, the one with the first claim. When
// it is quiet, every capable client knows exactly what a newcomer is told.
func TestRandom(t *testing.T) {
	for seed := range uint64(300) {
		w := &world{
			t: t, rnd: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(1e9, 0),
			clients: map[room.SocketID]*replica{}, names: map[room.SocketID]protocol.Identity{},
			out: map[protocol.UserID]protocol.MemberID{},
		}
		settings := room.Settings{
			Grace: 8 * time.Second, Settle: time.Second, Remember: 30 * time.Second, JoinsPerAddress: 9, TokenKey: []byte("key"),
			Policy: room.Policy{Mode: room.ModeSFU, Stage: 4, MaxMembers: 12, HostToken: seed%4 == 0, StageToken: seed%5 == 0},
			NewPlane: func(string, room.Policy) media.Plane {
				w.plane = &stage{mode: protocol.ModeSFU}
				return w.plane
			},
			NewToken: func() string { return "token" },
		}
		w.room = room.New("r", settings, room.Policy{}, w.now)
		for _, role := range []protocol.Role{protocol.RoleHost, protocol.RolePresenter, protocol.RoleAudience} {
			token, err := room.NewHub(settings, nil).Token("r", role, w.now.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			w.tokens = append(w.tokens, token)
		}
		for range 120 {
			w.step()
		}
		w.compare(seed)
		if t.Failed() {
			return
		}
	}
}

func (w *world) step() {
	yes, no := true, false
	if len(w.sockets) == 0 || w.rnd.IntN(6) == 0 {
		w.join()
	}
	s := pick(w, w.sockets)
	switch w.rnd.IntN(20) {
	case 17, 18:
		w.toggle()
	case 0:
		_ = w.room.Handle(w.now, s, &protocol.Leave{})
		w.gone(s)
	case 1:
		w.room.Gone(w.now, s)
		w.absent = append(w.absent, w.names[s])
		w.gone(s)
	case 2:
		if len(w.absent) > 0 {
			i := w.rnd.IntN(len(w.absent))
			w.comeBack(w.absent[i])
			w.absent = slices.Delete(w.absent, i, i+1)
		}
	case 12: // the page is loaded again, and not before long
		_ = w.room.Handle(w.now, s, &protocol.Away{})
		w.absent = append(w.absent, w.names[s])
		w.gone(s)
	case 13: // a copy of a tab that lives, or whose socket is dead
		i := w.names[s]
		w.enter(&protocol.Join{Identity: i, ResumeToken: "token"}, i)
	case 14:
		if c := w.clients[pick(w, w.sockets)]; c != nil && w.rnd.IntN(3) == 0 {
			w.putOut(s, c.id)
		}
	case 15:
		for user, id := range w.out {
			if w.room.Handle(w.now, s, &protocol.Admit{Member: id}) == nil {
				delete(w.out, user)
			}
		}
	case 16:
		w.pass(time.Duration(w.rnd.IntN(12)) * time.Second)
	case 3, 4, 5, 6:
		roles := []protocol.Role{protocol.RoleHost, protocol.RolePresenter, protocol.RoleAudience, protocol.RoleAudience}
		other := protocol.MemberID("")
		if c := w.clients[pick(w, w.sockets)]; c != nil {
			other = c.id
		}
		_ = w.room.Handle(w.now, s, &protocol.SetRole{Member: other, Role: roles[w.rnd.IntN(4)]})
	case 7:
		_ = w.room.Handle(w.now, s, &protocol.State{Hand: &yes, Audio: &yes, Speaking: &yes})
	case 8:
		_ = w.room.Handle(w.now, s, &protocol.State{Hand: &no, Video: &yes, Speaking: &no})
	case 9:
		_ = w.room.Handle(w.now, s, &protocol.Lock{Locked: w.rnd.IntN(4) == 0})
	default:
		w.pass(time.Duration(w.rnd.IntN(400)) * time.Millisecond)
	}
	w.take()
}

// toggle has the plane say that an old client sends, or that it does not.
func (w *world) toggle() {
	ids := slices.Sorted(maps.Keys(w.plane.old))
	if len(ids) == 0 {
		return
	}
	id := ids[w.rnd.IntN(len(ids))]
	w.plane.old[id] = w.rnd.IntN(2) == 0
	w.plane.out = append(w.plane.out, media.Event{Sends: &media.Sends{Member: id, Sends: w.plane.old[id]}})
	w.room.Pump(w.now)
}

// comeBack has one that is gone come back, on the same page or on one that was
// loaded again.
func (w *world) comeBack(i protocol.Identity) {
	if w.rnd.IntN(2) == 0 {
		w.enter(&protocol.Reconnect{Identity: i, ResumeToken: "token"}, i)
	} else {
		w.enter(&protocol.Join{Identity: i, ResumeToken: "token"}, i)
	}
}

// putOut has one member put out another, and the other try to come back.
func (w *world) putOut(by room.SocketID, id protocol.MemberID) {
	var who protocol.Identity
	for s, c := range w.clients {
		if c.id == id {
			who = w.names[s]
		}
	}
	if w.room.Handle(w.now, by, &protocol.Remove{Member: id}) != nil {
		return
	}
	w.take()
	if w.room.Empty() {
		return
	}
	w.out[who.User] = id
	w.comeBack(who)
}

func pick(w *world, from []room.SocketID) room.SocketID {
	if len(from) == 0 {
		return ""
	}
	return from[w.rnd.IntN(len(from))]
}

func (w *world) join() {
	w.made++
	name := fmt.Sprint("u", w.made)
	i := protocol.Identity{User: protocol.UserID(name + "-0123456789abcdef"), Name: name, Room: "r"}
	if w.rnd.IntN(5) > 0 {
		i.Capabilities = []string{protocol.CapabilityRoster}
	}
	if w.rnd.IntN(3) == 0 {
		i.Role = protocol.RoleAudience
	}
	if w.rnd.IntN(6) == 0 {
		i.Token = w.tokens[w.rnd.IntN(3)]
	}
	w.enter(&protocol.Join{Identity: i}, i)
}

func (w *world) enter(msg protocol.Message, i protocol.Identity) room.SocketID {
	w.made++
	s := room.SocketID(fmt.Sprint("s", w.made))
	w.names[s] = i
	if i.Capable() {
		w.clients[s] = &replica{}
	}
	w.room.Enter(w.now, room.Entry{Socket: s, Addr: fmt.Sprint("192.0.2.", w.rnd.IntN(3)), Msg: msg})
	w.sockets = append(w.sockets, s)
	w.take()
	if !w.room.Holds(s) {
		w.gone(s)
		return s
	}
	if _, out := w.out[i.User]; out && w.names[s].User == i.User {
		w.t.Fatalf("%s was put out and is in again", i.Name)
	}
	return s
}

func (w *world) gone(s room.SocketID) {
	delete(w.clients, s)
	w.sockets = slices.DeleteFunc(w.sockets, func(x room.SocketID) bool { return x == s })
}

func (w *world) take() {
	if w.room.Empty() {
		clear(w.out) // another room begins
	}
	for _, o := range w.room.Drain() {
		if o.Kick != "" {
			w.gone(o.Socket)
		}
		if o.Probe > 0 {
			w.room.Probed(w.now, o.Socket, w.rnd.IntN(2) == 0)
			defer w.take()
		}
		if c := w.clients[o.Socket]; c != nil && o.Msg != nil {
			c.take(o.Msg)
		}
		if i, is := w.names[o.Socket]; is && !i.Capable() && o.Msg != nil && o.Msg.EventName() != protocol.EventReconnect {
			w.t.Fatalf("an old client is sent %s", o.Msg.EventName())
		}
	}
	w.room.Changes()
	if err := w.room.Check(w.now); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := w.room.Deadline()
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		w.room.Tick(w.now)
		w.take()
	}
}

// compare holds every client's knowledge against a newcomer's.
func (w *world) compare(seed uint64) {
	for len(w.sockets) > 9 { // so that a newcomer finds a place
		last := w.sockets[len(w.sockets)-1]
		_ = w.room.Handle(w.now, last, &protocol.Leave{})
		w.gone(last)
		w.take()
	}
	w.pass(time.Minute)
	before := map[room.SocketID]replica{} // what the newcomer's coming changes
	for s, c := range w.clients {
		before[s] = *c
	}
	truth := w.newcomer()
	locked := truth == nil
	for s, c := range before {
		if c.role.OnStage() && c.locked != locked {
			w.t.Errorf("seed %d: %s believes the room to be locked: %v, it is: %v", seed, s, c.locked, locked)
		}
		if c.role == protocol.RoleHost && locked {
			_ = w.room.Handle(w.now, s, &protocol.Lock{})
			w.take()
		}
	}
	if locked {
		if truth = w.newcomer(); truth == nil {
			return // the host is an old client, which cannot unlock
		}
	}
	for s, c := range before {
		if c.role.OnStage() && c.count != truth.count-1 {
			w.t.Errorf("seed %d: %s believes in %d listeners, there are %d", seed, s, c.count, truth.count-1)
		}
	}
	w.pass(time.Minute)
	for s, c := range w.clients {
		if c != truth {
			w.same(seed, s, c, truth)
		}
	}
}

func (w *world) newcomer() *replica {
	i := protocol.Identity{
		User: "newcomer-0123456789", Name: "newcomer", Room: "r",
		Capabilities: []string{protocol.CapabilityRoster}, Role: protocol.RoleAudience,
	}
	return w.clients[w.enter(&protocol.Join{Identity: i}, i)]
}

func (w *world) same(seed uint64, s room.SocketID, c, truth *replica) {
	want := maps.Clone(truth.members)
	if own, on := want[c.id]; on != c.role.OnStage() || on && own.Role != c.role {
		w.t.Errorf("seed %d: %s believes to be %s, the others see %+v", seed, s, c.role, own)
	}
	delete(want, c.id)
	if len(want) != len(c.members) {
		w.t.Errorf("seed %d: %s (%s) knows %d others, %d are there", seed, s, c.role, len(c.members), len(want))
	}
	for id, m := range want {
		got := c.members[id]
		if c.role.OnStage() {
			m.Speaking = got.Speaking // a listener is not told
		}
		if flat(got) != flat(m) {
			w.t.Errorf("seed %d: %s (%s) sees %s as %s, it is %s", seed, s, c.role, id, flat(got), flat(m))
		}
	}
}

func flat(m protocol.Member) string {
	data, err := protocol.Encode(m)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
