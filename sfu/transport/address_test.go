package transport

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/ice/v4"
)

func addresses(list ...string) []netip.Addr {
	var as []netip.Addr
	for _, s := range list {
		as = append(as, netip.MustParseAddr(s))
	}
	return as
}

func TestChooseAddresses(t *testing.T) {
	for _, c := range []struct {
		name               string
		outer, inner, want []netip.Addr
	}{
		{"laptop", addresses("127.0.0.1", "::1", "fe80::1", "2001:db8::5", "192.168.1.5"), addresses("172.17.0.1"),
			addresses("192.168.1.5", "2001:db8::5", "127.0.0.1")},
		{"container", addresses("127.0.0.1", "172.17.0.2"), nil, addresses("172.17.0.2", "127.0.0.1")},
		{"only loopback", addresses("127.0.0.1", "::1"), nil, addresses("127.0.0.1")},
		{"only loopback and a bridge", addresses("127.0.0.1"), addresses("172.17.0.1"), addresses("172.17.0.1", "127.0.0.1")},
		{"only IPv6 loopback", addresses("::1"), nil, addresses("::1")},
		{"server", addresses("127.0.0.1", "203.0.113.5", "2001:db8::5"), nil, addresses("203.0.113.5", "2001:db8::5", "127.0.0.1")},
		{"nothing", nil, nil, nil},
	} {
		if got := choose(c.outer, c.inner); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	var many []netip.Addr
	for i := range 100 {
		many = append(many, netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", i)))
	}
	if got := choose(many, nil); len(got) != maxAdvertised {
		t.Errorf("%d addresses are advertised", len(got))
	}
	if got, err := interfaceAddresses(); err != nil || len(got) == 0 {
		t.Errorf("this machine has %v: %v", got, err)
	}
}

// Candidates are what a client's ICE takes, the first with the highest
// priority.
func TestCandidates(t *testing.T) {
	list := candidates(addresses("203.0.113.5", "198.51.100.5", "2001:db8::5"), 3478, "abcd")
	var last uint32
	foundations := map[string]bool{}
	for i, text := range list {
		c, err := ice.UnmarshalCandidate(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if i > 0 && c.Priority() >= last {
			t.Errorf("%q is preferred to the one before", text)
		}
		last = c.Priority()
		foundations[c.Foundation()] = true
		if c.Type() != ice.CandidateTypeHost || c.Port() != 3478 || !strings.HasPrefix(text, "candidate:") {
			t.Errorf("%q", text)
		}
		if u, _ := c.GetExtension("ufrag"); u.Value != "abcd" {
			t.Errorf("%q has no ufrag", text)
		}
	}
	if len(foundations) != 3 || !strings.Contains(list[2], " 2001:db8::5 ") {
		t.Errorf("%q", list)
	}
}
