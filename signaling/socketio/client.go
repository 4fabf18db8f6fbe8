package socketio

import (
	"slices"
	"sync"
	"time"

	"lectern/signaling/fault"
	"lectern/signaling/socketio/engine"
)

// client is one Engine.IO session and the namespaces that it has joined.
type client struct {
	handler *Handler
	session *engine.Session

	mu sync.Mutex
	// Guarded by mu; sockets is changed by the session's reader only.
	sockets []*socket
	timer   *time.Timer // ends a session that joins no namespace
	closed  bool
}

// open makes the receiver of a new session.
func (h *Handler) open(s *engine.Session) engine.Receiver {
	c := &client{handler: h, session: s}
	c.await()
	return c
}

// await gives the client time to connect to a namespace.
func (c *client) await() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.timer = time.AfterFunc(c.handler.connectTimeout, c.waited)
	}
}

// waited ends a client that joined no namespace in time.
func (c *client) waited() {
	defer fault.Contain(c.handler.log, "ending a client without a namespace", nil)
	c.session.Close("no namespace joined")
}

// Message takes one Socket.IO packet.
func (c *client) Message(text []byte) {
	p, err := parse(text)
	if err == nil {
		err = c.take(p)
	}
	if err != nil {
		c.Violation("invalid", err.Error())
		c.session.Close(err.Error())
	}
}

func (c *client) take(p packet) error {
	if p.kind != typeEvent && !c.session.Beat() {
		return nil
	}
	s := c.socket(p.namespace)
	if p.kind == typeConnect {
		if s != nil {
			return errFormat
		}
		c.connect(p)
		return nil
	}
	if s == nil {
		return errFormat
	}
	switch p.kind {
	case typeDisconnect:
		c.disconnect(s)
	case typeEvent:
		name, args, err := p.event()
		if err != nil {
			return err
		}
		s.listener.Event(name, args, s.acker(p.ackID))
	}
	return nil // an ack that nobody waits for is ignored
}

// connect joins a namespace (protocol 5, section "Connection to a namespace").
func (c *client) connect(p packet) {
	if !slices.Contains(c.handler.namespaces, p.namespace) {
		c.session.Send(append(appendHead(nil, typeConnectError, p.namespace), `{"message":"Invalid namespace"}`...))
		return
	}
	s := newSocket(c, p.namespace)
	s.start()
	s.listener = c.handler.accept(s, p.payload)
	c.mu.Lock()
	c.sockets = append(c.sockets, s)
	c.timer.Stop()
	c.mu.Unlock()
}

func (c *client) disconnect(s *socket) {
	c.mu.Lock()
	c.sockets = slices.DeleteFunc(c.sockets, func(other *socket) bool { return other == s })
	left := len(c.sockets)
	c.mu.Unlock()
	s.stop()
	s.listener.Closed()
	if left == 0 {
		c.await()
	}
}

// socket is the client's in a namespace, or nil.
func (c *client) socket(namespace string) *socket {
	for _, s := range c.snapshot() {
		if s.namespace == namespace {
			return s
		}
	}
	return nil
}

// snapshot is the sockets as they are now; the slice is not to be changed.
func (c *client) snapshot() []*socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clip(c.sockets)
}

// Violation hands on to the namespaces.
func (c *client) Violation(errType, message string) {
	for _, s := range c.snapshot() {
		s.listener.Violation(errType, message)
	}
}

// Closing hands on to the namespaces.
func (c *client) Closing() {
	for _, s := range c.snapshot() {
		s.listener.Closing("shutdown")
	}
}

// Closed ends the namespaces. How the session ended does not matter to them.
func (c *client) Closed(bool) {
	c.mu.Lock()
	sockets := c.sockets
	c.sockets, c.closed = nil, true
	c.timer.Stop()
	c.mu.Unlock()
	for _, s := range sockets {
		s.stop()
		s.listener.Closed()
	}
}
