package sfu

import (
	"encoding/json"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// message is one message of a data channel (signaling/PROTOCOL.md section 7).
type message struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// The types that members say to each other. All others are negotiation.
const (
	typeChat       = "chat"
	typeFile       = "file"
	typeFileCancel = "fileCancel"
	typeFileMissed = "fileMissed" // by the server
	typeClose      = "close"
)

// inTurn has the plane do something that a message of the client calls for. The
// link's goroutine waits here while maxControl of them are not dealt with.
func (c *connector) inTurn(do func()) {
	select {
	case c.gate <- struct{}{}:
	case <-c.done:
		return
	}
	c.later(func() {
		<-c.gate
		do()
	})
}

// control takes a message of negotiation.
func (c *connector) control(m message) { c.inTurn(func() { c.take(m) }) }

// refused tells the client that its file is not taken. It waits its turn, so that
// a flood of files is no flood of answers.
func (c *connector) refused(t protocol.ErrorType) {
	c.inTurn(func() { c.plane.refuse(c.member.id, protocol.NewError(t)) })
}

// dropped tells the client that sends a file, and those that were dropped from
// it because they take nothing. Existing clients have no word for that and get
// an error.
func (c *connector) dropped(file string, receivers []hearer) {
	c.inTurn(func() {
		ids := []protocol.MemberID{}
		for _, h := range receivers {
			ids = append(ids, h.id)
			if h.from == "" {
				c.plane.refuse(h.id, protocol.NewError(protocol.ErrMissed))
				continue
			}
			if text, err := protocol.Encode(map[string]any{
				"type": typeFileCancel, "data": map[string]any{"id": file, "why": "slow"}, "memberId": h.from,
			}); err == nil {
				_, _ = h.box.put(text, 0) // if even that finds no room, the pieces that do not come tell it
			}
		}
		c.plane.log.Info("members were dropped from a file, as they take nothing", "member", c.member.id, "receivers", ids)
		if !c.member.downlink {
			c.plane.refuse(c.member.id, protocol.NewError(protocol.ErrMissed))
			return
		}
		c.sendChannel(typeFileMissed, map[string]any{"id": file, "memberIds": ids})
	})
}

// take handles a message of negotiation. What makes no sense is not worth more
// than a line in the log: the data channel has no way to say so.
func (c *connector) take(m message) {
	var err error
	switch m.Type {
	case protocol.EventOffer:
		err = c.channelOffer(m.Data)
	case protocol.EventAnswer:
		err = c.channelAnswer(m.Data)
	case protocol.EventGetOffer:
		c.wanted(m.Data)
	case typeClose:
		err = c.plane.closed(c, m.Data)
	case typeChat:
		c.plane.said(c.member, m.Data)
	default:
		return // a type that later clients may have
	}
	if err != nil {
		c.plane.log.Info("a message of the data channel cannot be used", "member", c.member.id, "type", m.Type, "err", err)
		c.fail("the client's description cannot be used")
	}
}

func (c *connector) channelOffer(data json.RawMessage) error {
	if c.offers {
		return nil // out of turn: the server offers here
	}
	offer, err := offerIn(data)
	if err != nil {
		return err
	}
	d, err := parse(offer, "offer")
	if err != nil {
		return err
	}
	c.takeOffer(d, overChannel)
	return nil
}

func (c *connector) channelAnswer(data json.RawMessage) error {
	if !c.offers || c.pending != overChannel {
		return nil // its offer is out of date
	}
	answer, err := answerIn(data)
	if err != nil {
		return err
	}
	d, err := parse(answer, "answer")
	if err != nil {
		return err
	}
	return c.takeAnswer(d)
}

func kindOf(s string) (codec.Kind, bool) { return codec.ParseKind(s) }
