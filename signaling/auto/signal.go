package auto

import (
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

// Signal hands a message to the plane it is about.
func (p *Plane) Signal(from protocol.MemberID, s protocol.Signal) error {
	m := p.members[from]
	if m == nil {
		return protocol.NewError(protocol.ErrNotInRoom)
	}
	p.absorb()
	p.recognize(m, s)
	plane, known := p.planeOf(m, s)
	if !known && p.isLate(m, s) {
		return nil
	}
	if err := plane.Signal(from, s); err != nil {
		return err
	}
	byServer := plane == media.Plane(p.server)
	m.spoke = m.spoke || byServer
	if o, ok := s.(*protocol.Offer); ok {
		p.offered(m, o, byServer)
	}
	return nil
}

// recognize tells existing clients on Firefox by what they describe.
func (p *Plane) recognize(m *member, s protocol.Signal) {
	if m.firefox || m.profile.Events {
		return
	}
	switch s := s.(type) {
	case *protocol.Offer:
		m.firefox = p2p.Firefox(s.Offer)
	case *protocol.Answer:
		m.firefox = p2p.Firefox(s.Answer)
	}
}

// planeOf gives the plane that a signal is about, and whether that one knows
// it. During a change the newer plane goes first: if both asked for the same
// offer, one may be all that comes, because a getOffer was lost while a socket
// was gone. What neither knows is the server's: a screen that somebody begins
// to share, which the server has to have, and what came too late. But an offer
// that is surplus is for the one that asked for it.
func (p *Plane) planeOf(m *member, s protocol.Signal) (media.Plane, bool) {
	byServer := m.inServer && p.server.Knows(m.id, s)
	byRelay := m.inRelay && p.relay.Knows(m.id, s)
	changes := m.inRelay && m.inServer
	rises := changes && p.change.to == protocol.ModeSFU
	switch {
	case !m.inServer:
		return p.relay, byRelay
	case !changes:
		return p.server, byServer
	case rises && isScreen(s):
		if m.profile.Downlink && s.To() != protocol.ServerMember {
			// Such a client offers the server its screen by itself.
			p.change.screens[m.id] = true
			return p.relay, true
		}
	case byRelay && (!byServer || !rises):
		return p.relay, true
	case !byServer && isOffer(s) && p.relayAsks.open(m.id, s.To()):
		return p.relay, true
	}
	return p.server, byServer
}

func isOffer(s protocol.Signal) bool {
	_, ok := s.(*protocol.Offer)
	return ok
}

func isScreen(s protocol.Signal) bool {
	o, ok := s.(*protocol.Offer)
	return ok && o.StreamType == protocol.StreamDisplay
}

// offered notes an offer that a plane took.
func (p *Plane) offered(m *member, o *protocol.Offer, byServer bool) {
	switch {
	case o.StreamType == protocol.StreamUser && byServer:
		p.serverAsks.answer(m.id, o.Member)
	case o.StreamType == protocol.StreamUser:
		p.relayAsks.answer(m.id, o.Member)
	case byServer:
		m.shares = true
		if p.change != nil {
			delete(p.change.screens, m.id)
		}
	}
}

// isLate deals with what was said to a plane that has ended, while the news of
// that travelled. It is no mistake of the sender's.
func (p *Plane) isLate(m *member, s protocol.Signal) bool {
	switch s := s.(type) {
	case *protocol.ICECandidate:
		return p.past.has(s.Member, s.Remote)
	case *protocol.Offer:
		switch asked := p.lateAsks.open(m.id, s.Member); {
		case s.Member == protocol.ServerMember && !m.inServer:
		case !asked:
			return false
		case s.StreamType == protocol.StreamUser:
			p.lateAsks.answer(m.id, s.Member)
		case !m.inRelay || !p.relay.Shares(m.id):
			return false // its screen is welcome
		}
		p.emit(media.Event{To: m.id, Msg: &protocol.ConnectorGone{Connector: s.Connector, Member: s.Member}})
		return true
	}
	return false
}

// absorb takes in what the planes have to say.
func (p *Plane) absorb() {
	if p.relay != nil {
		for _, e := range p.relay.Drain() {
			switch msg := e.Msg.(type) {
			case *protocol.GetOffer:
				p.relayAsks.ask(e.To, msg.Member)
			case *protocol.ConnectorGone:
				p.past.add(e.To, msg.Connector)
			}
			p.emit(e)
		}
	}
	if p.server != nil {
		for _, e := range p.server.Drain() {
			p.fromServer(e)
		}
	}
}

// fromServer passes an event on. While the room tries to change, what the
// server cannot carry is a reason to stay, and not the member's concern.
func (p *Plane) fromServer(e media.Event) {
	trying := p.change != nil && p.change.to == protocol.ModeSFU && p.concerns(e)
	switch msg := e.Msg.(type) {
	case *protocol.GetOffer:
		p.serverAsks.ask(e.To, msg.Member)
	case *protocol.RelayedOffer:
		p.past.add(msg.Member, msg.Remote)
	case *protocol.RelayedAnswer:
		p.past.add(msg.Member, msg.Remote)
	case *protocol.ErrorMessage:
		if trying && msg.Type == protocol.ErrMedia {
			return
		}
	}
	switch {
	case e.Err != nil && e.Err.Type == protocol.ErrMedia && trying:
		return
	case e.Lost != nil && trying:
		if e.Lost.Silent {
			p.change.lost = string(e.Lost.Member) + ": " + e.Lost.Why
		} else {
			p.takeBack(e.Lost.Member)
		}
	case e.Sends != nil:
		if m := p.members[e.Sends.Member]; m != nil {
			m.sends = e.Sends.Sends
		}
	case e.Said != nil:
		if m := p.members[e.Said.From]; m != nil {
			m.talk.heard(e.Said.ID, p.now)
		}
	}
	p.emit(e)
}

// concerns reports whether an event is about one whom the change waits for.
func (p *Plane) concerns(e media.Event) bool {
	id := e.To
	if e.Lost != nil {
		id = e.Lost.Member
	}
	m := p.members[id]
	return m != nil && (m.inRelay || m.profile.Stage)
}
