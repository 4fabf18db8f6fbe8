package wsjson

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/budget"
	"lectern/signaling/fault"
)

// ID is the id of the socket: 26 random characters.
func (s *socket) ID() string { return s.id }

// RemoteAddr is the client's address.
func (s *socket) RemoteAddr() netip.Addr { return s.addr }

// Language is the Accept-Language of the handshake.
func (s *socket) Language() string { return s.language }

// Keep hands on to the door.
func (s *socket) Keep(member bool) { s.place.Keep(member) }

// Send queues an event.
func (s *socket) Send(event string, data []byte, seq uint64) bool {
	var space, end [64]byte
	head := append(space[:0], `{"event":`...)
	head = append(strconv.AppendQuote(head, event), `,"data":`...)
	tail := end[:0]
	if seq > 0 {
		tail = strconv.AppendUint(append(tail, `,"seq":`...), seq, 10)
	}
	return s.enqueue(budget.NewFrame(head, data, append(tail, '}')))
}

func (s *socket) enqueue(frame budget.Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.broken || s.closing != nil || s.account.Held()+int64(frame.Len()) > int64(s.handler.options.MaxQueued) {
		return false
	}
	s.queue = append(s.queue, frame)
	s.account.Queue(frame)
	s.startFlush()
	return true
}

// startFlush starts the writer unless it runs; s.mu is held.
func (s *socket) startFlush() {
	if !s.writing {
		s.writing = true
		go s.flush()
	}
}

// flush writes what is queued, then the close frame if there is to be one. It
// ends when there is nothing left to write or the connection fails.
func (s *socket) flush() {
	defer fault.Contain(s.handler.options.Logger, "writing to a socket", s.breakOff)
	for {
		s.mu.Lock()
		queue, closing := s.queue, s.closing
		s.queue = nil
		if len(queue) == 0 {
			s.writing = false
			s.mu.Unlock()
			if closing != nil {
				s.sayGoodbye(*closing)
			}
			return
		}
		s.mu.Unlock()
		for i, frame := range queue {
			_ = s.ws.SetWriteDeadline(time.Now().Add(writeTime))
			if err := frame.SendOn(s.ws); err != nil {
				s.mu.Lock()
				s.writing, s.broken = false, true
				s.dropQueue(queue[i:])
				s.mu.Unlock()
				_ = s.ws.Close() // the reader notices
				return
			}
			s.account.Unqueue(frame)
			queue[i] = budget.Frame{} // it is not kept until the last one is written
		}
	}
}

// breakOff ends the connection after a fault of the writer.
func (s *socket) breakOff() {
	s.mu.Lock()
	s.writing, s.broken = false, true
	s.dropQueue(nil)
	s.mu.Unlock()
	s.abort()
}

// dropQueue gives back what is not written any more: in, which the writer has,
// and the queue; s.mu is held.
func (s *socket) dropQueue(in []budget.Frame) {
	for _, frames := range [][]budget.Frame{in, s.queue} {
		for _, f := range frames {
			s.account.Unqueue(f)
		}
	}
	s.queue = nil
}

// sayGoodbye sends the close frame and gives the client a moment to answer it;
// then the reader ends, if the client's answer has not ended it.
func (s *socket) sayGoodbye(c closeFrame) {
	deadline := time.Now().Add(closeTime)
	err := s.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(c.code, c.reason), deadline)
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if err != nil || ended {
		_ = s.ws.Close()
		return
	}
	_ = s.ws.SetReadDeadline(deadline)
}

// Close ends the connection so that the client comes back.
func (s *socket) Close(reason string) {
	code := websocket.ClosePolicyViolation
	if reason == reasonShutdown {
		code = websocket.CloseGoingAway
	}
	s.closeWith(code, reason)
}

// Kick ends the connection so that the client stays away.
func (s *socket) Kick(reason string) { s.closeWith(closeKicked, reason) }

// closeWith queues the end: what is queued already is written first, unless the
// client does not take it within writeTime. From here on nothing the client
// sends is listened to, or keeps the connection alive.
func (s *socket) closeWith(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.closing != nil {
		return
	}
	s.closing = &closeFrame{code, reason}
	if s.ws != nil {
		_ = s.ws.SetReadDeadline(time.Now().Add(writeTime + closeTime))
		s.startFlush()
	}
}

const reasonShutdown = "shutdown"

func (s *socket) shutdown() {
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	if c != nil {
		c.Closing(reasonShutdown)
	}
	s.Close(reasonShutdown)
}

// abort ends the connection without ceremony.
func (s *socket) abort() {
	s.mu.Lock()
	ws := s.ws
	s.mu.Unlock()
	if ws != nil {
		_ = ws.Close()
	}
}

// Probe pings at once; the next pong is the answer.
func (s *socket) Probe(timeout time.Duration, done func(alive bool)) {
	p := &probe{done: done}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		go p.gone(s) // the caller may hold what done needs
		return
	}
	log := s.handler.options.Logger
	p.timer = time.AfterFunc(timeout, func() {
		defer fault.Contain(log, "a ping's time running out", s.abort)
		p.settle(false)
	})
	s.probes = append(s.probes, p)
	ws := s.ws
	s.mu.Unlock()
	go func() { // ends with the write, at most after the timeout
		defer fault.Contain(log, "pinging a socket", s.abort)
		_ = ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(timeout))
	}()
}

func (s *socket) settleProbes(alive bool) {
	s.mu.Lock()
	probes := s.probes
	s.probes = nil
	s.mu.Unlock()
	for _, p := range probes {
		p.timer.Stop()
		p.settle(alive)
	}
}
