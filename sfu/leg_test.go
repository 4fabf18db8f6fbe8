package sfu

import (
	"encoding/json"

	"lectern/signaling/protocol"
)

// hear takes a message of the data channel.
func (l *leg) hear(text []byte) {
	c := l.client
	var m message
	if !c.must(json.Unmarshal(text, &m)) {
		return
	}
	switch m.Type {
	case typeChat, typeFile:
		c.mu.Lock()
		if m.Type == typeChat && !isFile(m.Data) {
			var line chatData
			c.must(json.Unmarshal(m.Data, &line))
			c.lines = append(c.lines, line)
			c.mu.Unlock()
			return
		}
		c.talk[l.member] = append(c.talk[l.member], string(text))
		c.mu.Unlock()
	default:
		c.loop.put(func() { l.control(m) })
	}
}

func (l *leg) control(m message) {
	c := l.client
	switch m.Type {
	case protocol.EventOffer:
		d, err := offerIn(m.Data)
		if !c.must(err) {
			return
		}
		if answer, ok := c.answer(l, d); ok {
			l.say(protocol.EventAnswer, map[string]any{"answer": answer})
		}
	case protocol.EventGetOffer:
		if offer, ok := c.offer(l); ok {
			l.say(protocol.EventOffer, map[string]any{"offer": offer})
		}
	case protocol.EventAnswer:
		d, err := answerIn(m.Data)
		if c.must(err) {
			l.answered(d)
		}
	}
}

// say sends a message on the data channel.
func (l *leg) say(kind string, data any) {
	text, err := protocol.Encode(map[string]any{"type": kind, "data": data})
	if l.client.must(err) {
		l.client.must(l.channel.SendText(string(text)))
	}
}
