package reach_test

import (
	"net/netip"
	"testing"

	"lectern/signaling/reach"
)

func TestOf(t *testing.T) {
	for text, want := range map[string]reach.Scope{
		"203.0.113.9": reach.World, "2001:db8::9": reach.World,
		"10.1.2.3": reach.Site, "172.16.0.1": reach.Site, "192.168.1.1": reach.Site, "100.64.0.1": reach.Site, "fd12::1": reach.Site,
		"169.254.1.1": reach.Link, "fe80::1": reach.Link, "fe80::1%eth0": reach.Link,
		"127.0.0.1": reach.Host, "127.9.9.9": reach.Host, "::1": reach.Host, "::ffff:127.0.0.1": reach.Host,
		"0.0.0.0": reach.None, "0.1.2.3": reach.None, "::": reach.None, "224.0.0.1": reach.None, "ff02::1": reach.None,
		"255.255.255.255": reach.None, "240.0.0.1": reach.None,
		"169.254.169.254": reach.None, "::ffff:169.254.169.254": reach.None, "fd00:ec2::254": reach.None,
	} {
		if got := reach.Of(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: scope %d, want %d", text, got, want)
		}
	}
	if reach.Of(netip.Addr{}) != reach.None {
		t.Error("no address reaches somewhere")
	}
}

func TestOwner(t *testing.T) {
	same := func(a, b string) bool {
		return reach.Owner(netip.MustParseAddr(a)) == reach.Owner(netip.MustParseAddr(b))
	}
	if !same("192.0.2.1", "::ffff:192.0.2.1") || same("192.0.2.1", "192.0.2.2") {
		t.Error("an IPv4 address is not one owner's")
	}
	if !same("2001:db8::1", "2001:db8::2") || same("2001:db8::1", "2001:db8:0:1::1") || !same("fe80::1%a", "fe80::2%b") {
		t.Error("an IPv6 network is not one owner's")
	}
	if reach.Owner(netip.Addr{}).IsValid() {
		t.Error("no address has an owner")
	}
}
