package engine

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/budget"
	"lectern/signaling/door"
	"lectern/signaling/fault"
)

const (
	writeTime  = 10 * time.Second // for one frame to reach the kernel
	closeTime  = 2 * time.Second  // for the client to answer a close frame
	lingerTime = 2 * time.Second  // for a polling client to hear that its session is closed
	frameTime  = 30 * time.Second // from the first byte of a frame to its last
)

// The packets and frames without a message that a client may send, at once and
// a second: one heartbeat in many seconds is due. The receiver limits messages.
const (
	beatBurst = 500
	beatRate  = 50
)

// Session is one client's connection, whatever carries it. Its methods may be
// called concurrently and do not block.
type Session struct {
	handler  *Handler
	id       string
	addr     netip.Addr
	language string
	account  *budget.Account

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
	queue       []budget.Frame  // with what is in the writer's hands, it is in the account
	rate        budget.Rate
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
		open := budget.Frame{Head: s.openPacket([]string{})}
		s.account.Queue(open)
		s.queue = append([]budget.Frame{open}, s.queue...)
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
func (s *Session) Send(packet []byte) bool { return s.SendFrame(budget.Frame{Head: packet}) }

// SendFrame is Send for a packet whose data others wait for too.
func (s *Session) SendFrame(packet budget.Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.closing || s.account.Held()+int64(packet.Len()) > int64(s.handler.options.MaxQueued) {
		return false
	}
	s.enqueue(packet)
	return true
}

// enqueue queues a packet, which is then sent; s.mu is held.
func (s *Session) enqueue(packet budget.Frame) {
	s.queue = append(s.queue, packet)
	s.account.Queue(packet)
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
	defer fault.Contain(s.handler.options.Logger, "ending a session at once", nil)
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
		s.dropQueue()
		s.handler.forget(s)
	case farewell == 0:
		s.dropQueue()
		s.handler.forget(s)
	default:
		s.farewell = farewell
		s.linger = time.AfterFunc(lingerTime, s.lingered)
		if s.poll != nil {
			s.poll.wake()
		}
	}
	go s.finish(clean)
}

// lingered forgets a session whose client did not poll again.
func (s *Session) lingered() {
	defer fault.Contain(s.handler.options.Logger, "forgetting a session", nil)
	s.handler.forget(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropQueue()
}

// dropQueue gives back what is not sent any more; s.mu is held.
func (s *Session) dropQueue() {
	for _, f := range s.queue {
		s.account.Unqueue(f)
	}
	s.queue = nil
}

// Beat counts what a client sends beside messages. It reports false if there is
// so much of it that this one is to be ignored, and ends a session that goes on.
func (s *Session) Beat() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	verdict := s.rate.Take(time.Now(), 0)
	if verdict == budget.Sever {
		s.endLocked(false, 0)
	}
	return verdict == budget.Allow
}

// finish tells the receiver, after its last message.
func (s *Session) finish(clean bool) {
	defer s.handler.running.Done()
	s.deliver.Lock()
	defer s.deliver.Unlock()
	s.over = true
	defer fault.Contain(s.handler.options.Logger, "ending a session", nil)
	s.receiver.Closed(clean)
}

// take deals with one packet of the client. It reports whether the session
// goes on, and otherwise what was wrong: nil if the client said goodbye.
func (s *Session) take(packet []byte) (goesOn bool, err error) {
	if err := check(packet); err != nil {
		s.violate("invalid", err.Error())
		return false, err
	}
	defer fault.Contain(s.handler.options.Logger, "a packet of a client", func() {
		goesOn, err = false, errFault
		go s.end(false) // the lock may be held
	})
	switch packet[0] {
	case PacketMessage:
		s.deliver.Lock()
		defer s.deliver.Unlock()
		if s.over {
			return false, nil
		}
		s.receiver.Message(packet[1:])
	case packetPong:
		if s.Beat() {
			s.pong()
		}
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
