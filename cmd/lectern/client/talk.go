package client

import (
	"context"
	"encoding/json"
	"time"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// Publish says what the client sends of itself from now on; it may be called
// before Join. In the audience it is kept for the stage.
func (c *Client) Publish(m Media) error {
	c.publisher.set(func(media *Media, _ *Video) { *media = m })
	if !c.State().In {
		return nil
	}
	c.do(func() {
		for _, x := range c.order {
			c.try(x.refit())
		}
	})
	return c.sayState()
}

// Share shares a screen, or changes what it sends; Video{} ends it.
func (c *Client) Share(v Video) error {
	c.publisher.set(func(_ *Media, screen *Video) { *screen = v })
	if !c.State().In {
		return nil
	}
	c.do(func() { c.try(c.showScreen()) })
	return c.sayState()
}

// TakeSendGap is the longest time between two pictures of the camera that the
// client itself sent, since the last call: what of a receiver's gap is not the
// server's doing.
func (c *Client) TakeSendGap() time.Duration {
	return time.Duration(c.publisher.source(protocol.StreamUser, codec.Video).gap.Swap(0))
}

// muted turns off what a host asks to be turned off.
func (c *Client) muted(m *protocol.Muted) error {
	k, _ := codec.ParseKind(m.Kind)
	c.publisher.set(func(media *Media, _ *Video) {
		if k == codec.Audio {
			media.Audio = false
		} else {
			media.Video = Video{}
		}
	})
	for _, x := range c.order {
		c.try(x.refit())
	}
	return c.sayState()
}

// try keeps an error that nobody waits for.
func (c *Client) try(err error) {
	if err != nil {
		c.log.Warn("a connector failed", "error", err)
		c.fault(err)
	}
}

// SetRole gives a member a role; an empty member is the client itself.
func (c *Client) SetRole(ctx context.Context, member protocol.MemberID, r protocol.Role) error {
	_, err := c.Call(ctx, protocol.EventRole, roleWish{member, r})
	return err
}

// RaiseHand raises the client's hand, or takes it down.
func (c *Client) RaiseHand(ctx context.Context, up bool) error {
	_, err := c.Call(ctx, protocol.EventState, stateWord{Hand: &up})
	return err
}

// Say says a line of chat to everybody, the way the room's mode asks for, and
// gives the line's id. In P2P mode, and at an existing client, it reaches those
// whose data channels are there.
func (c *Client) Say(ctx context.Context, text string) (id string, err error) {
	id = randomID()
	clock := time.Now().Format(time.TimeOnly)
	if s := c.State(); !c.options.Old && s.Mode == protocol.ModeSFU {
		_, err = c.Call(ctx, protocol.EventChat, chatLine{ID: id, Text: text, Clock: clock})
		return id, err
	}
	data := chatData{ID: id, IsSelf: true, Name: c.options.Name, Clock: clock, Type: "text", Text: text}
	return id, c.onLoop(ctx, func() {
		for _, x := range c.order {
			if x.stream == protocol.StreamUser {
				c.try(x.say("chat", data))
			}
		}
	})
}

// hear takes a line somebody said, once.
func (c *Client) hear(l Line) {
	key := string(l.Member) + " " + l.ID
	if _, again := c.said[key]; again || l.Member == c.State().Member && l.Member != "" {
		return
	}
	if len(c.heard) == maxLines {
		delete(c.said, c.heard[0])
		c.heard = c.heard[1:]
	}
	c.heard = append(c.heard, key)
	c.said[key] = struct{}{}
	if c.options.OnChat != nil {
		c.options.OnChat(l)
	}
}

// hearText takes a message of a data channel.
func (x *connector) hearText(text []byte) error {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	switch m.Type {
	case protocol.EventOffer, protocol.EventAnswer, protocol.EventGetOffer:
		return with(orEmpty(m.Data), func(r *renegotiation) error { return x.renegotiate(m.Type, r, byChannel) })
	case "chat":
		return with(m.Data, func(d *chatData) error {
			member := x.member
			if d.Member != "" {
				member = d.Member
			}
			if d.Type == "text" {
				x.client.hear(Line{member, d.ID, d.Name, d.Text})
			}
			return nil
		})
	case "close":
		return with(m.Data, func(d *closeData) error {
			if y := x.client.connectors[d.Connector]; y != nil {
				y.close()
			}
			return nil
		})
	}
	return nil // files, and what is not known
}

func orEmpty(data json.RawMessage) []byte {
	if len(data) == 0 {
		return []byte("{}")
	}
	return data
}
