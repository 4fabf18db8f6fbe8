package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/protocol"
)

const (
	maxConnectors = 512  // of one client; an offer beyond is not answered
	maxStreams    = 1024 // whose counters are kept; idle ones go first
	maxQueued     = 256  // things for the loop to do
	maxMembers    = 10_000
	maxLines      = 4096 // of chat whose ids are remembered

	writeTime = 10 * time.Second // for one frame
	// silence is how long the server may say nothing, not even a ping.
	silence = time.Minute

	firstRetry = 200 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// closeKicked is the close code after which a client stays away (section 1 of
// PROTOCOL.md).
const closeKicked = 4001

// ErrClosed says that the client was closed, by Close or for good by the
// server.
var ErrClosed = errors.New("client: closed")

// Options say who the client is and how it behaves.
type Options struct {
	Name string // of the user; required
	Room string // required
	ID   string // secret; empty: a random UUID

	Role  protocol.Role // the wish; empty: none
	Token string        // for a role

	// Old makes it an existing client, which knows nothing of section 5 of
	// PROTOCOL.md.
	Old bool
	// Stay has it stay away when its socket drops; otherwise it comes back
	// until Close.
	Stay bool

	// Light has a capable client's downlink received by package downlink, at a
	// fraction of what pion's whole connection costs. All else stays.
	Light bool

	// Engine is shared by the clients of a process; nil: one of its own.
	Engine *Engine
	Logger *slog.Logger
	Dialer *websocket.Dialer // nil: gorilla's default one
	Header http.Header       // of the handshake

	// OnEvent is called for every event, on the client's loop, before the
	// client does what it asks for. It must not block, nor call what waits for
	// the server.
	OnEvent func(event string, data []byte)
	// OnChat is called once for every line somebody else said. As OnEvent.
	OnChat func(Line)
}

// Line is a line of chat. Name is what the sender's client said it is, where it
// came over a data channel.
type Line struct {
	Member protocol.MemberID
	ID     string
	Name   string
	Text   string
}

// Refused is an error event: the server's answer to what the client did wrong.
type Refused struct{ protocol.ErrorMessage }

func (r *Refused) Error() string {
	return fmt.Sprintf("client: %s refused: %s: %s", r.On, r.Type, r.Message)
}

// Client is one member. Its methods may be called concurrently.
type Client struct {
	// Set at construction.
	url       string
	options   Options
	engine    *Engine
	log       *slog.Logger
	publisher *publisher
	queue     chan func()
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	loops     sync.WaitGroup // loop, listen and the publisher end with ctx
	closing   sync.WaitGroup // connections that are being closed
	once      sync.Once      // of Close

	// Owned by the loop.
	connectors map[protocol.ConnectorID]*connector
	order      []*connector // oldest first
	said       map[string]struct{}
	heard      []string // the keys of said, oldest first

	mu sync.Mutex
	// Guarded by mu.
	socket  *socket
	state   State
	members map[protocol.MemberID]protocol.Member
	counts  map[string]int
	acks    map[int64]chan<- ack
	lastAck int64
	streams map[Key]*Stream
	resume  string // token
	err     error
	faults  []error
	ended   chan struct{} // closed when err is set
	changed chan struct{} // closed at the next change; nil: nobody waits
}

// Dial connects to a server ("http://host:port", or ws, https and wss), but
// joins no room yet. Close must be called, also after the server ended it.
func Dial(ctx context.Context, address string, o Options) (*Client, error) {
	endpoint, err := endpointOf(address)
	if err != nil {
		return nil, err
	}
	if o.ID == "" {
		o.ID = randomID()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dialer == nil {
		o.Dialer = websocket.DefaultDialer
	}
	c := &Client{
		url: endpoint.String(), options: o, engine: o.Engine,
		log: o.Logger.With("client", o.Name), queue: make(chan func(), maxQueued),
		connectors: map[protocol.ConnectorID]*connector{}, said: map[string]struct{}{},
		members: map[protocol.MemberID]protocol.Member{}, counts: map[string]int{},
		acks: map[int64]chan<- ack{}, streams: map[Key]*Stream{}, ended: make(chan struct{}),
	}
	if c.engine == nil {
		local, err := LocalAddr(hostPort(endpoint))
		if err != nil {
			return nil, err
		}
		if c.engine, err = NewEngine(local); err != nil {
			return nil, err
		}
	}
	c.publisher = newPublisher(c.engine)
	s, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.socket = s
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.loops.Go(c.run)
	c.loops.Go(func() { c.listen(s) })
	return c, nil
}

func endpointOf(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("client: address: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return nil, fmt.Errorf("client: %q is no address of a server: write http://host:port", address)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	if !strings.HasSuffix(u.Path, "/ws") {
		u.Path += "/ws"
	}
	return u, nil
}

func hostPort(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Host
	case u.Scheme == "wss":
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

// randomID is a UUID of version 4 (RFC 9562 section 5.4).
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it does not fail
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Join enters the room. It returns when the server has let the client in; an
// existing client is not told more than that nothing was wrong. Refusals are a
// *Refused.
func (c *Client) Join(ctx context.Context) error {
	_, err := c.Call(ctx, protocol.EventJoin, c.identity())
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.state.In = true
	c.mu.Unlock()
	if c.options.Old {
		return nil
	}
	return c.Wait(ctx, func(s State) bool { return s.Member != "" })
}

func (c *Client) identity() identity {
	o := &c.options
	i := identity{ID: o.ID, Name: o.Name, Room: o.Room}
	if !o.Old {
		i.Capabilities = []string{protocol.CapabilityRoster, protocol.CapabilityDownlink}
		i.Role, i.Token = o.Role, o.Token
	}
	return i
}

// Leave ends the membership and all connectors; the client may join again.
func (c *Client) Leave(ctx context.Context) error {
	list := make([]leaveItem, 0, 4)
	if err := c.onLoop(ctx, func() {
		for _, x := range c.order {
			list = append(list, leaveItem{x.remote, x.member})
		}
		c.closeAll()
		c.mu.Lock()
		c.state = State{}
		clear(c.members)
		c.mu.Unlock()
	}); err != nil {
		return err
	}
	_, err := c.Call(ctx, protocol.EventLeave, list)
	return err
}

// Close ends the client without taking leave, and waits for its goroutines. It
// may be called again.
func (c *Client) Close() {
	c.finish(ErrClosed)
	c.loops.Wait()
	c.once.Do(c.closeAll) // in the place of the loop, which has ended
	c.closing.Wait()
}

// finish ends the client; the first error stays.
func (c *Client) finish(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		close(c.ended)
	}
	s := c.socket
	c.mu.Unlock()
	if !first {
		return
	}
	c.cancel()
	c.publisher.close()
	s.close()
	c.notify()
}

// Done is closed when the client has ended: by Close, or because the server
// sent it away for good.
func (c *Client) Done() <-chan struct{} { return c.ended }

// Err says why it ended; nil while it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// run is the loop.
func (c *Client) run() {
	for {
		select {
		case f := <-c.queue:
			f()
		case <-c.ctx.Done():
			return
		}
	}
}

// do has the loop do something. It waits while the queue is full, and does
// nothing once the client has ended.
func (c *Client) do(f func()) {
	select {
	case c.queue <- f:
	case <-c.ctx.Done():
	}
}

// onLoop has the loop do something and waits until it is done.
func (c *Client) onLoop(ctx context.Context, f func()) error {
	done := make(chan struct{})
	c.do(func() {
		defer close(done)
		f()
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return ErrClosed
	}
}
