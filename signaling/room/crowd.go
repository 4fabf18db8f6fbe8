package room

import (
	"net/netip"
	"time"

	"lectern/signaling/reach"
)

// maxAddresses is how many addresses are watched at once. Over it those that
// have nothing to their account are dropped.
const maxAddresses = 4096

// owner is for whom an address counts: an IPv6 network is one customer's.
func owner(addr string) netip.Prefix {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Prefix{}
	}
	return reach.Owner(a)
}

// address is what a room knows of an address that its clients come from, or of an
// IPv6 network.
type address struct {
	joins  bucket
	absent int // members from there without a socket
}

// crowded takes down that a client joins from an address, and reports whether
// too many have: Settings.JoinsPerAddress at once, an eighth of it a second, or
// as many from there are members without a socket. A member that returns is
// not counted.
func (r *Room) crowded(now time.Time, addr string) bool {
	limit := r.settings.JoinsPerAddress
	if limit <= 0 || addr == "" {
		return false
	}
	if len(r.addresses) >= maxAddresses {
		r.forgetAddresses(now)
	}
	a := r.address(addr)
	return a.absent >= limit || !a.joins.take(now, float64(limit)/8, float64(limit))
}

// address finds the account of an address, or opens it.
func (r *Room) address(addr string) *address {
	at := owner(addr)
	a := r.addresses[at]
	if a == nil {
		a = &address{}
		r.addresses[at] = a
	}
	return a
}

func (r *Room) forgetAddresses(now time.Time) {
	for addr, a := range r.addresses {
		if a.absent == 0 && now.Sub(a.joins.at) >= 8*time.Second {
			delete(r.addresses, addr)
		}
	}
}

// countAbsent takes down that a member without a socket is one more or one
// less.
func (r *Room) countAbsent(m *member, by int) {
	if m.addr != "" {
		r.address(m.addr).absent += by
	}
}
