package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// candidates are the a=candidate values of addresses, in the order in which
// they are to be preferred (RFC 8445 section 5.1.2.1, RFC 8839 section 5.1).
func candidates(addresses []netip.Addr, port uint16, ufrag string) []string {
	const hostPreference, component = 126, 1
	list := make([]string, 0, len(addresses))
	for i, a := range addresses {
		priority := uint32(hostPreference)<<24 | uint32(max(65535-i, 0))<<8 | (256 - component)
		// Foundations differ, so that a client checks all of them at once.
		list = append(list, fmt.Sprintf("candidate:%d %d udp %d %s %d typ host ufrag %s",
			i+1, component, priority, a.WithZone(""), port, ufrag))
	}
	return list
}

// ownAddresses are all that lead to this machine, as far as it knows: those that
// clients are told, the one it listens at, and those of its interfaces.
func ownAddresses(advertised []netip.Addr, bound netip.Addr) []netip.Addr {
	own := append(slices.Clone(advertised), bound.Unmap())
	list, err := net.InterfaceAddrs()
	if err != nil {
		return own // a client at another address of this machine is not served
	}
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr().Unmap())
		}
	}
	return own
}

// virtual are the names of interfaces that lead to containers and virtual
// machines on this host, not to clients.
var virtual = []string{"docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "lxc", "podman", "vmnet", "vboxnet"}

// interfaceAddresses are the addresses at which clients may reach this machine.
func interfaceAddresses() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("transport: list the network interfaces: %w", err)
	}
	var outer, inner []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue // it went away
		}
		for _, a := range list {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			ip := prefix.Addr().Unmap()
			if slices.ContainsFunc(virtual, func(p string) bool { return strings.HasPrefix(i.Name, p) }) {
				inner = append(inner, ip)
			} else {
				outer = append(outer, ip)
			}
		}
	}
	found := choose(outer, inner)
	if len(found) == 0 {
		return nil, errors.New("transport: this machine has no network address; name one with --rtc-ip")
	}
	return found, nil
}

// choose picks from the addresses of real interfaces and of virtual ones, best
// first: IPv4 before IPv6, because it is the one that has a route nearly
// everywhere. Virtual ones only if there is nothing else.
//
// IPv4 loopback always comes last. Chromium on the same machine was seen to
// reach each of its addresses within 10 ms, with names instead of addresses as
// its candidates and without any; so it is not needed where there is another,
// but serves when that one is unplugged, behind a VPN or a firewall, or inside
// a container whose port is published to its host only. To all others it is one
// check to themselves that nobody answers. IPv6 loopback only if there is
// nothing else, and link-local IPv6 never, because a candidate has no zone.
func choose(outer, inner []netip.Addr) []netip.Addr {
	isGlobal := func(a netip.Addr) bool { return !a.IsLoopback() && (a.Is4() || a.IsGlobalUnicast()) }
	pick := func(from []netip.Addr, want func(netip.Addr) bool) []netip.Addr {
		var list []netip.Addr
		for _, a := range from {
			if want(a) {
				list = append(list, a)
			}
		}
		return list
	}
	found := pick(outer, isGlobal)
	if len(found) == 0 {
		found = pick(inner, isGlobal)
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	if len(found) > maxAdvertised {
		found = found[:maxAdvertised]
	}
	loopback := pick(outer, func(a netip.Addr) bool { return a.IsLoopback() && a.Is4() })
	if len(found)+len(loopback) == 0 {
		loopback = pick(outer, netip.Addr.IsLoopback)
	}
	return append(found, loopback...)
}

// maxAdvertised bounds the descriptions of a machine with very many addresses.
const maxAdvertised = 16
