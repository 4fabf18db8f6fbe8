package egress

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shared are n sockets on one port.
func shared(t *testing.T, at string, n int) (conns []*net.UDPConn, list []*Socket) {
	t.Helper()
	first := listen(t, at)
	more, err := Share(first, n-1)
	if err != nil {
		t.Fatal(err)
	}
	conns = append([]*net.UDPConn{first}, more...)
	for i, c := range conns {
		t.Cleanup(func() { _ = c.Close() })
		if got, want := addrOf(c), addrOf(first); got != want {
			t.Errorf("connection %d is at %v, want %v", i, got, want)
		}
		list = append(list, Wrap(c, Options{}))
	}
	return conns, list
}

// reach is an address at which a socket that is bound to all of them is reached.
func reach(of *net.UDPConn, host string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), addrOf(of).Port())
}

// Each socket of a port gets the datagrams of some of the clients, and all of
// those: the first one too, which was bound before it shared.
func TestShare(t *testing.T) {
	const sockets, clients, each = 4, 64, 5
	for _, c := range []struct{ name, at, to, from string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", "127.0.0.1:0"},
		{"IPv4 to both", "[::]:0", "127.0.0.1", "127.0.0.1:0"},
		{"IPv6 to both", "[::]:0", "::1", "[::1]:0"},
		{"IPv6", "[::1]:0", "::1", "[::1]:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if probe, err := net.Listen("tcp", "[::1]:0"); err != nil {
				t.Skip("no IPv6 here")
			} else {
				probe.Close()
			}
			conns, list := shared(t, c.at, sockets)
			to := reach(conns[0], c.to)
			for range clients {
				from := listen(t, c.from)
				for i := range byte(each) {
					if _, err := from.WriteToUDPAddrPort([]byte{i}, to); err != nil {
						t.Fatal(err)
					}
				}
			}
			holder := map[netip.AddrPort]int{}
			next := map[netip.AddrPort]byte{}
			total, some := 0, make([]int, sockets)
			for late := time.Now().Add(10 * time.Second); total < clients*each && time.Now().Before(late); {
				for i, s := range list {
					got, from := arrived(t, s)
					for n, d := range got {
						if at, known := holder[from[n]]; known && at != i {
							t.Errorf("%v comes to sockets %d and %d", from[n], at, i)
						}
						if holder[from[n]] = i; d[0] != next[from[n]] {
							t.Errorf("%v: datagram %d, want %d", from[n], d[0], next[from[n]])
						}
						next[from[n]]++
					}
					some[i] += len(got)
					total += len(got)
				}
			}
			if total != clients*each || slices.Contains(some, 0) {
				t.Errorf("%d datagrams of %d came: %v at the sockets", total, clients*each, some)
			}
		})
	}
}

// arrived is what is there now.
func arrived(t *testing.T, s *Socket) (got [][]byte, from []netip.AddrPort) {
	t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		list := make([]Datagram, 16)
		for i := range list {
			list[i].Buffer = make([]byte, 100)
		}
		n, err := s.Receive(list)
		for _, d := range list[:n] {
			got, from = append(got, d.Data), append(from, d.From)
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return got, from
		case err != nil:
			t.Fatal(err)
		}
	}
}

// A client is answered from the port that it knows, whichever socket sends.
func TestShareSends(t *testing.T) {
	conns, list := shared(t, "[::]:0", 3)
	client := Wrap(listen(t, "127.0.0.1:0"), Options{})
	for _, s := range list {
		b := s.NewBatch()
		for range 3 {
			b.Reserve(client.LocalAddr(), 100)
			b.Commit(100)
		}
		b.Flush()
	}
	_, from := gather(t, client, 9)
	for _, f := range from {
		if want := reach(conns[0], "127.0.0.1"); f != want {
			t.Errorf("from %v, want %v", f, want)
		}
	}
}

// A port that is shared is nobody else's: who binds as usual is refused, and so
// is who would share from the first.
func TestShareIsNotSilent(t *testing.T) {
	conns, _ := shared(t, "[::]:0", 2)
	for _, at := range []string{"", "127.0.0.1", "::1"} {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(at), Port: int(addrOf(conns[0]).Port())})
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%q: %v", at, err)
			c.Close()
		}
	}
	alone := listen(t, "[::]:0")
	if more, err := Share(conns[0], 0); err != nil || len(more) != 0 {
		t.Errorf("%d more, %v", len(more), err)
	}
	asks := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return sharing(raw, true) }}
	c, err := asks.ListenPacket(t.Context(), "udp", alone.LocalAddr().String())
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port that is not shared can be joined: %v", err)
		c.Close()
	}
}

// What is refused leaves the first socket as it was: alone, and working.
func TestShareRefused(t *testing.T) {
	if !inside(t) {
		return
	}
	loopbackUp(t, 65536)
	first := listen(t, "127.0.0.1:0")
	client, err := net.DialUDP("udp", nil, first.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	forbid(t, unix.EACCES, unix.SYS_BIND)
	if more, err := Share(first, 3); !errors.Is(err, syscall.EACCES) || more != nil {
		t.Errorf("%d more, %v", len(more), err)
	}
	raw, err := first.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if on, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT); on != 0 || err != nil {
			t.Errorf("the first shares: %d, %v", on, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	got, _ := gather(t, Wrap(first, Options{}), 1)
	same(t, addrOf(first), got, [][]byte{[]byte("abc")})
	first.Close()
	if _, err := Share(first, 1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("of a closed connection: %v", err)
	}
}
