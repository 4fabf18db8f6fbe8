package sfu

import (
	"encoding/json"
	"errors"
	"slices"

	"lectern/sfu/transport"
)

// Open says that the data channel is open.
func (s *session) Open(c *transport.Channel) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.channel = c
	s.mu.Unlock()
	for _, b := range s.out {
		b.take(s, s.kick, c.Unsent)
	}
	s.events.channelOpened()
	s.kick()
}

// Shut says that the data channel is no more.
func (s *session) Shut() {
	s.untake()
	s.mu.Lock()
	ours := s.channel == nil // closed by us, or reported already
	s.channel = nil
	s.mu.Unlock()
	if !ours {
		s.events.channelClosed()
	}
}

// untake leaves what waits to other connectors with the client.
func (s *session) untake() {
	for _, b := range s.out {
		b.untake(s)
	}
}

// Message takes one message of the data channel. Binary ones and what is no
// JSON object mean nothing to any client.
func (s *session) Message(data []byte, isText bool) {
	var m message
	if !isText || json.Unmarshal(data, &m) != nil {
		s.server.counters.badMessages.Add(1)
		return
	}
	switch m.Type {
	case typeFile, typeFileCancel:
		s.file(m, data)
	case typeChat:
		if isFile(m.Data) {
			s.file(m, data)
			return
		}
		fallthrough
	default:
		m.Data = append(json.RawMessage(nil), m.Data...)
		s.events.control(m)
	}
}

// maxTalk is how many messages of negotiation wait for a client. One that
// offers without end and reads no answer loses its connection.
const maxTalk = 64

// Send queues a message of negotiation.
func (s *session) Send(text []byte) {
	s.mu.Lock()
	full := len(s.talk) >= maxTalk
	if !s.closed && !full {
		s.talk = append(s.talk, text)
	}
	s.mu.Unlock()
	if full {
		s.events.stateChanged(transport.Failed)
		return
	}
	s.kick()
}

// kick has what waits written, if it can be.
func (s *session) kick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channel == nil || s.writing || s.closed || len(s.talk) == 0 && !s.waits() {
		return
	}
	s.writing = true
	s.begin("writing to a client's data channel", s.write)
}

// waits reports whether something was said to the client.
func (s *session) waits() bool {
	return slices.ContainsFunc(s.out, func(b *box) bool { return b.waits(s) })
}

func (s *session) write() {
	for {
		c, text := s.next()
		if c == nil {
			return
		}
		err := c.Send(text)
		if err == nil || errors.Is(err, transport.ErrTooLarge) {
			continue
		}
		s.mu.Lock()
		reported := s.channel == nil
		s.channel, s.writing = nil, false
		s.mu.Unlock()
		if !reported {
			s.events.channelClosed()
		}
		return
	}
}

// next is what is written next; negotiation goes before what members say, which
// may be a long file. Without a channel writing ends.
func (s *session) next() (*transport.Channel, []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channel != nil {
		if len(s.talk) > 0 {
			text := s.talk[0]
			s.talk = s.talk[1:]
			return s.channel, text
		}
		for _, b := range s.out {
			if text := b.pop(s); text != nil {
				return s.channel, text
			}
		}
	}
	s.writing = false
	return nil, nil
}
