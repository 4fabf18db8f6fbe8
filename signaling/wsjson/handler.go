package wsjson

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/conn"
	"lectern/signaling/reach"
)

// Options configure a Handler. The zero value means the defaults.
type Options struct {
	PingInterval  time.Duration // 0: 25 s
	PingTimeout   time.Duration // 0: 20 s
	MaxPayload    int           // bytes of a frame; 0: 1,000,000
	MaxQueued     int           // bytes waiting for a client; 0: 4 MiB
	MaxSockets    int           // in all; 0: 20,000
	MaxPerAddress int           // from one address or IPv6 network; 0: 5,000, for a school behind one
	Origins       conn.Origins
	Logger        *slog.Logger
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.MaxPayload, 1_000_000)
	def(&o.MaxQueued, 4<<20)
	def(&o.MaxSockets, 20_000)
	def(&o.MaxPerAddress, 5_000)
	if o.PingInterval <= 0 {
		o.PingInterval = 25 * time.Second
	}
	if o.PingTimeout <= 0 {
		o.PingTimeout = 20 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Handler serves the endpoint. It may be used concurrently.
type Handler struct {
	server   *conn.Server
	options  Options
	upgrader websocket.Upgrader
	readers  sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu.
	sockets map[*socket]struct{}
	byAddr  map[netip.Prefix]int
	closed  bool
}

// New makes the endpoint of a server's rooms.
func New(server *conn.Server, o Options) *Handler {
	o = o.withDefaults()
	return &Handler{
		server: server, options: o,
		upgrader: websocket.Upgrader{
			ReadBufferSize:  1 << 10,
			WriteBufferSize: 1 << 13, // a description goes out in one piece
			WriteBufferPool: &sync.Pool{},
			CheckOrigin: func(r *http.Request) bool {
				_, ok := o.Origins.Allow(r)
				return ok
			},
		},
		sockets: map[*socket]struct{}{},
		byAddr:  map[netip.Prefix]int{},
	}
}

// ServeHTTP upgrades a request. It returns at once; the connection has a
// reader of its own, so that the buffers of the request are freed.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := newSocket(h, r)
	if !h.add(s) {
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	ws, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil { // Upgrade has answered
		h.remove(s)
		h.readers.Done()
		return
	}
	s.open(ws)
	go s.read()
}

// add counts a socket in, and its reader, which ends with readers.Done.
func (h *Handler) add(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.sockets) >= h.options.MaxSockets || h.byAddr[reach.Owner(s.addr)] >= h.options.MaxPerAddress {
		return false
	}
	h.sockets[s] = struct{}{}
	h.byAddr[reach.Owner(s.addr)]++
	h.readers.Add(1)
	return true
}

func (h *Handler) remove(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sockets, s)
	at := reach.Owner(s.addr)
	if h.byAddr[at]--; h.byAddr[at] == 0 {
		delete(h.byAddr, at)
	}
}

// Close tells the clients that the server goes away, closes their connections
// so that they come back, and waits until all is quiet or ctx ends.
func (h *Handler) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	open := make([]*socket, 0, len(h.sockets))
	for s := range h.sockets {
		open = append(open, s)
	}
	h.mu.Unlock()
	for _, s := range open {
		s.shutdown()
	}
	quiet := make(chan struct{})
	go func() { // ends with the last reader
		h.readers.Wait()
		close(quiet)
	}()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		for _, s := range open {
			s.abort()
		}
		return ctx.Err()
	}
}
