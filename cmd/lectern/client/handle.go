package client

import (
	"encoding/json"
	"fmt"
	"slices"

	"lectern/signaling/protocol"
)

// handle follows an event.
func (c *Client) handle(event string, data []byte) error {
	switch event {
	case protocol.EventGetOffer:
		return with(data, func(m *protocol.GetOffer) error { return c.getOffer(m.Member) })
	case protocol.EventOffer:
		return with(data, c.takeOffer)
	case protocol.EventAnswer:
		return with(data, c.takeAnswer)
	case protocol.EventICECandidate:
		return with(data, c.takeCandidate)
	case protocol.EventLeave:
		return with(data, func(m *protocol.ConnectorGone) error {
			if x := c.connectors[m.Connector]; x != nil {
				x.close()
			}
			return nil
		})
	case protocol.EventReconnect:
		return with(data, c.takeReconnect)
	case protocol.EventError:
		return with(data, func(m *protocol.ErrorMessage) error { return &Refused{*m} })
	}
	if c.options.Old {
		return fmt.Errorf("client: an existing client was sent %s", event)
	}
	return c.handleCapable(event, data)
}

// handleCapable follows the events of section 5. Those it does not know are
// only counted.
func (c *Client) handleCapable(event string, data []byte) error {
	switch event {
	case protocol.EventJoined:
		return with(data, c.takeJoined)
	case protocol.EventMember:
		return with(data, c.takeMember)
	case protocol.EventMemberGone:
		return with(data, func(m *protocol.MemberGone) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.members, m.ID)
			return nil
		})
	case protocol.EventMode:
		return with(data, func(m *protocol.ModeChanged) error {
			c.change(func(s *State) { s.Mode = m.Mode })
			return c.showScreen()
		})
	case protocol.EventRole:
		return with(data, func(m *protocol.RoleChanged) error {
			c.change(func(s *State) { s.Role = m.Role })
			return c.showScreen()
		})
	case protocol.EventHands:
		return with(data, func(m *protocol.Hands) error {
			c.change(func(s *State) { s.Hands = m.Hands })
			return nil
		})
	case protocol.EventAudience:
		return with(data, func(m *protocol.Audience) error {
			c.change(func(s *State) { s.Audience = m.Count })
			return nil
		})
	case protocol.EventLock:
		return with(data, func(m *protocol.Locked) error {
			c.change(func(s *State) { s.Locked = m.Locked })
			return nil
		})
	case protocol.EventMute:
		return with(data, c.muted)
	case protocol.EventChat:
		return with(data, func(m *protocol.ChatLine) error {
			c.hear(Line{m.Member, m.ID, m.Name, m.Text})
			return nil
		})
	case protocol.EventHistory:
		return with(data, func(m *protocol.History) error {
			for _, l := range m.Messages {
				c.hear(Line{l.Member, l.ID, l.Name, l.Text})
			}
			return nil
		})
	}
	return nil
}

// takeMember takes in a member that is new, or what is new of it.
func (c *Client) takeMember(m *protocol.Member) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.members) < maxMembers {
		c.members[m.ID] = *m
	}
	return nil
}

// with decodes the data of an event.
func with[M any](data []byte, f func(*M) error) error {
	var m M
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("client: decode: %w", err)
	}
	return f(&m)
}

func (c *Client) change(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state)
}

// takeJoined takes in where the client is. After an interruption it closes the
// connectors the server does not know; one that is not answered yet may be.
func (c *Client) takeJoined(j *protocol.Joined) error {
	c.mu.Lock()
	resumed := c.state.Resumed
	if j.Resumed {
		resumed++
	}
	hands := c.state.Hands
	if !j.Resumed {
		hands = nil
	}
	c.state = State{
		In: true, Member: j.ID, Room: j.Room, Mode: j.Mode, Role: j.Role, Resumed: resumed,
		Audience: j.Audience, Stage: j.Stage, Locked: j.Locked, Hands: hands,
	}
	c.resume = j.ResumeToken
	clear(c.members)
	for _, m := range j.Members {
		c.members[m.ID] = m
	}
	c.mu.Unlock()
	if j.Resumed {
		for _, x := range slices.Clone(c.order) {
			known := slices.ContainsFunc(j.Connectors, func(r protocol.ConnectorRef) bool { return r.Connector == x.id })
			if x.answered && !known {
				x.close()
			}
		}
	}
	return c.sayState()
}

// sayState says what the client sends. Of a listener only its hand would
// count.
func (c *Client) sayState() error {
	s := c.State()
	if c.options.Old || s.Member == "" || s.Role == protocol.RoleAudience {
		return nil
	}
	media, screen := c.publisher.settings()
	video, shares := media.Video.on(), screen.on()
	return c.Emit(protocol.EventState, stateWord{Audio: &media.Audio, Video: &video, Screen: &shares})
}

// takeReconnect renegotiates a connector over the socket.
func (c *Client) takeReconnect(m *protocol.Renegotiate) error {
	if m.Type == "leave" {
		c.forgotten(m.Member)
		return nil
	}
	x := c.connectors[m.Connector]
	if x == nil {
		return nil // it was closed meanwhile
	}
	var r renegotiation
	if len(m.Data) > 0 {
		if err := json.Unmarshal(m.Data, &r); err != nil {
			return fmt.Errorf("client: decode reconnect: %w", err)
		}
	}
	return x.renegotiate(m.Type, &r, bySocket)
}

// forgotten closes everything, or one connector with a member that is gone.
func (c *Client) forgotten(member protocol.MemberID) {
	if member == "" {
		c.closeAll()
		return
	}
	for _, x := range c.order {
		if x.member == member {
			x.close()
			return
		}
	}
}
