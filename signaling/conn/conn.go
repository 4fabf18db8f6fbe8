package conn

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"lectern/signaling/budget"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// Socket is one client's connection as its framing shows it. Its methods may
// be called concurrently and never block.
type Socket interface {
	// ID is the id the client sees as its own.
	ID() string
	// Send queues one event. data is one complete JSON value, shared with
	// other sockets: it must not be changed. seq is the number of the event for
	// a client that counts, 0 if it has none. It reports false if the queue is
	// full or the socket closed.
	Send(event string, data []byte, seq uint64) bool
	// Probe sends a ping at once. done is called exactly once, from any
	// goroutine, with whether it was answered in time.
	Probe(timeout time.Duration, done func(alive bool))
	// Close ends the connection so that the client comes back by itself.
	Close(reason string)
	// Kick ends the connection so that the client does not come back.
	Kick(reason string)
	// Keep says whether the client is in a room. The connections of those who
	// are not are the first to go when there are too many.
	Keep(member bool)
	// RemoteAddr is the address of the client, as far as it is known.
	RemoteAddr() netip.Addr
	// Language is the Accept-Language header of the handshake, or "".
	Language() string
}

// holdTime is how long the first signals of a new socket wait for it to say
// who it is.
const holdTime = 500 * time.Millisecond

// What is held at most; more is dealt with at once.
const (
	maxHeld      = 256
	maxHeldBytes = 1 << 20
)

// Options limit a connection. The zero value means the defaults.
type Options struct {
	Rate  int // messages a second, for good; 0: 500
	Burst int // messages at once; 0: 5000
	// Budget is for what all clients make the server hold; nil: a default one.
	Budget *budget.Budget
	Log    *slog.Logger
}

// The default limits. A newcomer to a mesh of thirty sends some 600 messages
// in a second, because existing clients send each candidate twice.
const (
	defaultRate  = 500
	defaultBurst = 5000
)

// Server makes the connections of all transports. Open may be called
// concurrently.
type Server struct {
	hub     *room.Hub
	options Options
}

// NewServer makes a server of a hub's rooms.
func NewServer(h *room.Hub, o Options) *Server {
	if o.Rate <= 0 {
		o.Rate = defaultRate
	}
	if o.Burst <= 0 {
		o.Burst = defaultBurst
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Budget == nil {
		o.Budget = budget.New(0, o.Log)
	}
	return &Server{hub: h, options: o}
}

// Budget is for what the sockets of all transports hold.
func (s *Server) Budget() *budget.Budget { return s.options.Budget }

// NewRate makes the limit of one client.
func (s *Server) NewRate() budget.Rate {
	return budget.NewRate(s.options.Rate, s.options.Burst, time.Now())
}

// Conn is one client's connection. Event, Violation and Closed are called by
// the socket's reader goroutine only; the rest may be called concurrently.
type Conn struct {
	server *Server
	socket Socket
	opened time.Time

	// Owned by the reader.
	limit budget.Rate
	seat  *room.Seat
	known bool // the socket has said who it is, so nothing is held any more
	// rateTold is when the client was last told that its room refused a
	// message because there were too many.
	rateTold time.Time

	mu sync.Mutex
	// Guarded by mu: the reader holds, the timer gives up waiting.
	held      []protocol.Message
	heldBytes int
	account   *budget.Account // of what is held; nil until something is
	timer     *time.Timer

	// capable is set by the reader before the socket becomes a member's and
	// read by Closing.
	capableMu sync.Mutex
	capable   bool
}

var _ room.Outbox = (*Conn)(nil)

// Open makes the connection of a new socket.
func (s *Server) Open(sock Socket) *Conn {
	return &Conn{server: s, socket: sock, opened: time.Now(), limit: s.NewRate()}
}

// Event takes one event. data is its data, the zero Value if there was none; it
// is not kept. seq is the number that a client which counts gave it, else 0. ack, if
// not nil, is called at most once, before Event returns, with the JSON of the
// acknowledgement. A fault of ours ends this connection only.
func (c *Conn) Event(name string, data protocol.Value, seq uint64, ack func(data []byte)) {
	defer c.survive(name)
	if !c.admit(name, len(data.Bytes()), ack) {
		return
	}
	msg, err := protocol.Decode(name, data)
	if err != nil {
		c.refuse(err, name, ack)
		return
	}
	reply, err := c.take(msg, seq, len(data.Bytes()))
	if err != nil {
		c.refuse(err, name, ack)
		return
	}
	c.acknowledge(reply, ack)
}

// admit counts a message against the limit. Who is over it is told so once a
// second, and is closed if it goes on; who waits for an acknowledgement learns
// of each message that it was dropped.
func (c *Conn) admit(event string, size int, ack func([]byte)) bool {
	verdict := c.limit.Take(time.Now(), size)
	if verdict == budget.Allow {
		return true
	}
	e := protocol.NewError(protocol.ErrRate)
	if ack != nil {
		e.On = event
		c.acknowledgeRefusal(e.Message(c.socket.Language()), ack)
	}
	if verdict == budget.Warn || verdict == budget.Sever {
		c.sendError(e)
	}
	if verdict == budget.Sever {
		c.socket.Close("too many messages")
	}
	return false
}

// Beat counts a frame that carries no message, such as a ping of the client's.
// It reports false if the frame is to be ignored. The reader calls it.
func (c *Conn) Beat() bool { return c.admit("", 0, nil) }

func (c *Conn) take(msg protocol.Message, seq uint64, size int) (any, error) {
	switch m := msg.(type) {
	case *protocol.Ping:
		return c.pong(m), nil
	case *protocol.Join:
		return c.enter(m, &m.Identity)
	case *protocol.Reconnect:
		return c.enter(m, &m.Identity)
	case *protocol.Leave:
		c.leave(m)
		return nil, nil
	}
	if c.seat != nil {
		if err := c.seat.Handle(numbered(msg, seq)); !errors.Is(err, room.ErrNotMember) {
			return nil, err
		}
		return nil, c.stray(msg)
	}
	// A client that counts says who it is before all else.
	if seq == 0 && c.hold(msg, size) {
		return nil, nil
	}
	return nil, c.stray(msg)
}

func numbered(msg protocol.Message, seq uint64) protocol.Message {
	if seq == 0 {
		return msg
	}
	return &protocol.Numbered{Message: msg, Seq: seq}
}

// pong answers a ping. A client that counts learns how far its room has come.
func (c *Conn) pong(m *protocol.Ping) any {
	if c.seat != nil {
		if taken, ok := c.seat.Seen(m.Seen); ok {
			return protocol.Pong{Seen: taken}
		}
	}
	return nil
}

// enter brings the client into a room, and out of the one it is in if that is
// another. A refusal changes nothing, so the new room is asked first; for that
// moment the socket stands in both. A room knows what to do about itself.
func (c *Conn) enter(msg protocol.Message, i *protocol.Identity) (any, error) {
	held := c.unhold()
	was := c.setCapable(i.Capable())
	seat, v := c.server.hub.Enter(c, room.Entry{
		Socket: c.Socket(), Addr: c.socket.RemoteAddr().String(), Opened: c.opened, Msg: msg, Held: held,
	})
	for _, m := range v.Stray {
		c.stray(m)
	}
	if v.Err != nil {
		c.setCapable(was)
		if c.seat != nil && !c.seat.Holds() {
			c.seat.Leave(&protocol.Leave{})
			c.seat = nil
			c.socket.Keep(false)
		}
		return nil, v.Err
	}
	switch {
	case c.seat == nil:
	case c.seat.Room() == i.Room:
		c.seat.Release() // the new one replaces it
	default:
		c.seat.Leave(&protocol.Leave{})
	}
	c.seat = seat
	c.socket.Keep(true)
	if v.Joined == nil {
		return nil, nil
	}
	return v.Joined, nil
}

// leave is welcome from a client in no room: it is where it wants to be.
func (c *Conn) leave(m *protocol.Leave) {
	c.unhold()
	if c.seat != nil {
		c.seat.Leave(m)
		c.seat = nil
		c.socket.Keep(false)
	}
}

// stray answers a signal of a client that is in no room. A connector it has
// built for a room it has left meanwhile is ended (PROTOCOL.md section 3).
func (c *Conn) stray(msg protocol.Message) error {
	var gone *protocol.ConnectorGone
	switch m := msg.(type) {
	case *protocol.Answer:
		gone = &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member}
	case *protocol.Offer:
		gone = &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member}
	}
	if gone != nil {
		c.send(gone, 0)
	}
	if _, late := msg.(*protocol.Answer); late {
		return nil
	}
	return protocol.NewError(protocol.ErrNotInRoom)
}

// Violation says that the framing saw something that cannot be a mistake: a
// frame too large, bytes that are no message. detail is for whoever writes the
// client. The caller closes the socket.
func (c *Conn) Violation(errType, detail string) {
	c.sendError(protocol.Abuse(protocol.ErrorType(errType), detail))
}

// closeAccount ends that of what was held.
func (c *Conn) closeAccount() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.account != nil {
		c.account.Close()
		c.account = nil
	}
}

// Closed says that the socket is no more; it is called exactly once, after the
// last Event. How it ended does not matter: a goodbye acknowledges nothing.
func (c *Conn) Closed() {
	c.unhold()
	c.closeAccount()
	if c.seat != nil {
		c.seat.Gone()
		c.seat = nil
	}
}
