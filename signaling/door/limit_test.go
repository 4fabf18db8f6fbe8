package door

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestNewAddressesCostTheSame holds that a full Limit does not look through all
// of its addresses for each new one.
func TestNewAddressesCostTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimit(10, 3)
		a := netip.MustParseAddr("10.0.0.0")
		come := func(n int) {
			for range n {
				a = a.Next()
				l.Take(netip.AddrPortFrom(a, 1).String())
			}
		}
		come(maxLimited + 1)
		time.Sleep(forgetPause / 2)
		if come(1); len(l.used) < maxLimited {
			t.Errorf("for a new address all were looked through again; %d are left", len(l.used))
		}
		time.Sleep(forgetPause)
		if come(1); len(l.used) > 2 {
			t.Errorf("%d addresses are remembered that have used nothing of late", len(l.used))
		}
	})
}

func TestLimitIsForEachAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimit(1, 3)
		taken := func(from string) (n int) {
			for range 10 {
				if l.Take(from) {
					n++
				}
			}
			return n
		}
		if a, b := taken("192.0.2.1:1"), taken("192.0.2.2:1"); a != 3 || b != 3 {
			t.Errorf("two addresses may %d and %d times, want 3 each", a, b)
		}
		if l.Left("192.0.2.1:2") || !l.Left("192.0.2.3:1") {
			t.Error("what is left is of a port and not of an address")
		}
		time.Sleep(2 * time.Second)
		if n := taken("192.0.2.1:3"); n != 2 {
			t.Errorf("2 s later it may %d times, want 2", n)
		}
		a := netip.MustParseAddr("10.0.0.0")
		for range 2 * maxLimited {
			a = a.Next()
			l.Take(netip.AddrPortFrom(a, 1).String())
		}
		if len(l.used) > maxLimited+1 {
			t.Errorf("%d addresses are remembered", len(l.used))
		}
	})
}
