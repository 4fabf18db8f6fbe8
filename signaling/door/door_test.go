package door

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"syscall"
	"testing"
)

// fake is a connection from an address.
type fake struct {
	net.Conn
	from   string
	closed bool
}

func (f *fake) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.from))
}

func (f *fake) Close() error {
	f.closed = true
	return nil
}

// come lets a connection in and fails if it is refused.
func come(t *testing.T, d *Door, from string) (*Conn, *fake) {
	t.Helper()
	f := &fake{from: from}
	c := d.admit(f)
	if c == nil || f.closed {
		t.Fatalf("a connection from %s is refused", from)
	}
	return c, f
}

// starved is a listener without descriptors until a connection has been ended.
type starved struct {
	net.Listener
	victim, next *fake
}

func (s *starved) Accept() (net.Conn, error) {
	if !s.victim.closed {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return s.next, nil
}

// TestNoDescriptorLeftEndsAConnection holds that a process without a descriptor
// ends a connection for the next one.
func TestNoDescriptorLeftEndsAConnection(t *testing.T) {
	d := New(Options{})
	_, idle := come(t, d, "192.0.2.66:1")
	c, err := d.Listen(&starved{victim: idle, next: &fake{from: "192.0.2.1:1"}}).Accept()
	if err != nil || c == nil || d.Len() != 1 {
		t.Errorf("got %v, %v, and %d connections are counted", c, err, d.Len())
	}
}

// TestNewcomerTakesTheCrowdsPlace holds that a script that fills the server
// with connections loses them, oldest first, to those who come after.
func TestNewcomerTakesTheCrowdsPlace(t *testing.T) {
	d := New(Options{Max: 10})
	_, other := come(t, d, "192.0.2.1:1")
	var script []*fake
	for i := range 9 {
		_, f := come(t, d, fmt.Sprintf("192.0.2.66:%d", i+1))
		script = append(script, f)
	}
	for i := range 4 {
		come(t, d, fmt.Sprintf("192.0.2.%d:1", 10+i))
		for j, f := range script {
			if f.closed != (j <= i) {
				t.Fatalf("after %d newcomers, closed is %v for connection %d of the script", i+1, f.closed, j)
			}
		}
	}
	if other.closed {
		t.Error("a connection of another address went although the script had more")
	}
	if d.Len() != 10 {
		t.Errorf("there are %d connections, want 10", d.Len())
	}
}

func TestIdleConnectionsGoFirst(t *testing.T) {
	d := New(Options{Max: 3})
	_, first := come(t, d, "192.0.2.1:1")
	c, second := come(t, d, "192.0.2.1:2")
	come(t, d, "192.0.2.1:3")
	d.ConnState(c, http.StateActive)
	d.ConnState(c, http.StateIdle)
	come(t, d, "192.0.2.1:4")
	if first.closed || !second.closed {
		t.Errorf("closed: first %v, idle one %v; want the idle one", first.closed, second.closed)
	}
}

// TestMembersAreNeverEnded holds that a full server refuses newcomers rather
// than end the connection of a member.
func TestMembersAreNeverEnded(t *testing.T) {
	d := New(Options{Max: 3})
	var members []*fake
	for i := range 3 {
		c, f := come(t, d, fmt.Sprintf("192.0.2.1:%d", i+1))
		c.Keep(true)
		members = append(members, f)
	}
	f := &fake{from: "192.0.2.2:1"}
	if d.admit(f) != nil || !f.closed {
		t.Error("a connection beyond the bound is let in")
	}
	for _, m := range members {
		if m.closed {
			t.Error("a member's connection was ended")
		}
	}
}

func TestAddressBoundEndsItsOwn(t *testing.T) {
	d := New(Options{Max: 100, PerAddress: 2})
	_, other := come(t, d, "192.0.2.2:1")
	c, first := come(t, d, "192.0.2.1:1")
	come(t, d, "192.0.2.1:2")
	come(t, d, "192.0.2.1:3")
	if !first.closed || other.closed {
		t.Errorf("closed: the address's first %v, another's %v; want only the first", first.closed, other.closed)
	}
	if err := c.Close(); err != nil || d.Len() != 3 {
		t.Errorf("closing a connection that went gives %v and %d connections, want 3", err, d.Len())
	}
}

func TestAddressesOfOneNetworkCountTogether(t *testing.T) {
	d := New(Options{PerAddress: 2})
	_, first := come(t, d, "[2001:db8::1]:1")
	come(t, d, "[2001:db8::2]:1")
	come(t, d, "[2001:db8::3]:1")
	_, far := come(t, d, "[2001:db8:0:1::1]:1")
	if !first.closed || far.closed {
		t.Errorf("closed: first of the /64 %v, of another /64 %v", first.closed, far.closed)
	}
}

func TestClosedConnectionsGiveTheirPlaceBack(t *testing.T) {
	d := New(Options{Max: 10})
	for range 100 {
		c, _ := come(t, d, "192.0.2.1:1")
		_ = c.Close()
		_ = c.Close()
	}
	if d.Len() != 0 || len(d.visitors) != 0 {
		t.Errorf("%d connections of %d addresses are left", d.Len(), len(d.visitors))
	}
}

func TestClientBehindAProxy(t *testing.T) {
	proxies, err := ParseProxies([]string{"127.0.0.0/8", "::1", "10.1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	d := New(Options{Proxies: proxies})
	for name, c := range map[string]struct {
		peer, header, value, want string
	}{
		"by X-Forwarded-For":            {"127.0.0.1:5", "X-Forwarded-For", "192.0.2.7", "192.0.2.7:0"},
		"by Forwarded":                  {"127.0.0.1:5", "Forwarded", `for="[2001:db8::7]:4711";proto=https`, "[2001:db8::7]:0"},
		"behind two proxies":            {"[::1]:5", "X-Forwarded-For", "192.0.2.7, 10.1.2.3", "192.0.2.7:0"},
		"what it wrote itself is void":  {"127.0.0.1:5", "X-Forwarded-For", "198.51.100.1, 192.0.2.7", "192.0.2.7:0"},
		"a stranger's word is not used": {"192.0.2.9:5", "X-Forwarded-For", "192.0.2.7", "192.0.2.9:5"},
		"nonsense is not used":          {"127.0.0.1:5", "X-Forwarded-For", "unknown", "127.0.0.1:5"},
		"a proxy that says nothing":     {"127.0.0.1:5", "X-Other", "x", "127.0.0.1:5"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			h := d.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			r.Header.Set(c.header, c.value)
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got != c.want {
				t.Errorf("the client is %s, want %s", got, c.want)
			}
		})
	}
	for _, bad := range []string{"localhost", "10.0.0.0/33", ""} {
		if _, err := ParseProxies([]string{bad}); err == nil {
			t.Errorf("%q is taken for a proxy", bad)
		}
	}
}

// TestProxysConnectionCountsForItsClient holds that a proxy is not at its bound
// because of its clients, and that each of these has a bound.
func TestProxysConnectionCountsForItsClient(t *testing.T) {
	d := New(Options{PerAddress: 2, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	ask := func(c *Conn, client string) int {
		h := d.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r = r.WithContext(d.ConnContext(t.Context(), c))
		r.RemoteAddr = "127.0.0.1:9"
		r.Header.Set("X-Forwarded-For", client)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for i := range 4 {
		c, _ := come(t, d, "127.0.0.1:9")
		if code := ask(c, fmt.Sprintf("192.0.2.%d", i/2)); code != 200 {
			t.Fatalf("connection %d gets %d", i, code)
		}
		c.Keep(true)
	}
	c, _ := come(t, d, "127.0.0.1:9")
	if code := ask(c, "192.0.2.0"); code != http.StatusServiceUnavailable {
		t.Errorf("the third connection of one client gets %d, want 503", code)
	}
	if code := ask(c, "192.0.2.5"); code != 200 {
		t.Errorf("another client over the same connection gets %d, want 200", code)
	}
}
