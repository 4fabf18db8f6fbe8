package transport

import (
	"encoding/binary"
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
func (c *counted) fail(error)                                          {}
func (c *counted) Fault(string, any)                                   {}

func newCounted() (*client, *counted) {
	n := &counted{}
	return newClient(n), n
}

func deafMux(t *testing.T) *mux {
	m := newMux([]socket{deaf{make(chan struct{})}}, 1, nil)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// noted is an agent that notes what it is given.
type noted struct {
	route *route
	got   []netip.AddrPort // where it came from
}

func (n *noted) takeSTUN(_ []byte, from netip.AddrPort) { n.got = append(n.got, from) }

// agentOn makes the way to an agent of a client.
func agentOn(t *testing.T, m *mux, c *client, ufrag string) *noted {
	t.Helper()
	n := &noted{}
	var err error
	if n.route, err = m.connect(c, ufrag, n); err != nil {
		t.Fatal(err)
	}
	return n
}

func request(username string) []byte {
	return stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(username)).Raw
}

// answerTo is the answer to a check of an agent's.
func answerTo(n *noted) []byte {
	var id [stun.TransactionIDSize]byte
	binary.BigEndian.PutUint32(id[:], n.route.key)
	return stun.MustBuild(stun.NewTransactionIDSetter(id), stun.BindingSuccess).Raw
}

// arrive has a packet come from an address, and reports whether it was kept.
func arrive(m *mux, data []byte, from netip.AddrPort) bool {
	p := packets.Get().(*packet)
	p.data, p.from = p.buffer[:copy(p.buffer[:], data)], from
	return m.readers[0].take(p, 0)
}

var (
	somewhere = netip.MustParseAddrPort("198.51.100.1:1000")
	elsewhere = netip.MustParseAddrPort("198.51.100.2:1000")
	media     = []byte{0x80, 96, 0, 0}
	hello     = []byte{22, 254, 255} // of DTLS
)

// A packet from an address is a client's once it is proved to be there, and no
// request of another one changes that, whatever address it comes from.
func TestOnlyProofMovesAnAddress(t *testing.T) {
	m := deafMux(t)
	victim, victims := newCounted()
	attacker, attackers := newCounted()
	v, a := agentOn(t, m, victim, "victim"), agentOn(t, m, attacker, "attacker")
	arrive(m, request("victim:x"), somewhere)
	if arrive(m, media, somewhere); victims.n != 0 || arrive(m, hello, somewhere) {
		t.Error("a packet from an address that is not proved is taken")
	}
	m.prove(v.route, somewhere)
	for range 100 {
		arrive(m, request("attacker:x"), somewhere)
		arrive(m, answerTo(a), somewhere)
	}
	if arrive(m, media, somewhere); victims.n != 1 || attackers.n != 0 || len(a.got) != 200 {
		t.Error("a client lost its address to one that sent requests from there")
	}
	m.prove(a.route, somewhere) // such as a NAT's, given to another host
	if arrive(m, media, somewhere); attackers.n != 1 {
		t.Error("a client that is there now does not get the address")
	}
	m.forget(victim)
	m.forget(attacker)
	if len(m.agents)+len(m.keys)+len(m.sources) != 0 {
		t.Errorf("%v, %v and %v are left", m.agents, m.keys, m.sources)
	}
	if m.prove(a.route, elsewhere); len(m.sources) != 0 {
		t.Error("an agent that is gone takes an address")
	}
}

// During an ICE restart from the same address, messages go to the agent they are
// for, and the address stays when the old agent goes.
func TestTwoAgents(t *testing.T) {
	m := deafMux(t)
	c, given := newCounted()
	older := agentOn(t, m, c, "older")
	m.prove(older.route, somewhere)
	newer := agentOn(t, m, c, "newer")
	arrive(m, request("newer:x"), somewhere)
	arrive(m, answerTo(newer), somewhere)
	if len(newer.got) != 2 || len(older.got) != 0 {
		t.Error("a message goes to the wrong agent")
	}
	m.prove(newer.route, somewhere)
	m.prove(older.route, somewhere)
	m.remove(older.route)
	if arrive(m, media, somewhere); given.n != 1 {
		t.Error("the address went with the old agent")
	}
	m.remove(newer.route)
	if len(m.agents)+len(m.keys)+len(m.sources)+len(c.routes) != 0 {
		t.Error("something is left")
	}
}

// What a client can make the server keep is bounded.
func TestMuxIsBounded(t *testing.T) {
	m := deafMux(t)
	c, _ := newCounted()
	a := agentOn(t, m, c, "agent")
	m.prove(a.route, somewhere)
	for range 2 * secureQueue {
		arrive(m, hello, somewhere)
	}
	if len(c.secure) != secureQueue {
		t.Errorf("%d packets wait", len(c.secure))
	}
	if m.dropped.Load() == 0 {
		t.Error("drops are not counted")
	}
	for port := range uint16(1000) {
		m.prove(a.route, netip.AddrPortFrom(elsewhere.Addr(), port+1))
	}
	if len(m.sources) != maxSources || len(a.route.sources) != maxSources {
		t.Errorf("one client has %d addresses", len(m.sources))
	}
	if m.clientAt(netip.AddrPortFrom(elsewhere.Addr(), 1000)) != c {
		t.Error("the latest address is not known")
	}
	for _, odd := range [][]byte{nil, {0}, {0, 1}, {1, 1}, {19}, {64}, {127}, {200}, {255}, request("agent"), request("")} {
		if arrive(m, odd, somewhere) || len(a.got) > 0 {
			t.Errorf("%x is taken", odd)
		}
	}
}

// ufragOf finds what pion's stun finds.
func FuzzUfragOf(f *testing.F) {
	f.Add(request("ab:cd"))
	f.Add(request("a"))
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingSuccess).Raw)
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
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingSuccess).Raw, true)
	m := newMux([]socket{deaf{make(chan struct{})}}, 1, nil)
	f.Cleanup(func() { _ = m.Close() })
	f.Fuzz(func(t *testing.T, data []byte, known bool) {
		c, given := newCounted()
		a := agentOn(t, m, c, "agent")
		defer m.forget(c)
		from := elsewhere
		if known {
			m.prove(a.route, somewhere)
			from = somewhere
		}
		kept := arrive(m, data, from)
		if queued := len(c.secure) == 1; kept != queued || len(a.got)+len(c.secure)+given.n > 1 {
			t.Errorf("%x: kept %v, queued %v, given %d times", data, kept, queued, given.n)
		}
		if !known && len(c.secure)+given.n > 0 {
			t.Errorf("%x is taken from an address that is not proved", data)
		}
	})
}
