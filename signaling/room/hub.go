package room

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lectern/signaling/protocol"
)

// Hub finds the loop of a room, and makes it. Its methods may be called
// concurrently.
type Hub struct {
	settings Settings
	log      *slog.Logger
	ctx      context.Context // ends when the hub closes
	cancel   context.CancelFunc
	running  sync.WaitGroup // the loops

	mu sync.Mutex
	// Guarded by mu. Nothing is called while it is held.
	loops   map[string]*Loop
	created map[string]created
	users   map[protocol.UserID]map[string]int // in which rooms a user id is a member's
	closed  bool
}

// NewHub makes a hub without rooms.
func NewHub(s Settings, log *slog.Logger) *Hub {
	ctx, cancel := context.WithCancel(context.Background())
	if s.Kept == nil {
		s.Kept = &Kept{}
	}
	return &Hub{
		settings: s, log: log, ctx: ctx, cancel: cancel,
		loops:   map[string]*Loop{},
		created: map[string]created{},
		users:   map[protocol.UserID]map[string]int{},
	}
}

// Seat is a socket's membership of a room. Its methods are called by the
// socket's reader only.
type Seat struct {
	loop   *Loop
	socket SocketID
}

// Enter brings a socket into the room its message names, creating the room.
// A refusal is a *protocol.Error in the Verdict; then there is no Seat.
func (h *Hub) Enter(box Outbox, e Entry) (*Seat, Verdict) {
	for again := false; ; again = true {
		i := identity(e.Msg)
		l, elsewhere := h.acquire(i)
		if l == nil {
			return nil, Verdict{Err: protocol.NewError(protocol.ErrClosing), Stray: e.Held}
		}
		e.Elsewhere = elsewhere
		v := l.enter(box, e)
		if v.Err == nil {
			return &Seat{loop: l, socket: e.Socket}, v
		}
		l.forget(e.Socket)
		h.release(l)
		if !errors.Is(v.Err, ErrClosed) || again || h.ctx.Err() != nil {
			return nil, v
		}
		// The room failed while the socket was at its door: a new one is
		// made, but only once, in case it was this socket that broke it.
	}
}

func identity(m protocol.Message) *protocol.Identity {
	switch m := m.(type) {
	case *protocol.Join:
		return &m.Identity
	case *protocol.Reconnect:
		return &m.Identity
	}
	return &protocol.Identity{}
}

// acquire gives the room's loop, with a reference on it that release gives
// back, and whether the user is a member of another room. It is nil when the
// hub is closed.
func (h *Hub) acquire(i *protocol.Identity) (l *Loop, elsewhere bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, false
	}
	for name := range h.users[i.User] {
		elsewhere = elsewhere || name != i.Room
	}
	l = h.loops[i.Room]
	if l == nil {
		c, made := h.created[i.Room]
		if !made {
			c = created{policy: Policy{}.over(h.settings.Policy), at: time.Now()}
		}
		l = newLoop(h, i.Room, c)
		h.loops[i.Room] = l
		h.running.Add(1)
		go l.run(h.ctx)
	}
	l.refs++
	return l, elsewhere
}

func (h *Hub) release(l *Loop) {
	h.mu.Lock()
	l.refs--
	last := l.refs == 0
	h.mu.Unlock()
	if last {
		select {
		case l.poke <- struct{}{}:
		default:
		}
	}
}

// retire takes an empty room off the map, unless somebody is about to enter.
func (h *Hub) retire(l *Loop) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.refs > 0 {
		return false
	}
	h.remove(l)
	return true
}

// remove takes a loop off the map; h.mu is held.
func (h *Hub) remove(l *Loop) {
	if h.loops[l.name] == l {
		delete(h.loops, l.name)
	}
}

// ended is the last thing a loop does.
func (h *Hub) ended(l *Loop) {
	h.mu.Lock()
	h.remove(l)
	h.mu.Unlock()
	h.running.Done()
}

func (h *Hub) applyChanges(room string, changes []UserChange) {
	if len(changes) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range changes {
		rooms := h.users[c.User]
		if rooms == nil {
			rooms = map[string]int{}
			h.users[c.User] = rooms
		}
		rooms[room] += c.Delta
		if rooms[room] <= 0 {
			delete(rooms, room)
		}
		if len(rooms) == 0 {
			delete(h.users, c.User)
		}
	}
}

// HasName reports whether a member of the room has the user name. Both must be
// normalised (protocol.Name). It waits for the room, at most as long as ctx
// allows.
func (h *Hub) HasName(ctx context.Context, room, name string) (bool, error) {
	h.mu.Lock()
	l := h.loops[room]
	h.mu.Unlock()
	if l == nil {
		return false, nil
	}
	var is bool
	switch err := l.ask(ctx, func(time.Time) { is = l.room.HasName(name) }); {
	case errors.Is(err, ErrClosed):
		return false, nil
	case err != nil:
		return false, err
	}
	return is, nil
}

// IsMember reports whether a member of the room has the user name and proof is
// its secret: the resume token of a capable client, the user id of another one,
// if that is long enough to prove anything.
func (h *Hub) IsMember(ctx context.Context, room, name, proof string) (bool, error) {
	h.mu.Lock()
	l := h.loops[room]
	h.mu.Unlock()
	if l == nil || proof == "" {
		return false, nil
	}
	var is bool
	err := l.ask(ctx, func(time.Time) { is = l.room.proves(name, proof) })
	if errors.Is(err, ErrClosed) {
		return false, nil
	}
	return is && err == nil, err
}

// RoomCount gives the number of rooms with members.
func (h *Hub) RoomCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.loops)
}

// Close ends all rooms and returns when their goroutines have ended. The
// sockets are not closed: their transports do that.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	h.running.Wait()
}

// Handle has the room take a message. An error is a *protocol.Error, the
// sender's fault, ErrNotMember, or ErrClosed.
func (s *Seat) Handle(msg protocol.Message) error { return s.loop.handle(s.socket, msg) }

// Seen is as that of Room.
func (s *Seat) Seen(seen *uint64) (taken uint64, ok bool) {
	_ = s.loop.do(func(time.Time) { taken, ok = s.loop.room.Seen(s.socket, seen) })
	return taken, ok
}

// Gone gives the seat up because the socket is no more; the member's grace
// period begins.
func (s *Seat) Gone() {
	s.loop.gone(s.socket)
	s.loop.hub.release(s.loop)
}

// Leave gives the seat up for good, naming the other ends the client knows. A
// socket that is no member's any more only gives up its seat.
func (s *Seat) Leave(msg *protocol.Leave) {
	_ = s.loop.handle(s.socket, msg)
	s.loop.forget(s.socket)
	s.loop.hub.release(s.loop)
}

// Room is the name of the room.
func (s *Seat) Room() string { return s.loop.name }

// Holds reports whether the socket is still a member's.
func (s *Seat) Holds() bool {
	is := false
	_ = s.loop.do(func(time.Time) { is = s.loop.room.Holds(s.socket) })
	return is
}

// Release gives up a seat that another one for the same socket replaces.
func (s *Seat) Release() { s.loop.hub.release(s.loop) }
