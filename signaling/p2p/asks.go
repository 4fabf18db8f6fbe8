package p2p

import (
	"slices"

	"lectern/signaling/protocol"
)

// Bounds of the getOffers that are remembered. A mesh in which a client has
// more than maxAsks offers to build at once is beyond use; what is forgotten
// costs a surplus connector at a member that leaves and comes back just then.
const (
	maxAsks     = 128 // of one member
	maxDeparted = 64  // members who left with offers still to come
)

// asks are the getOffers that no offer has followed yet, by the member that was
// asked. They outlive a membership: a client that leaves and comes back on the
// same socket still sends the offers it was building.
type asks struct {
	of       map[protocol.MemberID][]ask // oldest first
	departed []protocol.MemberID         // members who left and are in of, oldest first
}

// ask counts the getOffers to one member.
type ask struct {
	to protocol.MemberID
	n  int
}

func newAsks() asks { return asks{of: map[protocol.MemberID][]ask{}} }

// add remembers that a member was asked for an offer. It takes time in the
// order of maxAsks, however many members there are.
func (a *asks) add(who, to protocol.MemberID) {
	list := a.of[who]
	if i := find(list, to); i >= 0 {
		list[i].n++
		return
	}
	if len(list) == maxAsks {
		list = slices.Delete(list, 0, maxAsks/2)
	}
	a.of[who] = append(list, ask{to, 1})
}

func find(list []ask, to protocol.MemberID) int {
	return slices.IndexFunc(list, func(x ask) bool { return x.to == to })
}

// open reports whether a getOffer waits for its offer.
func (a *asks) open(who, to protocol.MemberID) bool { return find(a.of[who], to) >= 0 }

// take gives one getOffer back to the offer that followed it, if there is one.
func (a *asks) take(who, to protocol.MemberID) bool {
	list := a.of[who]
	i := find(list, to)
	if i < 0 {
		return false
	}
	if list[i].n--; list[i].n > 0 {
		return true
	}
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(a.of, who)
	} else {
		a.of[who] = list
	}
	return true
}

// depart says that a member left. What it was asked for is kept for a while.
func (a *asks) depart(who protocol.MemberID) {
	if len(a.of[who]) == 0 {
		return
	}
	if len(a.departed) == maxDeparted {
		delete(a.of, a.departed[0])
		a.departed = slices.Delete(a.departed, 0, 1)
	}
	a.departed = append(a.departed, who)
}

// attend says that a member came, or came back.
func (a *asks) attend(who protocol.MemberID) {
	if i := slices.Index(a.departed, who); i >= 0 {
		a.departed = slices.Delete(a.departed, i, i+1)
	}
}
