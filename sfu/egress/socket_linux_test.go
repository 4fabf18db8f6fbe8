package egress

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// gather receives n datagrams, in the order they come.
func gather(t testing.TB, s *Socket, n int) (got [][]byte, from []netip.AddrPort) {
	t.Helper()
	list := make([]Datagram, 16)
	for i := range list {
		list[i].Buffer = make([]byte, 1500)
	}
	if err := s.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for len(got) < n {
		k, err := s.Receive(list)
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(got), n, err)
		}
		for i := range list[:k] {
			got, from = append(got, list[i].Data), append(from, list[i].From)
			list[i] = Datagram{Buffer: make([]byte, 1500)} // the data is kept
		}
	}
	return got, from
}

// Through the kernel of this machine, in every way, over every kind of socket.
func TestDelivery(t *testing.T) {
	for _, c := range []struct{ name, from, to string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1:0"},
		{"IPv4 from both", "[::]:0", "127.0.0.1:0"},
		{"IPv6 from both", "[::]:0", "[::1]:0"},
		{"IPv6", "[::1]:0", "[::1]:0"},
		{"IPv4 to both", "127.0.0.1:0", "[::]:0"},
	} {
		for _, o := range []Options{{}, {NoGSO: true}, {NoMulti: true}, {NoGSO: true, NoMulti: true}} {
			t.Run(c.name, func(t *testing.T) {
				if probe, err := net.Listen("tcp", "[::1]:0"); err != nil {
					t.Skip("no IPv6 here")
				} else {
					probe.Close()
				}
				out := Wrap(listen(t, c.from), o)
				s := sendingOn(t, out)
				receivers := make(map[netip.AddrPort]*Socket)
				var order []netip.AddrPort
				for range 5 {
					r := Wrap(listen(t, c.to), o)
					at := r.LocalAddr()
					if at.Addr().IsUnspecified() {
						at = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.Port())
					}
					receivers[at] = r
					order = append(order, at)
				}
				for range 3 {
					for _, to := range order {
						for _, n := range []int{1150, 1150, 1150, 800, 900, 900, 1, 20} {
							s.put(to, n)
						}
					}
					s.b.Flush()
				}
				want := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), out.LocalAddr().Port())
				if order[0].Addr().Is6() {
					want = netip.AddrPortFrom(netip.MustParseAddr("::1"), want.Port())
				}
				for to, r := range receivers {
					d := []byte("the last one")
					if n, err := out.Send(d, to); n != len(d) || err != nil {
						t.Fatal(n, err)
					}
					s.sent[to] = append(s.sent[to], d)
					got, from := gather(t, r, len(s.sent[to]))
					same(t, to, got, s.sent[to])
					for _, f := range from {
						if f != want {
							t.Fatalf("from %v, want %v", f, want)
						}
					}
				}
				st := out.Stats()
				if st.Dropped != 0 || st.Sent != 3*5*8+5 || st.GSO == o.NoGSO || st.GSO != (st.Runs > 0) {
					t.Errorf("%+v", st)
				}
			})
		}
	}
}

func TestReceive(t *testing.T) {
	for _, c := range []struct {
		o     Options
		errno unix.Errno
	}{{}, {o: Options{NoMulti: true}}, {errno: unix.ENOSYS}, {errno: unix.EPERM}} {
		s := on(t, &fake{receive: c.errno}, c.o)
		conn := listen(t, "127.0.0.1:0")
		to := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
		var want [][]byte
		for i := range 40 {
			d := bytes.Repeat([]byte{byte(i)}, 1+i*20)
			if i%7 == 3 {
				d = make([]byte, 1501) // is thrown away
			} else {
				want = append(want, d)
			}
			if _, err := conn.WriteToUDPAddrPort(d, to); err != nil {
				t.Fatal(err)
			}
		}
		got, from := gather(t, s, len(want))
		same(t, to, got, want)
		if from[0] != addrOf(conn) {
			t.Errorf("from %v", from[0])
		}
		st := s.Stats()
		if st.Received != uint64(len(want)) || st.Truncated != 6 {
			t.Errorf("%+v", st)
		}
		if many := c.o.NoMulti || c.errno != 0; many != (st.ReceiveCalls >= 40) {
			t.Errorf("%+v with %+v", st, c)
		}
		if c.errno != 0 && !s.receiveMulti.off.Load() {
			t.Errorf("%v teaches nothing", c.errno)
		}
		empty := []byte{}
		if _, err := conn.WriteToUDPAddrPort(empty, to); err != nil {
			t.Fatal(err)
		}
		got, _ = gather(t, s, 1)
		same(t, to, got, [][]byte{empty})
	}
}

func TestReceiveEnds(t *testing.T) {
	s := Wrap(listen(t, "127.0.0.1:0"), Options{})
	list := []Datagram{{Buffer: make([]byte, 100)}}
	if n, err := s.Receive(nil); n != 0 || err != nil {
		t.Error(n, err)
	}
	if err := s.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Receive(list); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(n, err)
	}
	if err := s.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := s.Receive(list)
		ended <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// failing is a kernel that has errors of earlier datagrams to tell.
type failing struct {
	kernel
	left int
}

func (f *failing) recvmmsg(fd uintptr, list []unix.Mmsghdr) (int, unix.Errno) {
	if f.left > 0 {
		f.left--
		return 0, unix.ECONNREFUSED
	}
	return f.kernel.recvmmsg(fd, list)
}

func TestReceiveErrors(t *testing.T) {
	f := &failing{left: 3}
	s := wrap(listen(t, "127.0.0.1:0"), Options{}, f)
	if _, err := s.Send([]byte("abc"), s.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	got, _ := gather(t, s, 1)
	same(t, s.LocalAddr(), got, [][]byte{[]byte("abc")})
	f.left = 100
	if _, err := s.Receive(make([]Datagram, 2)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
}

// A link-local address means nothing without its zone.
func TestZone(t *testing.T) {
	var local netip.Addr
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
				local = p.Addr().WithZone(i.Name)
			}
		}
	}
	if !local.IsValid() {
		t.Skip("no link-local address here")
	}
	a, b := Wrap(listen(t, "[::]:0"), Options{}), Wrap(listen(t, "[::]:0"), Options{})
	to := netip.AddrPortFrom(local, b.LocalAddr().Port())
	if _, err := a.Send([]byte("abc"), to); err != nil {
		t.Fatal(err)
	}
	got, from := gather(t, b, 1)
	same(t, to, got, [][]byte{[]byte("abc")})
	if want := netip.AddrPortFrom(local, a.LocalAddr().Port()); from[0] != want {
		t.Errorf("from %v, want %v", from[0], want)
	}
}

func TestZones(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	var z zones
	for range 2 {
		if id := z.id("lo"); id != uint32(lo.Index) {
			t.Errorf("lo is %d", id)
		}
		if name := z.name(uint32(lo.Index)); name != "lo" {
			t.Errorf("%d is %q", lo.Index, name)
		}
		if id := z.id("12345"); id != 12345 {
			t.Errorf("12345 is %d", id)
		}
		if name := z.name(12345); name != "12345" {
			t.Errorf("12345 is %q", name)
		}
		if id := z.id("no such interface"); id != 0 {
			t.Errorf("nothing is %d", id)
		}
	}
	for i := range 10 * maxZones { // as a client could name them
		z.name(uint32(i) + 1<<20)
		z.id(netip.AddrFrom4([4]byte{0, 0, byte(i >> 8), byte(i)}).String())
	}
	if len(z.ids) > maxZones || len(z.names) > maxZones {
		t.Errorf("%d and %d are kept", len(z.ids), len(z.names))
	}
	s := Wrap(listen(t, "[::]:0"), Options{})
	if _, err := s.Send([]byte("abc"), netip.MustParseAddrPort("[fe80::1%nowhere]:9")); !errors.Is(err, errAddress) {
		t.Error(err)
	}
}

func TestAllocations(t *testing.T) {
	for _, o := range []Options{{}, {NoGSO: true}, {NoGSO: true, NoMulti: true}} {
		conn := listen(t, "[::]:0")
		in, out := Wrap(listen(t, "127.0.0.1:0"), o), Wrap(conn, o)
		to := in.LocalAddr()
		b := out.NewBatch()
		list := make([]Datagram, 8)
		for i := range list {
			list[i].Buffer = make([]byte, 1500)
		}
		frame := func() {
			for range 6 {
				copy(b.Reserve(to, 1166), "data")
				b.Commit(1150)
			}
			b.Flush()
			for n := 0; n < 6; {
				k, err := in.Receive(list)
				if err != nil {
					t.Fatal(err)
				}
				n += k
			}
		}
		if n := testing.AllocsPerRun(200, frame); n != 0 {
			t.Errorf("%+v: %v allocations a frame", o, n)
		}
		d := make([]byte, 100)
		n := testing.AllocsPerRun(200, func() {
			if _, err := out.Send(d, to); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Receive(list); err != nil {
				t.Fatal(err)
			}
		})
		// With the race detector sync.Pool throws some away.
		if n != 0 && !raceDetector {
			t.Errorf("%+v: %v allocations a Send", o, n)
		}
	}
}
