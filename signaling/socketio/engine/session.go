package engine

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/door"
)

const (
	writeTime  = 10 * time.Second // for one frame to reach the kernel
	closeTime  = 2 * time.Second  // for the client to answer a close frame
	lingerTime = 2 * time.Second  // for a polling client to hear that its session is closed
)

// Session is one client's connection, whatever carries it. Its methods may be
// called concurrently and do not block.
type Session struct {
	handler  *Handler
	id       string
	addr     netip.Addr
	language string

	// receiver is set by begin, before the id is told to the client.
	receiver Receiver

	deliver sync.Mutex // held during calls of the receiver's Message, Violation and Closed
	// Guarded by deliver.
	over bool // Closed was called

	mu sync.Mutex
	// Guarded by mu.
	begun       bool
	ws          *websocket.Conn // nil: the session polls
	probing     *websocket.Conn // asks for the upgrade
	place       *door.Conn      // the door's of ws, or of probing
	member      bool            // as Keep last said
	poll        *poll           // a GET that waits
	posting     bool            // a POST is being read
	queue       [][]byte
	queued      int    // bytes in queue and in the writer's hands
	writing     bool   // flush runs
	closing     bool   // nothing more is queued; flush says goodbye
	goodbyeWith []byte // the close frame's payload, when closing
	ended       bool

	farewell byte // what the last poll of an ended session gets; 0: none
	linger   *time.Timer

	beat     *time.Timer
	deadline time.Time // when the client has been silent for too long
	pinged   bool      // a ping waits for its pong
	probes   []*probe
}

// ID is the secret that the client shows with each request.
func (s *Session) ID() string { return s.id }

// RemoteAddr is the address that the handshake came from.
func (s *Session) RemoteAddr() netip.Addr { return s.addr }

// Language is the Accept-Language header of the handshake.
func (s *Session) Language() string { return s.language }

// Keep says whether the client is worth its connection when there are too many
// (package door).
func (s *Session) Keep(member bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member = member
	if s.ws != nil {
		s.place.Keep(member)
	}
}

// begin opens a session over a WebSocket, or as polling if ws is nil. place is
// the door's of the WebSocket.
func (s *Session) begin(ws *websocket.Conn, place *door.Conn) {
	s.receiver = s.handler.open(s)
	o := s.handler.options
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.ws, s.place = true, ws, place
	s.deadline = time.Now().Add(o.PingInterval + o.PingTimeout)
	s.beat = time.AfterFunc(o.PingInterval, s.heartbeat)
	if ws != nil {
		s.queue = append([][]byte{s.openPacket([]string{})}, s.queue...)
		s.startFlush()
	}
	if s.closing && ws == nil { // Close came during the handshake
		s.endLocked(true, packetClose)
	}
}

// discard undoes add for a session that never began.
func (s *Session) discard() {
	s.handler.forget(s)
	s.handler.running.Done()
}

// Send queues one packet, a PacketMessage with its text. The slice is kept and
// must not be changed. It reports false if the queue is full or the session
// closed.
func (s *Session) Send(packet []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.closing || s.queued+len(packet) > s.handler.options.MaxQueued {
		return false
	}
	s.enqueue(packet)
	return true
}

// enqueue queues a packet and sees that somebody sends it; s.mu is held.
func (s *Session) enqueue(packet []byte) {
	s.queue = append(s.queue, packet)
	s.queued += len(packet)
	switch {
	case s.ws != nil:
		s.startFlush()
	case s.poll != nil:
		s.poll.wake()
	}
}

const reasonShutdown = "shutdown"

// closeFrame is the payload of a close frame; a control frame has at most 125
// bytes (RFC 6455 section 5.5), two of them the code.
func closeFrame(code int, reason string) []byte {
	if len(reason) > 123 {
		reason = strings.ToValidUTF8(reason[:123], "")
	}
	return websocket.FormatCloseMessage(code, reason)
}

// Close ends the session. What is queued is sent first. The client comes back
// by itself, unless it was told to stay away.
func (s *Session) Close(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.closing {
		return
	}
	s.handler.options.Logger.Debug("closing a session", "reason", reason)
	s.closing = true
	code := websocket.ClosePolicyViolation
	if reason == reasonShutdown {
		code = websocket.CloseGoingAway
	}
	s.goodbyeWith = closeFrame(code, reason)
	switch {
	case s.ws != nil:
		s.startFlush()
	case s.begun:
		s.endLocked(true, packetClose)
	}
}

// shutdown tells the receiver and closes.
func (s *Session) shutdown() {
	s.mu.Lock()
	begun := s.begun
	s.mu.Unlock()
	if begun {
		s.receiver.Closing()
	}
	s.Close(reasonShutdown)
}

// end ends the session at once, without a word to a client that does not wait
// for one.
func (s *Session) end(clean bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(clean, 0)
}

// endLocked is end; s.mu is held. A polling client gets the farewell with its
// next poll, if there is one; one whose poll waits always gets an answer.
func (s *Session) endLocked(clean bool, farewell byte) {
	if s.ended || !s.begun {
		s.closing = true
		return
	}
	s.ended = true
	s.beat.Stop()
	s.settleProbes(false)
	if s.probing != nil {
		_ = s.probing.Close() // its reader notices
		s.probing = nil
	}
	if s.poll != nil && farewell == 0 {
		farewell = packetClose
	}
	switch {
	case s.ws != nil:
		_ = s.ws.Close()
		s.queue = nil
		s.handler.forget(s)
	case farewell == 0:
		s.queue = nil
		s.handler.forget(s)
	default:
		s.farewell = farewell
		s.linger = time.AfterFunc(lingerTime, func() { s.handler.forget(s) })
		if s.poll != nil {
			s.poll.wake()
		}
	}
	go s.finish(clean)
}

// finish tells the receiver, after its last message.
func (s *Session) finish(clean bool) {
	defer s.handler.running.Done()
	s.deliver.Lock()
	defer s.deliver.Unlock()
	s.over = true
	s.receiver.Closed(clean)
}

// take deals with one packet of the client. It reports whether the session
// goes on, and otherwise what was wrong: nil if the client said goodbye.
func (s *Session) take(packet []byte) (goesOn bool, err error) {
	if err := check(packet); err != nil {
		s.violate("invalid", err.Error())
		return false, err
	}
	switch packet[0] {
	case PacketMessage:
		s.deliver.Lock()
		defer s.deliver.Unlock()
		if s.over {
			return false, nil
		}
		s.receiver.Message(packet[1:])
	case packetPong:
		s.pong()
	case packetClose:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.endLocked(true, packetNoop)
		return false, nil
	}
	return true, nil
}

func (s *Session) tooLarge() {
	s.violate("too-large", fmt.Sprintf("the limit is %d bytes", s.handler.options.MaxPayload))
}

// violate tells the receiver that the client broke the framing.
func (s *Session) violate(errType, message string) {
	s.deliver.Lock()
	defer s.deliver.Unlock()
	if !s.over {
		s.receiver.Violation(errType, message)
	}
}
