package door

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ParseProxies reads addresses and prefixes: "127.0.0.1", "10.0.0.0/8", "::1".
// "none" alone is an empty list.
func ParseProxies(list []string) ([]netip.Prefix, error) {
	if len(list) == 1 && list[0] == "none" {
		return nil, nil
	}
	var prefixes []netip.Prefix
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			prefixes = append(prefixes, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a range of addresses: write 127.0.0.1, 10.0.0.0/8 or none", s)
		}
		prefixes = append(prefixes, p.Masked())
	}
	return prefixes, nil
}

func (d *Door) trusts(a netip.Addr) bool {
	for _, p := range d.options.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Handler has a request that came over a trusted proxy count for its client,
// and gives it that client's address as its RemoteAddr. It refuses the request
// (503) if the client has too many connections.
func (d *Door) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, ok := d.client(r); ok {
			if c := Of(r.Context()); c != nil && !c.countFor(client) {
				w.Header().Set("Connection", "close")
				http.Error(w, "too many connections", http.StatusServiceUnavailable)
				return
			}
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}

// client is the address that trusted proxies say a request came from. Each
// proxy puts the address of its peer at the end, so the last one that is no
// trusted proxy's is the client's; what stands before it the client may have
// written itself.
func (d *Door) client(r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !d.trusts(peer.Addr().Unmap()) {
		return netip.Addr{}, false
	}
	hops := splitAll(r.Header.Values("X-Forwarded-For"))
	if len(hops) == 0 {
		for _, element := range splitAll(r.Header.Values("Forwarded")) {
			hops = append(hops, forwardedFor(element))
		}
	}
	for i := len(hops) - 1; i >= 0; i-- {
		a, ok := parseHop(hops[i])
		if !ok {
			return netip.Addr{}, false
		}
		if !d.trusts(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func splitAll(lines []string) []string {
	var all []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(part))
		}
	}
	return all
}

// forwardedFor is the address in one element of a Forwarded header (RFC 7239
// section 4): for="[2001:db8::1]:4711";proto=https.
func forwardedFor(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "for") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// parseHop reads an address with or without brackets and port.
func parseHop(s string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}
