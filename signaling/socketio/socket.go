package socketio

import (
	"crypto/rand"
	"net/netip"
	"sync/atomic"
	"time"

	"lectern/signaling/conn"
)

// socket is a client in a namespace. It implements conn.Socket.
type socket struct {
	client    *client
	namespace string
	id        string
	listener  listener // set before anything is received

	stopped atomic.Bool
}

var _ conn.Socket = (*socket)(nil)

func newSocket(c *client, namespace string) *socket {
	return &socket{client: c, namespace: namespace, id: rand.Text()}
}

// start tells the client its id, before anything else is sent.
func (s *socket) start() {
	s.client.session.Send(append(append(appendHead(nil, typeConnect, s.namespace), `{"sid":"`+s.id...), `"}`...))
}

// stop ends sending, after which the namespace may be joined again.
func (s *socket) stop() { s.stopped.Store(true) }

// ID is the id that the client knows as its own: 26 random characters, not
// those of its session.
func (s *socket) ID() string { return s.id }

// RemoteAddr is the client's address.
func (s *socket) RemoteAddr() netip.Addr { return s.client.session.RemoteAddr() }

// Language is the Accept-Language of the handshake.
func (s *socket) Language() string { return s.client.session.Language() }

// Keep hands on to the session.
func (s *socket) Keep(member bool) { s.client.session.Keep(member) }

// Send queues an event with one argument, and its number as the second if it
// has one.
func (s *socket) Send(event string, data []byte, seq uint64) bool {
	return !s.stopped.Load() && s.client.session.SendFrame(eventFrame(s.namespace, event, data, seq))
}

// acker answers an event that asked for it.
func (s *socket) acker(id []byte) func([]byte) {
	if id == nil {
		return nil
	}
	return func(args []byte) {
		if !s.client.session.Send(ackPacket(s.namespace, id, args)) {
			s.client.session.Close("too slow")
		}
	}
}

// Close ends the connection so that the client comes back.
func (s *socket) Close(reason string) { s.client.session.Close(reason) }

// Kick ends the connection so that the client stays away.
func (s *socket) Kick(reason string) {
	if s.stopped.Load() {
		return
	}
	s.client.session.Send(appendHead(nil, typeDisconnect, s.namespace))
	s.client.session.Close(reason)
}

// Probe pings at once; the next pong is the answer.
func (s *socket) Probe(timeout time.Duration, done func(alive bool)) {
	s.client.session.Probe(timeout, done)
}
