package transport

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"lectern/sfu/egress"
)

// deaf is a socket on which nothing arrives.
type deaf struct{ closed chan struct{} }

func (d deaf) Receive([]egress.Datagram) (int, error) {
	<-d.closed
	return 0, net.ErrClosed
}
func (d deaf) SetReadDeadline(time.Time) error              { return nil }
func (d deaf) Send(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }
func (d deaf) NewBatch() *egress.Batch                      { return nil }
func (d deaf) Close() error                                 { close(d.closed); return nil }

// counted counts the media it is given.
type counted struct{ n int }

func (c *counted) takeMedia([]byte, int64, *egress.Batch) bool         { c.n++; return false }
func (c *counted) flush(*egress.Batch, int64) (held bool, until int64) { return false, 0 }
func (c *counted) lostPort()                                           {}

func newCounted() (*client, *counted) {
	n := &counted{}
	return newClient(n), n
}

func deafMux(t *testing.T) *mux {
	m := newMux([]socket{deaf{make(chan struct{})}}, 1)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// agentOn makes the way to an agent of a client.
func agentOn(t *testing.T, m *mux, c *client, ufrag string) *agentConn {
	t.Helper()
	local := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
	conns, err := m.connect(c, ufrag, []*net.UDPAddr{local})
	if err != nil {
		t.Fatal(err)
	}
	return conns[0]
}

func request(username string) []byte {
	return stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(username)).Raw
}

var success = stun.MustBuild(stun.TransactionID, stun.BindingSuccess).Raw

// arrive has a packet come from an address, and reports whether it was taken.
func arrive(m *mux, data []byte, from netip.AddrPort) bool {
	p := packets.Get().(*packet)
	p.data, p.from = p.buffer[:copy(p.buffer[:], data)], from
	return m.readers[0].take(p, 0)
}

var (
	somewhere = netip.MustParseAddrPort("198.51.100.1:1000")
	elsewhere = netip.MustParseAddrPort("198.51.100.2:1000")
	media     = []byte{0x80, 96, 0, 0}
)

// An address is its client's: another one that names it as a candidate does not
// get it, and one that proves to be there does.
func TestAddressIsKept(t *testing.T) {
	m := deafMux(t)
	victim, victims := newCounted()
	attacker, attackers := newCounted()
	v, a := agentOn(t, m, victim, "victim"), agentOn(t, m, attacker, "attacker")
	if arrive(m, media, somewhere) {
		t.Error("a stranger's packet is taken")
	}
	_, _ = v.WriteToAddrPort(success, somewhere)
	_, _ = a.WriteToAddrPort(request("x:y"), somewhere)
	if arrive(m, media, somewhere); victims.n != 1 {
		t.Error("a client lost its address to one that named it")
	}
	_, _ = a.WriteToAddrPort(request("x:y"), elsewhere)
	if !arrive(m, success, elsewhere) || len(a.checks) != 1 {
		t.Error("the answer to a check does not arrive")
	}
	_, _ = a.WriteToAddrPort(success, somewhere) // such as a NAT's, given to another host
	if arrive(m, media, somewhere); attackers.n != 1 {
		t.Error("a client that is there now does not get the address")
	}
	m.forget(victim)
	m.forget(attacker)
	if len(m.agents)+len(m.sources) != 0 {
		t.Errorf("%v and %v are left", m.agents, m.sources)
	}
	if _, _ = a.WriteToAddrPort(success, elsewhere); len(m.sources) != 0 {
		t.Error("an agent that is gone takes an address")
	}
}

// During an ICE restart from the same address, requests go to the agent they
// name, answers to both, and the address stays when the old agent goes.
func TestTwoAgents(t *testing.T) {
	m := deafMux(t)
	c, given := newCounted()
	older := agentOn(t, m, c, "older")
	_, _ = older.WriteToAddrPort(success, somewhere)
	newer := agentOn(t, m, c, "newer")
	arrive(m, request("newer:x"), somewhere)
	if len(newer.checks) != 1 || len(older.checks) != 0 {
		t.Error("a request goes to the wrong agent")
	}
	arrive(m, success, somewhere)
	if len(newer.checks) != 2 || len(older.checks) != 1 {
		t.Error("an answer does not go to both agents")
	}
	_, _ = newer.WriteToAddrPort(success, somewhere)
	_, _ = older.WriteToAddrPort(request("x:older"), somewhere)
	m.remove("older")
	if arrive(m, media, somewhere); given.n != 1 {
		t.Error("the address went with the old agent")
	}
	arrive(m, success, somewhere)
	if len(newer.checks) != 3 {
		t.Error("an answer does not go to the new agent")
	}
	m.remove("newer")
	if len(m.agents)+len(m.sources)+len(c.routes) != 0 {
		t.Error("something is left")
	}
}

// What a client can make the server keep is bounded.
func TestMuxIsBounded(t *testing.T) {
	m := deafMux(t)
	c, _ := newCounted()
	a := agentOn(t, m, c, "agent")
	for range 10 * checksQueue {
		arrive(m, request("agent:x"), somewhere)
	}
	if len(a.checks) != checksQueue {
		t.Errorf("%d requests wait", len(a.checks))
	}
	_, _ = a.WriteToAddrPort(success, somewhere)
	for range 2 * secureQueue {
		arrive(m, []byte{22}, somewhere)
	}
	if len(c.secure) != secureQueue {
		t.Errorf("%d packets wait", len(c.secure))
	}
	if m.dropped.Load() == 0 {
		t.Error("drops are not counted")
	}
	for port := range uint16(1000) {
		from := netip.AddrPortFrom(elsewhere.Addr(), port+1)
		for len(a.checks) > 0 {
			<-a.checks
		}
		if arrive(m, request("agent:x"), from) {
			_, _ = a.WriteToAddrPort(success, from)
		}
	}
	if len(m.sources) != maxSources {
		t.Errorf("one client has %d addresses", len(m.sources))
	}
	for _, odd := range [][]byte{nil, {0}, {0, 1}, {1, 1}, {19}, {64}, {127}, {200}, {255}, request("agent"), request("")} {
		if arrive(m, odd, somewhere) && odd[0] > 3 {
			t.Errorf("%x is taken", odd)
		}
	}
}

// ufragOf finds what pion's stun finds.
func FuzzUfragOf(f *testing.F) {
	f.Add(request("ab:cd"))
	f.Add(request("a"))
	f.Add(success)
	f.Add([]byte{0, 1, 0, 3, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 9, 'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		got := ufragOf(data)
		m := &stun.Message{Raw: data}
		if m.Decode() != nil {
			return
		}
		name, err := m.Get(stun.AttrUsername)
		if err != nil {
			return
		}
		want, _, found := strings.Cut(string(name), ":")
		if !found {
			want = ""
		}
		if got != want {
			t.Errorf("%x: %q, want %q", data, got, want)
		}
	})
}

// No packet does harm.
func FuzzTake(f *testing.F) {
	f.Add([]byte{0}, false)
	f.Add([]byte{22}, true)
	f.Add(media, true)
	f.Add(request("agent:x"), true)
	f.Add(success, true)
	m := newMux([]socket{deaf{make(chan struct{})}}, 1)
	f.Cleanup(func() { _ = m.Close() })
	f.Fuzz(func(t *testing.T, data []byte, known bool) {
		c, given := newCounted()
		a := agentOn(t, m, c, "agent")
		defer m.forget(c)
		from := elsewhere
		if known {
			_, _ = a.WriteToAddrPort(success, somewhere)
			from = somewhere
		}
		kept := arrive(m, data, from)
		if queued := len(a.checks)+len(c.secure) == 1; kept != queued || queued && given.n > 0 {
			t.Errorf("%x: kept %v, queued %v, given %d times", data, kept, queued, given.n)
		}
	})
}
