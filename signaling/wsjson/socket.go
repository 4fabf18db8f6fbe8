package wsjson

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"lectern/signaling/conn"
)

// closeKicked is the close code after which a client stays away.
const closeKicked = 4001

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

	// Set by open under mu, before the reader starts; read without by the
	// reader and by what it started.
	ws   *websocket.Conn
	conn *conn.Conn

	mu sync.Mutex
	// Guarded by mu.
	queue   [][]byte
	queued  int  // bytes in queue and in the writer's hands
	writing bool // a flush goroutine runs
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

func newSocket(h *Handler, r *http.Request) *socket {
	s := &socket{handler: h, id: rand.Text(), language: r.Header.Get("Accept-Language")}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		s.addr = ap.Addr().Unmap()
	}
	return s
}

func (s *socket) open(ws *websocket.Conn) {
	c := s.handler.server.Open(s)
	s.mu.Lock()
	s.ws, s.conn = ws, c
	s.ping = time.AfterFunc(s.handler.options.PingInterval, s.heartbeat)
	if s.closing != nil { // the server began to close during the handshake
		s.startFlush()
	}
	s.mu.Unlock()
	ws.SetReadLimit(int64(s.handler.options.MaxPayload))
	s.alive()
	ws.SetPongHandler(func(string) error {
		s.alive()
		s.settleProbes(true)
		return nil
	})
}

// alive gives the client another interval and timeout to be heard of.
func (s *socket) alive() {
	o := s.handler.options
	_ = s.ws.SetReadDeadline(time.Now().Add(o.PingInterval + o.PingTimeout))
}

// heartbeat runs on the ping timer.
func (s *socket) heartbeat() {
	_ = s.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ping.Reset(s.handler.options.PingInterval)
	}
}

// read is the socket's goroutine; it ends when the connection does.
func (s *socket) read() {
	defer s.handler.readers.Done()
	defer s.handler.remove(s)
	clean := false
	for {
		kind, frame, err := s.ws.ReadMessage()
		if err != nil {
			clean = s.failed(err)
			break
		}
		s.alive()
		if !s.accept(kind, frame) {
			clean = true
			break
		}
	}
	s.end()
	s.conn.Closed(clean)
}

// failed reports whether a connection that cannot be read any more ended in an
// orderly way.
func (s *socket) failed(err error) bool {
	if errors.Is(err, websocket.ErrReadLimit) {
		s.conn.Violation("too-large", "a frame is over the limit")
		s.closeWith(websocket.CloseMessageTooBig, "frame too large")
		return true
	}
	s.mu.Lock()
	ours := s.closing != nil
	s.mu.Unlock()
	return ours || websocket.IsCloseError(err, websocket.CloseNormalClosure,
		websocket.CloseGoingAway, websocket.CloseNoStatusReceived)
}

// message is a frame from the client.
type message struct {
	Event json.RawMessage `json:"event"`
	Data  json.RawMessage `json:"data"`
	ID    json.RawMessage `json:"id"`
}

// accept takes one frame. It reports false if the connection is over.
func (s *socket) accept(kind int, frame []byte) bool {
	if kind != websocket.TextMessage {
		s.conn.Violation("invalid", "frames must be text")
		s.closeWith(websocket.CloseUnsupportedData, "frames must be text")
		return false
	}
	var m message
	if !utf8.Valid(frame) || json.Unmarshal(frame, &m) != nil {
		s.conn.Violation("invalid", "the frame is not a JSON object in UTF-8")
		s.closeWith(websocket.CloseInvalidFramePayloadData, "not a JSON object in UTF-8")
		return false
	}
	var event string
	if !bytes.HasPrefix(m.Event, []byte(`"`)) || json.Unmarshal(m.Event, &event) != nil {
		event = "" // the decoder calls it unknown
	}
	s.conn.Event(event, m.Data, s.acker(m.ID))
	return true
}

// acker answers a message with an id, which is a number or a short string.
func (s *socket) acker(id json.RawMessage) func([]byte) {
	const longest = 64
	if len(id) == 0 || len(id) > longest || bytes.IndexByte([]byte(`"-0123456789`), id[0]) < 0 {
		return nil
	}
	return func(data []byte) {
		frame := make([]byte, 0, len(data)+len(id)+32)
		frame = append(frame, `{"event":"ack","id":`...)
		frame = append(frame, id...)
		frame = append(frame, `,"data":`...)
		frame = append(append(frame, data...), '}')
		if !s.enqueue(frame) {
			s.Close("too slow")
		}
	}
}

// end marks the connection as over and frees what waits for it.
func (s *socket) end() {
	s.mu.Lock()
	s.ended = true
	s.ping.Stop()
	lingers := s.closing != nil && s.writing // flush closes it
	if !s.writing {
		s.queue = nil
	}
	s.mu.Unlock()
	s.settleProbes(false)
	if !lingers {
		_ = s.ws.Close()
	}
}

var _ conn.Socket = (*socket)(nil)
