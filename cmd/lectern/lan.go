package main

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// machineNames are the names and addresses by which this machine can be
// reached in its network, localhost first. passing are further addresses that
// come and go: privacy extensions (RFC 8981) give a machine new IPv6 addresses
// every day, while people use the IPv4 one.
func machineNames() (names, passing []string) {
	names = []string{"localhost"}
	if host, err := os.Hostname(); err == nil {
		host = strings.ToLower(host)
		if validDNSName(host) && host != "localhost" {
			names = append(names, host)
			if !strings.Contains(host, ".") {
				names = append(names, host+".local") // mDNS (RFC 6762)
			}
		}
	}
	names = append(names, "127.0.0.1", "::1")
	lan := lanAddresses()
	for _, ip := range lan {
		if ip.Is4() || !lan[0].Is4() {
			names = append(names, ip.String())
		} else {
			passing = append(passing, ip.String())
		}
	}
	return names, passing
}

func validDNSName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.'
	})
}

// bridges are how interfaces begin that lead to containers and virtual
// machines of this machine, not to its network.
var bridges = []string{"docker", "br-", "veth", "virbr", "vmnet", "cni", "podman", "lxc", "lxd"}

// lanAddresses are the machine's addresses in its network, the likeliest to
// be reachable first: private IPv4, other IPv4, IPv6.
func lanAddresses() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var found []netip.Addr
	for _, i := range interfaces {
		isBridge := func(prefix string) bool { return strings.HasPrefix(i.Name, prefix) }
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || slices.ContainsFunc(bridges, isBridge) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap().IsGlobalUnicast() {
					found = append(found, ip.Unmap())
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return slices.Compact(found)
}

func rank(ip netip.Addr) int {
	switch {
	case ip.Is4() && ip.IsPrivate():
		return 0
	case ip.Is4():
		return 1
	default:
		return 2
	}
}
