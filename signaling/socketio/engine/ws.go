package engine

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/budget"
	"lectern/signaling/door"
	"lectern/signaling/fault"
)

// noopEvery is how often waiting polls are released during an upgrade: a poll
// may arrive after the probe, and the client upgrades only when it has none.
const noopEvery = 100 * time.Millisecond

// upgrade takes a WebSocket for a session that polls.
func (h *Handler) upgrade(s *Session, w http.ResponseWriter, r *http.Request) {
	if !h.start() {
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	ws, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil { // Upgrade has answered
		h.running.Done()
		return
	}
	if !s.beginProbe(ws, door.Of(r.Context())) {
		// Accepted and closed, not refused: clients take a refusal for a
		// broken server.
		_ = ws.Close()
		h.running.Done()
		return
	}
	go s.readProbe(ws)
}

func (s *Session) beginProbe(ws *websocket.Conn, place *door.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.closing || s.ws != nil || s.probing != nil {
		return false
	}
	s.probing, s.place = ws, place
	return true
}

// readProbe is the goroutine of a WebSocket that is to take over. If it does,
// it reads on; if not, the session polls on.
func (s *Session) readProbe(ws *websocket.Conn) {
	defer s.handler.running.Done()
	defer fault.Contain(s.handler.options.Logger, "upgrading a session", s.faulted(ws))
	if !s.probe(ws) {
		s.mu.Lock()
		if s.probing == ws {
			s.probing = nil
		}
		s.mu.Unlock()
		_ = ws.Close()
		return
	}
	s.readAll(ws)
}

// probe does the handshake of an upgrade (protocol 4, section "Upgrade").
func (s *Session) probe(ws *websocket.Conn) bool {
	ws.SetReadLimit(int64(len(probePing))) // nothing longer is due
	_ = ws.SetReadDeadline(time.Now().Add(s.handler.options.UpgradeTimeout))
	kind, first, err := ws.ReadMessage()
	if err != nil || kind != websocket.TextMessage || !bytes.Equal(first, probePing) {
		return false
	}
	_ = ws.SetWriteDeadline(time.Now().Add(writeTime))
	if ws.WriteMessage(websocket.TextMessage, probePong) != nil {
		return false
	}
	s.releasePolls(ws)
	kind, second, err := ws.ReadMessage()
	if err != nil || kind != websocket.TextMessage || len(second) != 1 || second[0] != packetUpgrade {
		return false
	}
	ws.SetReadLimit(0)
	_ = ws.SetReadDeadline(time.Time{})
	return s.switchTo(ws)
}

// releasePolls releases the waiting poll with a noop, again and again until the
// upgrade is over one way or the other. A poll that came during the upgrade is
// kept for a moment, because the upgrade packet may be right behind it.
func (s *Session) releasePolls(ws *websocket.Conn) {
	defer fault.Contain(s.handler.options.Logger, "releasing a poll", s.faulted(ws))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probing != ws {
		return
	}
	if p := s.poll; p != nil && (!p.late || time.Since(p.since) >= noopEvery/2) {
		p.noop = true
		p.wake()
	}
	time.AfterFunc(noopEvery, func() { s.releasePolls(ws) })
}

// switchTo makes the WebSocket the session's transport.
func (s *Session) switchTo(ws *websocket.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probing != ws || s.ended {
		return false
	}
	s.probing, s.ws = nil, ws
	s.place.Keep(s.member)
	if p := s.poll; p != nil {
		p.refuse, p.noop = p.late, true
		p.wake()
	}
	if len(s.queue) > 0 || s.closing {
		s.startFlush()
	}
	return true
}

// read is the goroutine of a session that began on a WebSocket.
func (s *Session) read(ws *websocket.Conn) {
	defer s.handler.running.Done()
	defer fault.Contain(s.handler.options.Logger, "reading a session", s.faulted(ws))
	s.readAll(ws)
}

var errTooLarge = errors.New("frame too large")

// faulted ends a session after a fault. A lock may be held.
func (s *Session) faulted(ws *websocket.Conn) func() {
	return func() {
		_ = ws.Close()
		go s.end(false)
	}
}

// due has a WebSocket read until then; the heartbeat ends it else. A zero time
// lifts that.
func (s *Session) due(ws *websocket.Conn, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		_ = ws.SetReadDeadline(at)
	}
}

// countBeats limits the pings and pongs of WebSocket itself, which no client of
// this protocol needs.
func (s *Session) countBeats(ws *websocket.Conn) {
	pong := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		if !s.Beat() {
			return nil
		}
		return pong(data)
	})
	ws.SetPongHandler(func(string) error {
		s.Beat()
		return nil
	})
}

// readAll reads until the connection ends, which it then says.
func (s *Session) readAll(ws *websocket.Conn) {
	s.countBeats(ws)
	for {
		kind, frame, err := ws.NextReader()
		if err != nil {
			s.end(s.orderly(err))
			return
		}
		if s.isClosing() { // the client has not read so far
			drain(ws)
			s.end(true)
			return
		}
		if kind != websocket.TextMessage {
			s.violate("invalid", errBinary.Error())
			s.closeWith(ws, websocket.CloseUnsupportedData, errBinary.Error())
			return
		}
		s.due(ws, time.Now().Add(frameTime))
		goesOn, err := s.takeFrame(ws, frame)
		switch {
		case err == nil && goesOn:
		case errors.Is(err, errTooLarge):
			s.closeWith(ws, websocket.CloseMessageTooBig, err.Error())
			return
		case errors.Is(err, errUTF8):
			s.closeWith(ws, websocket.CloseInvalidFramePayloadData, err.Error())
			return
		case err != nil:
			s.closeWith(ws, websocket.CloseProtocolError, err.Error())
			return
		default:
			s.end(true)
			return
		}
	}
}

// takeFrame reads one frame and deals with it.
func (s *Session) takeFrame(ws *websocket.Conn, frame io.Reader) (goesOn bool, err error) {
	m, err := s.account.Read(frame, s.handler.options.MaxPayload)
	s.due(ws, time.Time{})
	switch {
	case errors.Is(err, budget.ErrTooLarge):
		s.tooLarge()
		return false, errTooLarge
	case err != nil:
		return false, err
	}
	defer m.Release()
	return s.take(m.Data)
}

func (s *Session) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// orderly reports whether a connection that cannot be read any more ended in
// an orderly way.
func (s *Session) orderly(err error) bool {
	return s.isClosing() || websocket.IsCloseError(err, websocket.CloseNormalClosure,
		websocket.CloseGoingAway, websocket.CloseNoStatusReceived)
}

// closeWith ends the session with a reason, after what is queued.
func (s *Session) closeWith(ws *websocket.Conn, code int, reason string) {
	s.mu.Lock()
	if !s.closing && !s.ended {
		s.closing = true
		s.goodbyeWith = closeFrame(code, reason)
		s.startFlush()
	}
	s.mu.Unlock()
	drain(ws)
	s.end(false)
}

// drain reads what is still under way until the client has answered the close
// frame, for a moment: closing with bytes unread would reset the connection
// before the client has read the frame.
func drain(ws *websocket.Conn) {
	const most = 4 << 20
	_ = ws.SetReadDeadline(time.Now().Add(closeTime))
	for left := int64(most); left > 0; {
		_, frame, err := ws.NextReader()
		if err != nil {
			return
		}
		n, _ := io.CopyN(io.Discard, frame, left)
		left -= n + 1
	}
}

// startFlush starts the writer unless it runs; s.mu is held.
func (s *Session) startFlush() {
	if !s.writing {
		s.writing = true
		go s.flush(s.ws)
	}
}

// flush writes what is queued, then says goodbye if the session closes. It
// ends when there is nothing left to write or the connection fails.
func (s *Session) flush(ws *websocket.Conn) {
	defer fault.Contain(s.handler.options.Logger, "writing to a session", s.faulted(ws))
	for {
		s.mu.Lock()
		queue := s.queue
		s.queue = nil
		if len(queue) == 0 || s.ended {
			for _, left := range queue {
				s.account.Unqueue(left)
			}
			closing := s.closing && !s.ended
			s.writing = false
			s.mu.Unlock()
			if closing {
				s.goodbye(ws)
			}
			return
		}
		s.mu.Unlock()
		for i, packet := range queue {
			_ = ws.SetWriteDeadline(time.Now().Add(writeTime))
			if packet.SendOn(ws) != nil {
				for _, left := range queue[i:] {
					s.account.Unqueue(left)
				}
				s.end(false)
				return
			}
			s.account.Unqueue(packet)
			queue[i] = budget.Frame{} // it is not kept until the last one is written
		}
	}
}

// goodbye sends the close frame and gives the client a moment to answer it;
// then the reader ends.
func (s *Session) goodbye(ws *websocket.Conn) {
	s.mu.Lock()
	frame := s.goodbyeWith
	s.mu.Unlock()
	deadline := time.Now().Add(closeTime)
	if ws.WriteControl(websocket.CloseMessage, frame, deadline) != nil {
		s.end(true)
		return
	}
	_ = ws.SetReadDeadline(deadline)
}
