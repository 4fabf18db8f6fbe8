package auto

import (
	"slices"
	"time"

	"lectern/signaling/protocol"
)

// asks counts the getOffers of a plane that no offer has followed yet, by who
// was asked for an offer to whom.
type asks map[[2]protocol.MemberID]int

// maxAsks bounds one. What is forgotten costs a surplus connector, in a room
// that changes its mode at that very moment.
const maxAsks = 8192

// lateTime is how long after a plane has ended the offers it asked for still
// come. Others may never come, and must not be taken for it for ever.
const lateTime = 30 * time.Second

func (a asks) ask(who, to protocol.MemberID) {
	if len(a) >= maxAsks {
		clear(a)
	}
	a[[2]protocol.MemberID{who, to}]++
}

// take moves the asks of another one here.
func (a asks) take(b asks) {
	for key, n := range b {
		if len(a) >= maxAsks {
			clear(a)
		}
		a[key] += n
	}
	clear(b)
}

func (a asks) open(who, to protocol.MemberID) bool { return a[[2]protocol.MemberID{who, to}] > 0 }

// answer takes one back, if there is one.
func (a asks) answer(who, to protocol.MemberID) {
	key := [2]protocol.MemberID{who, to}
	if a[key]--; a[key] <= 0 {
		delete(a, key)
	}
}

// forget drops what a member was asked for. What others were asked for to it
// stays: they may be building an offer.
func (a asks) forget(id protocol.MemberID) {
	for key := range a {
		if key[0] == id {
			delete(a, key)
		}
	}
}

// refs remembers connectors, by the member that another one thinks is at it,
// newest last.
type refs struct{ list []protocol.ConnectorRef }

// maxPast is some rooms' full of connectors: more than can be under way.
const maxPast = 1024

func (r *refs) add(m protocol.MemberID, c protocol.ConnectorID) {
	if len(r.list) >= maxPast {
		r.list = slices.Delete(r.list, 0, maxPast/2)
	}
	r.list = append(r.list, protocol.ConnectorRef{Connector: c, Member: m})
}

func (r *refs) has(m protocol.MemberID, c protocol.ConnectorID) bool {
	return slices.Contains(r.list, protocol.ConnectorRef{Connector: c, Member: m})
}
