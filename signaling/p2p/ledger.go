package p2p

import (
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// What the ledger tells whoever decides about the mode of a room
// (signaling/auto). Alone, the plane needs none of it.

// Knows reports whether a signal is about a connector of the ledger, or is the
// offer that a getOffer of this plane asked for. An offer that would only be
// surplus is not known.
func (p *Plane) Knows(from protocol.MemberID, s protocol.Signal) bool {
	switch m := s.(type) {
	case *protocol.Offer:
		asked := p.asks.open(from, m.Member) && p.userPair(from, m.Member) == nil
		return asked || p.find(from, m.Connector) != nil
	case *protocol.Answer:
		n := p.find(m.Member, m.Remote)
		return n != nil && n.offerer == m.Member && n.answerer == from
	case *protocol.ICECandidate:
		n := p.find(m.Member, m.Remote)
		if n == nil {
			return p.hasEnded(m.Member, m.Remote)
		}
		_, _, who := n.side(m.Member)
		return who == from
	case *protocol.ReconnectWork:
		return p.find(from, m.Connector) != nil
	}
	return false
}

// Shares reports whether a member offers its screen to somebody, or was said
// to when it was attached. It may be out of date: the end of a screen is said
// over data channels.
func (p *Plane) Shares(id protocol.MemberID) bool {
	if p.sharers[id] {
		return true
	}
	for _, n := range p.pairs[id] {
		if n.offerer == id && n.streamType == protocol.StreamDisplay {
			return true
		}
	}
	return false
}

// Answered reports whether there is a user connector between two members that
// both sides know.
func (p *Plane) Answered(a, b protocol.MemberID) bool {
	n := p.userPair(a, b)
	return n != nil && n.answered != ""
}

// Connected reports whether a member's client said that its user connector to
// another member is connected.
func (p *Plane) Connected(id, to protocol.MemberID) bool {
	n := p.userPair(id, to)
	return n != nil && n.state(id) == protocol.ReportConnected
}

// Failed gives two members between whom a connector failed for good, as one of
// them said and has not taken back. ok is false if there are none.
func (p *Plane) Failed() (a, b protocol.MemberID, ok bool) {
	for _, id := range p.order {
		for _, n := range p.pairs[id] {
			if n.offererSays == protocol.ReportFailed || n.answererSays == protocol.ReportFailed {
				return n.offerer, n.answerer, true
			}
		}
	}
	return "", "", false
}

// AskAgain asks a member for an offer to everybody. From one who shares its
// screen comes the screen, too; its user connectors are surplus, and ended,
// where there are some already.
func (p *Plane) AskAgain(id protocol.MemberID) {
	for _, other := range p.order {
		if other != id {
			p.askFor(id, &protocol.GetOffer{Member: other})
		}
	}
}

// Report takes in what a member's client says of one of its connectors.
func (p *Plane) Report(id protocol.MemberID, r *protocol.Report) {
	n := p.find(id, r.Connector)
	switch {
	case n == nil || r.State == "":
	case n.offerer == id:
		n.offererSays = r.State
	default:
		n.answererSays = r.State
	}
}

// meet asks for the offers between a member and a newcomer, whom to names. The
// member offers, but a client that shares its screen offers that only when it is
// asked.
func (p *Plane) meet(present protocol.MemberID, to *protocol.GetOffer, profile media.Profile) {
	if !profile.Shares || p.Shares(present) {
		p.askFor(present, to)
	}
	if profile.Shares {
		p.askFor(to.Member, &protocol.GetOffer{Member: present})
	}
}
