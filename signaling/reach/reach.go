// Package reach says how far an IP address reaches: the one rule by which Lectern
// tells addresses that mean a host to everybody from those that mean another one in
// each network. It knows nothing else of Lectern, so that all may use it.
package reach

import (
	"net/netip"
	"slices"
)

// Scope is how far an address reaches.
type Scope uint8

// The scopes, from nowhere to everywhere.
const (
	None Scope = iota // no host has it: multicast, broadcast, unspecified
	Host              // loopback
	Link              // link-local
	Site              // private networks (RFC 1918, RFC 4193, RFC 6598)
	World
)

var (
	broadcast = netip.MustParseAddr("255.255.255.255")
	thisNet   = netip.MustParsePrefix("0.0.0.0/8")     // RFC 791 section 3.2
	reserved  = netip.MustParsePrefix("240.0.0.0/4")   // RFC 1112 section 4
	shared    = netip.MustParsePrefix("100.64.0.0/10") // of providers' NATs (RFC 6598)
	// metadata is where clouds serve the secrets of a machine, to that machine. It
	// is no client's.
	metadata = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}
)

// Of is the scope of an address, which may be an IPv4 one in IPv6 form.
func Of(a netip.Addr) Scope {
	a = a.WithZone("").Unmap()
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a == broadcast,
		thisNet.Contains(a), reserved.Contains(a), slices.Contains(metadata, a):
		return None
	case a.IsLoopback():
		return Host
	case a.IsLinkLocalUnicast():
		return Link
	case a.IsPrivate(), shared.Contains(a):
		return Site
	}
	return World
}

// Owner is what one owner has of addresses: an IPv4 address, or an IPv6 network of
// 64 bits. It is not valid for an address that is not.
func Owner(a netip.Addr) netip.Prefix {
	a = a.WithZone("").Unmap()
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
