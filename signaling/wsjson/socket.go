package wsjson

import (
	"crypto/rand"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/budget"
	"lectern/signaling/conn"
	"lectern/signaling/door"
	"lectern/signaling/fault"
)

// closeKicked is the close code after which a client stays away.
const closeKicked = 4001

// frameTime is how long a frame may take from its first byte to its last.
const frameTime = 30 * time.Second

// writeTime is how long one frame may take to reach the kernel, closeTime how
// long the client has to answer a close frame.
const (
	writeTime = 10 * time.Second
	closeTime = 2 * time.Second
)

// socket is one WebSocket. It implements conn.Socket.
type socket struct {
	handler  *Handler
	id       string
	addr     netip.Addr
	language string
	place    *door.Conn

	// Set by open under mu, before the reader starts; read without by the
	// reader and by what it started.
	ws      *websocket.Conn
	conn    *conn.Conn
	account *budget.Account

	// frameEnds is when the frame that is being read has to be whole; zero
	// between frames. Owned by the reader.
	frameEnds time.Time

	mu sync.Mutex
	// Guarded by mu.
	queue   []budget.Frame // with what is in the writer's hands, it is in the account
	broken  bool           // the writer could not write
	writing bool           // a flush goroutine runs
	closing *closeFrame
	ended   bool
	ping    *time.Timer
	probes  []*probe
}

type closeFrame struct {
	code   int
	reason string
}

// probe waits for the next pong.
type probe struct {
	once  sync.Once
	done  func(alive bool)
	timer *time.Timer
}

func (p *probe) settle(alive bool) { p.once.Do(func() { p.done(alive) }) }

// gone is the answer of a socket that has ended.
func (p *probe) gone(s *socket) {
	defer fault.Contain(s.handler.options.Logger, "answering for a socket that has ended", nil)
	p.settle(false)
}

func newSocket(h *Handler, r *http.Request) *socket {
	s := &socket{handler: h, id: rand.Text(), language: r.Header.Get("Accept-Language"), place: door.Of(r.Context())}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		s.addr = ap.Addr().Unmap()
	}
	return s
}

func (s *socket) open(ws *websocket.Conn) {
	c := s.handler.server.Open(s)
	s.mu.Lock()
	s.ws, s.conn = ws, c
	s.account = s.handler.server.Budget().Open(s.abort)
	s.ping = time.AfterFunc(s.handler.options.PingInterval, s.heartbeat)
	if s.closing != nil { // the server began to close during the handshake
		s.startFlush()
	}
	s.mu.Unlock()
	s.alive()
	pong := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		if !c.Beat() {
			return nil
		}
		return pong(data)
	})
	ws.SetPongHandler(func(string) error {
		if c.Beat() {
			s.alive()
			s.settleProbes(true)
		}
		return nil
	})
}

// alive gives the client another interval and timeout to be heard of, unless
// its time is up. A frame that it has begun has a deadline of its own, which
// nothing else that it says moves.
func (s *socket) alive() {
	o := s.handler.options
	deadline := time.Now().Add(o.PingInterval + o.PingTimeout)
	if !s.frameEnds.IsZero() && s.frameEnds.Before(deadline) {
		deadline = s.frameEnds
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == nil {
		_ = s.ws.SetReadDeadline(deadline)
	}
}

// heartbeat runs on the ping timer.
func (s *socket) heartbeat() {
	defer fault.Contain(s.handler.options.Logger, "a socket's heartbeat", s.abort)
	_ = s.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ping.Reset(s.handler.options.PingInterval)
	}
}

// end marks the connection as over and frees what waits for it.
func (s *socket) end() {
	s.mu.Lock()
	s.ended = true
	s.ping.Stop()
	lingers := s.closing != nil && s.writing // flush closes it
	if !s.writing {
		s.dropQueue(nil)
	}
	s.mu.Unlock()
	s.account.Close()
	s.settleProbes(false)
	if !lingers {
		_ = s.ws.Close()
	}
}

var _ conn.Socket = (*socket)(nil)
