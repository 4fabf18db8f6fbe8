package ice

import (
	"net/netip"
	"slices"

	"lectern/signaling/reach"
)

// Addresses says which addresses can be a client's, by those that the server has.
type Addresses struct {
	own  []netip.Addr
	port uint16 // the server's
}

// NewAddresses takes all addresses of the server: of its interfaces, and those at
// which clients reach it.
func NewAddresses(own []netip.Addr, port uint16) Addresses { return Addresses{own, port} }

// MayBeClient reports whether a client can be at an address: one that reaches no
// further than a host, a link or a site only if the server has such an address of that
// family, and never the server's own port.
func (s Addresses) MayBeClient(at netip.AddrPort) bool {
	a := at.Addr().Unmap()
	if at.Port() == 0 || at.Port() == s.port && slices.Contains(s.own, a) {
		return false
	}
	switch scope := reach.Of(a); scope {
	case reach.None:
		return false
	case reach.World:
		return true
	default:
		return slices.ContainsFunc(s.own, func(own netip.Addr) bool {
			return reach.Of(own) == scope && own.Is4() == a.Is4()
		})
	}
}
