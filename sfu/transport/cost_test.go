package transport

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"lectern/sfu/egress"
)

// bystander is a handler that keeps nothing.
type bystander struct{ states chan State }

func (b bystander) StateChanged(s State)                              { b.states <- s }
func (bystander) RTP([]byte, int64)                                   {}
func (bystander) RTCP([]byte, int64, *egress.Batch)                   {}
func (bystander) Flush(*egress.Batch, int64) (held bool, until int64) { return false, 0 }
func (b bystander) Open(*Channel)                                     { b.states <- channelOpen }
func (bystander) Message([]byte, bool)                                {}
func (bystander) Shut()                                               {}

const channelOpen State = 99

func newBystander(t *testing.T, on *Endpoint) (bystander, *Transport) {
	t.Helper()
	b := bystander{make(chan State, 16)}
	c, err := on.New(b)
	if err != nil {
		t.Fatal(err)
	}
	return b, c
}

func remoteAt(t *testing.T, on *Endpoint, c *Transport) (Remote, Local) {
	t.Helper()
	l, err := c.Local()
	if err != nil {
		t.Fatal(err)
	}
	return Remote{Ufrag: l.Ufrag, Password: l.Password, FingerprintHash: "sha-256",
		Fingerprint: on.Fingerprint(), MaxMessageSize: MaxMessage}, l
}

// pair connects two transports, of which nothing else is kept. They need an
// endpoint each: to a mux, one address is one client.
func pair(t *testing.T, role Role) (close func()) {
	t.Helper()
	var on [2]*Endpoint
	var conns [2]*Transport
	var sides [2]bystander
	for i := range on {
		var err error
		if on[i], err = Listen(loopback); err != nil {
			t.Fatal(err)
		}
		sides[i], conns[i] = newBystander(t, on[i])
	}
	other := Role{Controlling: !role.Controlling, DTLSClient: !role.DTLSClient, NoChannel: role.NoChannel, OpenChannel: !role.OpenChannel}
	for i, r := range []Role{role, other} {
		remote, _ := remoteAt(t, on[1-i], conns[1-i])
		if err := conns[i].Start(remote, r); err != nil {
			t.Fatal(err)
		}
	}
	us, _ := remoteAt(t, on[0], conns[0])
	them, _ := remoteAt(t, on[1], conns[1])
	sendRaw(t, on[1], firstCheck(us, them), netip.AddrPortFrom(loopback.Listen, on[0].mux.port))
	for _, s := range sides {
		if got := get(t, s.states); got != Connected {
			t.Fatalf("state %v", got)
		}
		if !role.NoChannel {
			if got := get(t, s.states); got != channelOpen {
				t.Fatalf("state %v", got)
			}
		}
	}
	return func() {
		for i := range conns {
			conns[i].Close()
			_ = on[i].Close()
		}
	}
}

func inUse() (goroutines int, heap, stack uint64) {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc, m.StackInuse
}

// A connected transport costs a bounded number of goroutines and bytes. The
// figures include a share of an endpoint, which here has but one.
func TestCost(t *testing.T) {
	for _, role := range []Role{{Controlling: true, OpenChannel: true}, {Controlling: true, NoChannel: true}} {
		const pairs = 40
		g0, h0, s0 := inUse()
		var ends []func()
		for range pairs {
			ends = append(ends, pair(t, role))
		}
		const n = 2 * pairs
		// pion's SCTP has three of them and DTLS four; one is ours. The last two
		// are the endpoint's.
		until(t, func() bool { // those of the handshakes end
			runtime.Gosched()
			return runtime.NumGoroutine()-g0 <= n*10
		})
		g1, h1, s1 := inUse()
		goroutines := float64(g1-g0)/n - 2
		heap, stack := float64(h1-h0)/n, (float64(s1)-float64(s0))/n
		t.Logf("channel %v: %.1f goroutines, %.0f bytes of heap, %.0f of stack", !role.NoChannel, goroutines, heap, stack)
		if goroutines > 8.5 { // a few may be passing
			t.Errorf("%.1f goroutines", goroutines)
		}
		if total := heap + stack; total > 256<<10 {
			t.Errorf("%.0f bytes", total)
		}
		for _, end := range ends {
			end()
		}
	}
}

// TestSoak opens and closes many connections, half of them in the middle of the
// handshake. LECTERN_SOAK=1000 says how many.
func TestSoak(t *testing.T) {
	count := 60
	if s := os.Getenv("LECTERN_SOAK"); s != "" {
		var err error
		if count, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	on, err := Listen(loopback)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	round := func(i int) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			e := endKept(t, on)
			p := newPeer(t)
			s := []shape{{}, {clientOffers: true, setup: "active", clientOpens: true}, {noChannel: true}}[i%3]
			meet(t, e, p, s)
			if i%2 == 0 {
				time.Sleep(time.Duration(random.IntN(2500)) * time.Microsecond)
				e.conn.Close()
				return
			}
			e.want(Connected)
			if i%4 == 1 {
				p.close()
			}
		})
	}
	for i := range 12 { // what is kept once and for all
		round(i)
	}
	g0, h0, s0 := inUse()
	for i := range count {
		round(i)
	}
	until(t, func() bool { return runtime.NumGoroutine() <= g0+5 })
	wantEntries(t, on, 0)
	if _, addresses := on.entries(); addresses != 0 {
		t.Errorf("%d addresses are left", addresses)
	}
	g1, h1, s1 := inUse()
	t.Logf("%d connections: goroutines %d to %d, heap %d to %d KiB, stack %d to %d KiB", count, g0, g1, h0>>10, h1>>10, s0>>10, s1>>10)
	if h1 > h0+uint64(2<<20)+uint64(count)*1024 {
		t.Error("memory is left")
	}
	if err := on.Close(); err != nil {
		t.Error(err)
	}
}
