package ice

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// ICE restarts do not renew what a connection may spend on addresses that never
// answer, and many connections share a bound for one host and one for all.
func TestBudgetsHold(t *testing.T) {
	limits := Limits{Each: 5, EachForgive: time.Second, All: 8, AllForgive: time.Second}
	spent := func(budgets ...*Budget) (one, all int) {
		for i, b := range budgets {
			w := newWorld(t, b)
			w.start(i%2 == 0)
			for _, at := range []netip.AddrPort{victim, home} {
				for port := range uint16(20) {
					w.request(netip.AddrPortFrom(at.Addr(), 1000+port))
				}
			}
			for _, p := range w.sent {
				if decode(t, p.Data).Type == stun.BindingRequest {
					all++
					if p.To.Addr() == victim.Addr() {
						one++
					}
				}
			}
		}
		return one, all
	}
	connection := NewBudget(limits, NewBudget(amply, nil))
	if one, all := spent(connection, connection, connection); one != limits.Each || all != limits.All {
		t.Errorf("three ICE sessions of one connection send %d checks to one host, %d in all", one, all)
	}
	server := NewBudget(limits, nil)
	if one, all := spent(NewBudget(amply, server), NewBudget(amply, server), NewBudget(amply, server)); one != limits.Each || all != limits.All {
		t.Errorf("three connections send %d checks to one host, %d in all", one, all)
	}
}

// Addresses that answer cost nothing, so that a crowd behind one NAT comes in.
func TestAnsweredChecksAreFree(t *testing.T) {
	budget := NewBudget(Limits{Each: 2, EachForgive: time.Hour, All: 2, AllForgive: time.Hour}, nil)
	for range 100 {
		w := newWorld(t, NewBudget(amply, budget))
		w.start(false)
		w.request(home, nominating)
		w.answer(home)
		if w.agent.State() != Connected {
			t.Fatal("a client that answers is refused")
		}
	}
	if len(budget.each) > 0 || budget.all.checks != 0 {
		t.Errorf("%v and %v are left", budget.each, budget.all)
	}
}

// A client that spends the server's budget, with sources that it forges, keeps no
// other one out, not even one at the address that it forges. What a connection has
// for itself it has once.
func TestSpentBudgetKeepsNoClientOut(t *testing.T) {
	server := NewBudget(Limits{Each: 4, EachForgive: time.Hour, All: 8, AllForgive: time.Hour}, nil)
	connection := func() *Budget {
		return NewBudget(Limits{Each: 32, EachForgive: time.Second, All: 64, AllForgive: time.Second, Own: 2}, server)
	}
	flood := func(w *world, owner netip.AddrPort) (checks int) {
		for port := range uint16(20) {
			w.request(netip.AddrPortFrom(owner.Addr(), 1000+port))
		}
		for _, p := range w.sent {
			if decode(t, p.Data).Type == stun.BindingRequest {
				checks++
			}
		}
		return checks
	}
	for range 3 {
		for _, forged := range []netip.AddrPort{home, mobile, victim} {
			w := newWorld(t, connection())
			w.start(true)
			flood(w, forged)
		}
	}
	for _, at := range []netip.AddrPort{home, victim} {
		w := newWorld(t, connection())
		w.start(false)
		w.request(at, nominating)
		w.answer(at)
		if w.agent.State() != Connected {
			t.Errorf("a client at %s is kept out", at)
		}
	}
	b, sent := connection(), 0
	for range 3 {
		w := newWorld(t, b)
		w.start(true)
		sent += flood(w, home)
	}
	if sent != 2 {
		t.Errorf("a connection sends %d checks when the server's budget is spent, want its own 2", sent)
	}
}

// What is not answered is forgiven with time.
func TestBudgetForgives(t *testing.T) {
	b := NewBudget(Limits{Each: 4, EachForgive: time.Second, All: 6, AllForgive: time.Second}, nil)
	take := func(at netip.Addr, now time.Duration) (n int) {
		for b.spend(at, now) {
			n++
		}
		return n
	}
	if n := take(home.Addr(), 0); n != 4 {
		t.Errorf("%d at first", n)
	}
	if n := take(home.Addr(), 2500*time.Millisecond); n != 2 {
		t.Errorf("%d after 2.5 s", n)
	}
	if n := take(mobile.Addr(), 3*time.Second); n != 3 {
		t.Errorf("%d of another host after 3 s", n)
	}
	if n := take(home.Addr(), time.Hour); n != 4 {
		t.Errorf("%d after an hour", n)
	}
}

// Where a client can be.
func TestAddresses(t *testing.T) {
	lan := NewAddresses(ownAddrs, ownPort)
	public := NewAddresses(ownAddrs[:1], ownPort)
	for _, c := range []struct {
		at          string
		lan, public bool
	}{
		{"203.0.113.9:5000", true, true},
		{"[2001:db8::9]:5000", true, true},
		{"192.168.7.9:5000", true, false},
		{"10.1.2.3:5000", true, false},
		{"100.64.0.1:5000", true, false},
		{"127.0.0.1:5000", true, false},
		{"[::ffff:127.0.0.1]:5000", true, false},
		{"169.254.7.9:5000", false, false},
		{"169.254.169.254:80", false, false},
		{"[fd00:ec2::254]:80", false, false},
		{"[fe80::1]:5000", false, false},
		{"[fd12::1]:5000", false, false}, // it has IPv4 ones only
		{"[::1]:5000", false, false},
		{"224.0.0.1:5000", false, false},
		{"[ff02::1]:5000", false, false},
		{"255.255.255.255:5000", false, false},
		{"0.0.0.0:5000", false, false},
		{"203.0.113.9:0", false, false},
		{"192.0.2.1:7882", false, false}, // the server's own port
		{"192.0.2.1:7883", true, true},   // a client on its machine
	} {
		at := netip.MustParseAddrPort(c.at)
		if got := lan.MayBeClient(at); got != c.lan {
			t.Errorf("a server with a private address: %s may be a client's: %v", at, got)
		}
		if got := public.MayBeClient(at); got != c.public {
			t.Errorf("a server with public addresses: %s may be a client's: %v", at, got)
		}
	}
	w := started(t, true)
	for _, at := range []string{"169.254.169.254:80", "255.255.255.255:9", "224.0.0.1:9", "192.0.2.1:7882"} {
		w.request(netip.MustParseAddrPort(at))
	}
	if len(w.sent) > 0 {
		t.Errorf("%v is sent to", w.sent[0].To)
	}
}
