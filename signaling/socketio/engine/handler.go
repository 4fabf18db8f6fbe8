package engine

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/budget"
	"lectern/signaling/reach"
)

// Options configure a Handler. The zero value means the defaults.
type Options struct {
	PingInterval   time.Duration // 0: 25 s
	PingTimeout    time.Duration // 0: 20 s
	UpgradeTimeout time.Duration // from a WebSocket's opening to its upgrade packet; 0: 10 s
	MaxPayload     int           // bytes of a polling body or a frame from a client; 0: 1,000,000
	MaxQueued      int           // bytes waiting for a client; 0: 4 MiB
	MaxSessions    int           // in all; 0: 20,000
	MaxPerAddress  int           // from one address or IPv6 network; 0: 5,000, for a school behind one
	// Allow is the origin rule: whether to serve a request, and the value of
	// Access-Control-Allow-Origin ("": none). nil allows any origin. It is
	// called concurrently.
	Allow func(*http.Request) (allowOrigin string, ok bool)
	// Budget is for what clients make the server hold; nil: a default one.
	Budget *budget.Budget
	Logger *slog.Logger // nil: nothing is logged
}

func (o Options) withDefaults() Options {
	number := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&o.MaxPayload, 1_000_000)
	number(&o.MaxQueued, 4<<20)
	number(&o.MaxSessions, 20_000)
	number(&o.MaxPerAddress, 5_000)
	span(&o.PingInterval, 25*time.Second)
	span(&o.PingTimeout, 20*time.Second)
	span(&o.UpgradeTimeout, 10*time.Second)
	if o.Allow == nil {
		o.Allow = func(r *http.Request) (string, bool) { return r.Header.Get("Origin"), true }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Budget == nil {
		o.Budget = budget.New(0, o.Logger)
	}
	return o
}

// Receiver takes what a client says. Message and Violation are called by one
// goroutine at a time, Closed once after the last of them; Closing may be
// called at any time.
type Receiver interface {
	// Message takes one message, UTF-8 text without the packet's type. The
	// slice is valid during the call only. It may block: the client waits.
	Message(text []byte)
	// Violation says that the client broke the framing; the session is closed
	// next. errType is invalid or too-large.
	Violation(errType, message string)
	// Closing says that the session is about to be closed because the server
	// goes away; what it sends still arrives.
	Closing()
	// Closed says that the session is over. clean: client or server ended it,
	// no time-out or broken connection did.
	Closed(clean bool)
}

// Handler serves Engine.IO at whatever path it is mounted. It may be used
// concurrently.
type Handler struct {
	open     func(*Session) Receiver
	options  Options
	upgrader websocket.Upgrader
	running  sync.WaitGroup // sessions until Closed has returned, and readers

	mu sync.Mutex
	// Guarded by mu.
	sessions map[string]*Session
	byAddr   map[netip.Prefix]int
	closed   bool
}

// New makes a handler. open is called for each new session, concurrently,
// before anything is received; the session may be used from then on.
func New(open func(*Session) Receiver, o Options) *Handler {
	return &Handler{
		open: open, options: o.withDefaults(),
		upgrader: websocket.Upgrader{
			ReadBufferSize:  1 << 10,
			WriteBufferSize: 1 << 13, // a description goes out in one piece
			WriteBufferPool: &sync.Pool{},
			CheckOrigin:     func(*http.Request) bool { return true }, // ServeHTTP has asked Allow
		},
		sessions: map[string]*Session{},
		byAddr:   map[netip.Prefix]int{},
	}
}

// add makes a session and counts it in. It returns nil if there are too many.
func (h *Handler) add(r *http.Request) *Session {
	s := &Session{
		handler: h, id: rand.Text(), language: r.Header.Get("Accept-Language"),
		rate: budget.NewRate(beatRate, beatBurst, time.Now()),
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		s.addr = ap.Addr().Unmap()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.sessions) >= h.options.MaxSessions || h.byAddr[reach.Owner(s.addr)] >= h.options.MaxPerAddress {
		return nil
	}
	s.account = h.options.Budget.Open(func() { s.end(false) })
	h.sessions[s.id] = s
	h.byAddr[reach.Owner(s.addr)]++
	h.running.Add(1) // done after Closed
	return s
}

// start counts a reader in, unless the handler is closed.
func (h *Handler) start() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.running.Add(1)
	}
	return !h.closed
}

func (h *Handler) find(id string) *Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[id]
}

func (h *Handler) forget(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[s.id] != s {
		return
	}
	delete(h.sessions, s.id)
	s.account.Close()
	at := reach.Owner(s.addr)
	if h.byAddr[at]--; h.byAddr[at] == 0 {
		delete(h.byAddr, at)
	}
}

// Len is the number of sessions, those that were closed a moment ago included.
func (h *Handler) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// Close takes no new sessions, closes those that are, so that the clients come
// back, and waits until all is quiet or ctx ends.
func (h *Handler) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	open := make([]*Session, 0, len(h.sessions))
	for _, s := range h.sessions {
		open = append(open, s)
	}
	h.mu.Unlock()
	for _, s := range open {
		s.shutdown()
	}
	quiet := make(chan struct{})
	go func() { // ends with the last session
		h.running.Wait()
		close(quiet)
	}()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		for _, s := range open {
			s.end(false)
		}
		return ctx.Err()
	}
}
