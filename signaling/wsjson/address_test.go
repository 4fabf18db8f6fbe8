package wsjson

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"lectern/signaling/conn"
)

// TestAddressesOfOneNetworkCountTogether holds that an IPv6 network of 64 bits,
// which is what one customer has, is one address to the limit.
func TestAddressesOfOneNetworkCountTogether(t *testing.T) {
	h := New(conn.NewServer(nil, conn.Options{}), Options{MaxPerAddress: 1})
	for _, c := range []struct {
		from string
		in   bool
	}{{"[2001:db8::1]:1", true}, {"[2001:db8::2]:1", false}, {"[2001:db8:0:1::1]:1", true}, {"192.0.2.1:1", true}, {"192.0.2.2:1", true}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.from
		if in := h.add(newSocket(h, r)); in != c.in {
			t.Errorf("a socket from %s is let in: %v", c.from, in)
		}
	}
}
