package wsjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/budget"
	"lectern/signaling/fault"
	"lectern/signaling/protocol"
)

// drainBytes is what is still read of a client whose connection the server has
// ended. Bytes that nobody reads make the kernel answer with a reset, which may
// overtake the close frame and its reason.
const drainBytes = 16 << 20

// read is the socket's goroutine; it ends when the connection does.
func (s *socket) read() {
	defer s.handler.readers.Done()
	defer s.handler.remove(s)
	s.converse()
	defer fault.Contain(s.handler.options.Logger, "ending a socket", s.abort)
	defer s.conn.Closed()
	s.end()
}

// converse takes what the client sends until the connection is over.
func (s *socket) converse() {
	defer fault.Contain(s.handler.options.Logger, "reading a socket", s.abort)
	limit := s.handler.options.MaxPayload
	for {
		kind, r, err := s.ws.NextReader()
		if err != nil {
			s.failed(err)
			return
		}
		if s.isClosing() {
			s.drain(r)
			return
		}
		s.frameEnds = time.Now().Add(frameTime)
		s.alive()
		// SetReadLimit would end the connection by itself, without a reason.
		frame, err := s.account.Read(r, limit)
		s.frameEnds = time.Time{}
		if err != nil && !errors.Is(err, budget.ErrTooLarge) {
			s.failed(err)
			return
		}
		s.alive()
		if err != nil {
			s.tooLarge()
			s.drain(r)
			return
		}
		goesOn := s.accept(kind, frame.Data)
		frame.Release()
		if !goesOn {
			s.drain(r)
			return
		}
	}
}

// drain reads on, and throws away, until the client has answered the close
// frame or its time is up.
func (s *socket) drain(r io.Reader) {
	for left := int64(drainBytes); left > 0; left-- { // an empty frame counts too
		n, err := io.CopyN(io.Discard, r, left)
		if left -= n; err == nil {
			break
		}
		if _, r, err = s.ws.NextReader(); err != nil {
			return
		}
	}
	<-time.After(closeTime) // the client sends faster than it reads
}

func (s *socket) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing != nil
}

func (s *socket) tooLarge() {
	s.conn.Violation("too-large", fmt.Sprintf("the limit is %d bytes", s.handler.options.MaxPayload))
	s.closeWith(websocket.CloseMessageTooBig, "frame too large")
}

// failed says why a connection cannot be read any more, if that is the client's
// fault.
func (s *socket) failed(err error) {
	if errors.Is(err, websocket.ErrReadLimit) { // a length that is no number
		s.tooLarge()
	}
}

// accept takes one frame. It reports false if the connection is over.
func (s *socket) accept(kind int, frame []byte) bool {
	if kind != websocket.TextMessage {
		s.conn.Violation("invalid", "frames must be text")
		s.closeWith(websocket.CloseUnsupportedData, "frames must be text")
		return false
	}
	var m struct{ event, data, id, seq protocol.Value }
	whole, _ := protocol.Check(frame)
	isObject := whole.Object(func(name string, value protocol.Value) {
		switch name {
		case "event":
			m.event = value
		case "data":
			m.data = value
		case "id":
			m.id = value
		case "seq":
			m.seq = value
		}
	})
	if !isObject {
		s.conn.Violation("invalid", "the frame is not a JSON object in UTF-8")
		s.closeWith(websocket.CloseInvalidFramePayloadData, "not a JSON object in UTF-8")
		return false
	}
	event, _ := m.event.Text() // the decoder calls an empty one unknown
	s.conn.Event(event, m.data, protocol.Seq(m.seq), s.acker(m.id.Bytes()))
	return true
}

// acker answers a message with an id, which is a number or a short string.
func (s *socket) acker(id []byte) func([]byte) {
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
		if !s.enqueue(budget.Frame{Head: frame}) {
			s.Close("too slow")
		}
	}
}
