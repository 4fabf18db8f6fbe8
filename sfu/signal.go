package sfu

import (
	"encoding/json"
	"slices"

	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// Signal takes a message from a member's socket.
func (p *Plane) Signal(from protocol.MemberID, s protocol.Signal) error {
	m := p.members[from]
	if m == nil {
		return protocol.NewError(protocol.ErrNotInRoom)
	}
	p.queue.run()
	switch msg := s.(type) {
	case *protocol.Offer:
		return p.offer(m, msg)
	case *protocol.Answer:
		return p.answer(m, msg)
	case *protocol.ICECandidate:
		return p.candidate(m, msg)
	case *protocol.ReconnectWork:
		return p.reconnectWork(m, msg)
	}
	return protocol.NewError(protocol.ErrInvalid)
}

// offer takes a connector that the client offers: the user connector it was
// asked for, or one of those for its screen.
func (p *Plane) offer(m *member, msg *protocol.Offer) error {
	if msg.Member == m.id {
		return protocol.Invalid("memberId", "must be another member", "须为其他成员")
	}
	asked := msg.StreamType == protocol.StreamUser && p.answerAsk(ask{m.id, msg.Member})
	gone := &protocol.ConnectorGone{Connector: msg.Connector, Member: msg.Member}
	other := p.members[msg.Member]
	ours := m.downlink && msg.Member == protocol.ServerMember || !m.downlink && msg.Member == standIn
	if other == nil && !ours {
		p.send(m.id, gone)
		if asked {
			return nil // that one left while the client was building its offer
		}
		return protocol.NewError(protocol.ErrNotInRoom)
	}
	d, err := parse(msg.Offer, "offer")
	if err != nil {
		return err
	}
	if len(m.connectors) >= maxConnectors {
		return protocol.NewError(protocol.ErrRate)
	}
	if m.own(msg.Connector) != nil {
		return protocol.Invalid("connectorId", "is in use", "已在使用")
	}
	switch {
	case m.downlink && (!ours || msg.StreamType == protocol.StreamUser):
		p.send(m.id, gone) // from before the room's media went another way
		return nil
	case m.downlink && !m.stage:
		return protocol.NewError(protocol.ErrForbidden)
	case msg.StreamType != protocol.StreamUser:
		p.takeDisplay(m, msg.Member, msg.Connector, d)
		return nil
	case m.userConnector(msg.Member) != nil || other != nil && p.isApart(m, other) || other != nil && !other.stage || other == nil && !asked:
		p.send(m.id, gone) // it has one with that member, or nobody asked
		return nil
	}
	p.acceptUser(m, other, msg, d)
	return nil
}

// acceptUser begins a user connector that the client offers.
func (p *Plane) acceptUser(m, other *member, msg *protocol.Offer, d *description.Description) {
	c := p.accept(m, msg.Member, protocol.StreamUser, msg.Connector, d)
	if other != nil {
		c.source = other.user
	}
	if m.uploads() && m.user.uplink == nil {
		m.user.uplink = c
	}
	c.link = p.openLink(c)
}

// accept begins a connector that the client offers. The answer is made when
// its link is open.
func (p *Plane) accept(m *member, plays protocol.MemberID, stream protocol.StreamType, theirs protocol.ConnectorID, d *description.Description) *connector {
	c := p.newConnector(m, plays, stream)
	c.offers, c.remoteID = false, theirs
	c.first = d
	return c
}

func (p *Plane) answer(m *member, msg *protocol.Answer) error {
	c := p.connectors[msg.Remote]
	if c == nil || c.member != m || !c.offers || c.remoteID != "" && c.remoteID != msg.Connector {
		p.send(m.id, &protocol.ConnectorGone{Connector: msg.Connector, Member: msg.Member})
		return nil
	}
	if c.answered || !c.offered {
		return nil // said twice
	}
	d, err := parse(msg.Answer, "answer")
	if err != nil {
		return err
	}
	before := c.remoteID
	c.remoteID = msg.Connector
	if err := c.takeAnswer(d); err != nil {
		c.remoteID = before
		return badSDP("answer", err)
	}
	return nil
}

// candidate takes an address of the client's, for which there is no use: the
// server sends nothing to an address that a client only names, and learns its
// address from its checks (package ice).
func (p *Plane) candidate(m *member, msg *protocol.ICECandidate) error {
	c := p.connectors[msg.Remote]
	if c == nil || c.member != m {
		if p.members[msg.Member] == nil && !slices.Contains(p.ended, msg.Remote) {
			return protocol.NewError(protocol.ErrNotInRoom)
		}
		return nil // for a connector that has just ended
	}
	var init struct {
		Candidate string `json:"candidate"`
	}
	if err := json.Unmarshal(msg.Candidate, &init); err != nil {
		return protocol.Invalid("candidate.candidate", "must be a string", "须为字符串")
	}
	return nil
}

// reconnectWork renegotiates over the socket. connectorId is the client's own.
func (p *Plane) reconnectWork(m *member, msg *protocol.ReconnectWork) error {
	c := m.own(msg.Connector)
	if c == nil {
		if msg.Member != "" && p.members[msg.Member] == nil {
			p.send(m.id, &protocol.ConnectorGone{Connector: msg.Connector, Member: msg.Member})
			return nil
		}
		return protocol.NewError(protocol.ErrGone)
	}
	switch {
	case msg.Offer != nil:
		d, err := parse(*msg.Offer, "data.offer")
		if err != nil {
			return err
		}
		if c.offers || !c.ready {
			return protocol.Invalid("type", "must not be offer: the other side offers on this connector", "不得为 offer：此连接由对方发起")
		}
		c.takeOffer(d, overSocket)
	case msg.Answer != nil:
		d, err := parse(*msg.Answer, "data.answer")
		if err != nil {
			return err
		}
		if c.pending != overSocket || !c.offers {
			return nil // its offer is out of date
		}
		if err := c.takeAnswer(d); err != nil {
			return badSDP("data.answer", err)
		}
	default:
		c.wanted(msg.Extra)
	}
	return nil
}

// wanted handles a client's wish to be offered something new. On a connector
// that is no uplink it means nothing: the client waits for nothing.
func (c *connector) wanted(extra json.RawMessage) {
	var wish struct {
		Kind string `json:"kind"`
		Type string `json:"type"`
	}
	_ = json.Unmarshal(extra, &wish) // a wish without words is one all the same
	if c.bySocket() && wish.Kind == "" {
		c.renew() // such a client says so when its connection is broken
		return
	}
	k, ok := kindOf(wish.Kind)
	if !c.offers || c.publishes() == nil {
		if ok {
			c.plane.wishes(c.member, k, wish.Type == "add")
		}
		return
	}
	if ok && wish.Type == "add" && c.adding[k] == noGrowth {
		c.adding[k] = retried
	}
	c.change()
}
