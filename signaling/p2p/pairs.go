package p2p

import (
	"slices"

	"lectern/signaling/protocol"
)

// A room that changes its mode takes its members to the server and back two by
// two (signaling/auto). Alone, the plane parts no members.

// twosome is two members, whichever is named first.
type twosome [2]protocol.MemberID

func between(a, b protocol.MemberID) twosome { return twosome{min(a, b), max(a, b)} }

// Part ends every connector that two members have with each other, and tells
// both. Until Meet, the relay connects them no more: an offer that was asked for
// and comes later is told that its connector is gone.
func (p *Plane) Part(a, b protocol.MemberID) {
	p.parted[between(a, b)] = true
	for _, n := range slices.Clone(p.pairs[a]) {
		if _, _, other := n.side(a); other != b {
			continue
		}
		p.remove(n)
		for _, id := range []protocol.MemberID{a, b} {
			if own, _, other := n.side(id); own != "" {
				p.send(id, &protocol.ConnectorGone{Connector: own, Member: other})
				p.remember(protocol.ConnectorRef{Connector: own, Member: id})
			}
		}
	}
}

// Meet has a member asked for an offer to another one from whom it was parted,
// unless one of the two was asked before.
func (p *Plane) Meet(who, to protocol.MemberID) {
	delete(p.parted, between(who, to))
	if p.userPair(who, to) == nil && !p.asks.open(who, to) && !p.asks.open(to, who) {
		p.askFor(who, &protocol.GetOffer{Member: to})
	}
}

// Connector is a member's own user connector to another one; empty: it has
// none that is known.
func (p *Plane) Connector(id, to protocol.MemberID) protocol.ConnectorID {
	n := p.userPair(id, to)
	if n == nil {
		return ""
	}
	own, _, _ := n.side(id)
	return own
}

func (p *Plane) areParted(a, b protocol.MemberID) bool {
	return len(p.parted) > 0 && p.parted[between(a, b)]
}

// forgetParted drops what is known of a member that is gone.
func (p *Plane) forgetParted(id protocol.MemberID) {
	for key := range p.parted {
		if key[0] == id || key[1] == id {
			delete(p.parted, key)
		}
	}
}
