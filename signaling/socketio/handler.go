package socketio

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"lectern/signaling/budget"
	"lectern/signaling/conn"
	"lectern/signaling/protocol"
	"lectern/signaling/socketio/engine"
)

// Options configure a Handler. The zero value means the defaults.
type Options struct {
	PingInterval   time.Duration // 0: 25 s
	PingTimeout    time.Duration // 0: 20 s
	ConnectTimeout time.Duration // for a client to connect to a namespace; 0: 45 s
	MaxPayload     int           // bytes of a message; 0: 1,000,000
	MaxQueued      int           // bytes waiting for a client; 0: 4 MiB
	MaxSockets     int           // in all; 0: 20,000
	MaxPerAddress  int           // from one address; 0: 5,000, for a school behind one
	Origins        conn.Origins  // for CORS and WebSocket upgrades alike
	Logger         *slog.Logger  // nil: nothing is logged

	budget *budget.Budget // the server's
}

// listener is what stands behind a namespace for one client. Event, Violation
// and Closed are called by one goroutine at a time.
type listener interface {
	// Event takes an event. args are valid during the call only; ack, if not
	// nil, is called at most once with the JSON of its arguments.
	Event(name string, args []protocol.Value, ack func(args []byte))
	Violation(errType, message string)
	Closing(reason string)
	Closed()
}

// Handler serves Socket.IO at whatever path it is mounted. It may be used
// concurrently.
type Handler struct {
	engine         *engine.Handler
	connectTimeout time.Duration
	log            *slog.Logger // may be nil
	namespaces     []string
	// accept makes what stands behind a namespace for a client that has joined
	// it. auth is the client's, nil if it sent none.
	accept func(s *socket, auth []byte) listener
}

// New makes the endpoint of a server's rooms, in the main namespace.
func New(server *conn.Server, o Options) *Handler {
	o.budget = server.Budget()
	return newHandler(o, []string{mainNamespace}, func(s *socket, _ []byte) listener {
		return roomListener{server.Open(s)}
	})
}

func newHandler(o Options, namespaces []string, accept func(*socket, []byte) listener) *Handler {
	h := &Handler{namespaces: namespaces, accept: accept, connectTimeout: o.ConnectTimeout, log: o.Logger}
	if h.connectTimeout <= 0 {
		h.connectTimeout = 45 * time.Second
	}
	h.engine = engine.New(h.open, engine.Options{
		PingInterval: o.PingInterval, PingTimeout: o.PingTimeout,
		MaxPayload: o.MaxPayload, MaxQueued: o.MaxQueued,
		MaxSessions: o.MaxSockets, MaxPerAddress: o.MaxPerAddress,
		Allow: o.Origins.Allow, Budget: o.budget, Logger: o.Logger,
	})
	return h
}

// ServeHTTP serves one request of a client. See engine.Handler.ServeHTTP for
// what may stand before it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.engine.ServeHTTP(w, r) }

// Close tells the clients that the server goes away, closes their connections
// so that they come back, and waits until all is quiet or ctx ends.
func (h *Handler) Close(ctx context.Context) error { return h.engine.Close(ctx) }

// roomListener is a client of the rooms.
type roomListener struct{ *conn.Conn }

// Event hands on the first argument, the data of the event. A client that
// counts gives the number of the event as the second.
func (l roomListener) Event(name string, args []protocol.Value, ack func([]byte)) {
	var data protocol.Value
	var seq uint64
	if len(args) > 0 {
		data = args[0]
	}
	if len(args) > 1 {
		seq = protocol.Seq(args[1])
	}
	l.Conn.Event(name, data, seq, ack)
}
