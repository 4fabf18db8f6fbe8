package conn

import (
	"errors"
	"time"

	"lectern/signaling/fault"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// Socket names the connection for its room.
func (c *Conn) Socket() room.SocketID { return room.SocketID(c.socket.ID()) }

// Put hands an event to the socket.
func (c *Conn) Put(event string, data []byte, seq uint64) bool {
	return c.socket.Send(event, data, seq)
}

// Tell sends an error event.
func (c *Conn) Tell(e *protocol.Error, seq uint64) { c.send(e.Message(c.socket.Language()), seq) }

// Probe hands on to the socket.
func (c *Conn) Probe(timeout time.Duration, done func(alive bool)) { c.socket.Probe(timeout, done) }

// Close hands on to the socket.
func (c *Conn) Close(reason string) { c.socket.Close(reason) }

// Kick hands on to the socket.
func (c *Conn) Kick(reason string) { c.socket.Kick(reason) }

// Closing tells a capable client that the server is about to close its
// connection, and why.
func (c *Conn) Closing(reason string) {
	c.capableMu.Lock()
	capable := c.capable
	c.capableMu.Unlock()
	if capable {
		c.send(&protocol.Closing{Reason: reason}, 0)
	}
}

func (c *Conn) setCapable(is bool) (was bool) {
	c.capableMu.Lock()
	defer c.capableMu.Unlock()
	was, c.capable = c.capable, is
	return was
}

func (c *Conn) send(m protocol.Outgoing, seq uint64) {
	data, err := protocol.Encode(m)
	if err != nil {
		c.server.options.Log.Error("encoding a message", "err", err)
		return
	}
	if !c.socket.Send(m.EventName(), data, seq) {
		c.socket.Close("too slow")
	}
}

// refuse tells the client what was wrong, as an event and, if it asked for
// one, as the acknowledgement. What is not a *protocol.Error is our fault or
// the room's end, and the client only hears that.
func (c *Conn) refuse(err error, event string, ack func([]byte)) {
	var e *protocol.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, room.ErrClosed):
		e = protocol.NewError(protocol.ErrClosing)
	default:
		c.server.options.Log.Error("handling a message", "event", event, "err", err)
		e = protocol.NewError(protocol.ErrInternal)
	}
	if e.On == "" {
		e.On = event
	}
	if e.Type == protocol.ErrRate && !c.mayTellRate(time.Now()) {
		c.acknowledgeRefusal(e.Message(c.socket.Language()), ack)
		return
	}
	c.acknowledgeRefusal(c.sendError(e), ack)
}

// mayTellRate says whether a refusal of the room's for too many messages is
// told as an event too: once a second.
func (c *Conn) mayTellRate(now time.Time) bool {
	if now.Sub(c.rateTold) < time.Second {
		return false
	}
	c.rateTold = now
	return true
}

func (c *Conn) acknowledgeRefusal(m *protocol.ErrorMessage, ack func([]byte)) {
	c.acknowledge(struct {
		Error *protocol.ErrorMessage `json:"error"`
	}{m}, ack)
}

func (c *Conn) sendError(e *protocol.Error) *protocol.ErrorMessage {
	m := e.Message(c.socket.Language())
	c.send(m, 0)
	return m
}

func (c *Conn) acknowledge(reply any, ack func([]byte)) {
	if ack == nil {
		return
	}
	if reply == nil {
		reply = protocol.Empty{}
	}
	data, err := protocol.Encode(reply)
	if err != nil {
		c.server.options.Log.Error("encoding an acknowledgement", "err", err)
		return
	}
	ack(data)
}

// survive is deferred around what a client's message leads to.
func (c *Conn) survive(event string) {
	p := recover()
	if p == nil {
		return
	}
	fault.Report(c.server.options.Log.With("event", event), "a message of a client", p)
	e := protocol.NewError(protocol.ErrInternal)
	e.On = event
	c.sendError(e)
	c.socket.Close("internal fault")
}

// hold keeps a signal of a socket that has not said who it is. It reports
// false when the signal is to be dealt with at once.
func (c *Conn) hold(msg protocol.Message, size int) bool {
	if c.known {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) >= maxHeld || c.heldBytes+size > maxHeldBytes {
		return false
	}
	if c.timer == nil {
		c.timer = time.AfterFunc(holdTime, c.giveUp)
	}
	if c.account == nil {
		c.account = c.server.options.Budget.Open(func() { c.socket.Close("holds too much") })
	}
	c.held = append(c.held, msg)
	c.heldBytes += size
	c.account.Take(size)
	return true
}

// giveUp answers what was held too long. It runs on the timer's goroutine and
// only sends.
func (c *Conn) giveUp() {
	defer fault.Contain(c.server.options.Log, "answering what a client said before it joined", func() { c.socket.Close("internal fault") })
	c.mu.Lock()
	held := c.takeHeld()
	c.timer = nil
	c.mu.Unlock()
	for _, m := range held {
		if err := c.stray(m); err != nil {
			c.refuse(err, m.Event(), nil)
		}
	}
}

// unhold takes what is held; from now on nothing is.
func (c *Conn) unhold() []protocol.Message {
	c.known = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	return c.takeHeld()
}

// takeHeld is what is held; c.mu is held.
func (c *Conn) takeHeld() []protocol.Message {
	held := c.held
	if c.account != nil {
		c.account.Take(-c.heldBytes)
	}
	c.held, c.heldBytes = nil, 0
	return held
}
