package egress

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fake is a kernel that delivers into memory, and refuses what it is told to.
type fake struct {
	kernel // receives

	mu sync.Mutex
	// Guarded by mu.
	multi    unix.Errno                                       // what sendmmsg is refused with
	receive  unix.Errno                                       // what recvmmsg is refused with
	old      bool                                             // UDP_SEGMENT is not known
	refuse   func(to netip.AddrPort, segments int) unix.Errno // of a message
	calls    int                                              // made, of any kind
	messages int                                              // delivered
	got      map[netip.AddrPort][][]byte                      // datagrams delivered
	bad      []string                                         // what a kernel would not take
}

func (f *fake) segment(uintptr) error {
	if f.old {
		return unix.ENOPROTOOPT
	}
	return nil
}

func (f *fake) sendmsg(_ uintptr, m *unix.Msghdr) unix.Errno {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.deliver(m)
}

func (f *fake) sendmmsg(_ uintptr, list []unix.Mmsghdr) (int, unix.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.multi != 0 {
		return 0, f.multi
	}
	for i := range list {
		if errno := f.deliver(&list[i].Hdr); errno != 0 {
			if i > 0 {
				return i, 0
			}
			return 0, errno
		}
	}
	return len(list), 0
}

func (f *fake) recvmmsg(fd uintptr, list []unix.Mmsghdr) (int, unix.Errno) {
	if f.receive != 0 {
		return 0, f.receive
	}
	return f.kernel.recvmmsg(fd, list)
}

// deliver does what udp_sendmsg does; mu is held.
func (f *fake) deliver(m *unix.Msghdr) unix.Errno {
	to := (&Socket{}).get((*unix.RawSockaddrInet6)(unsafe.Pointer(m.Name)))
	data := unsafe.Slice(m.Iov.Base, m.Iov.Len)
	size, segments := len(data), 1
	if m.Controllen > 0 {
		c := (*control)(unsafe.Pointer(m.Control))
		size = int(c.size)
		segments = (len(data) + size - 1) / size
		if c.header.Level != unix.IPPROTO_UDP || c.header.Type != unix.UDP_SEGMENT || segments < 2 {
			f.bad = append(f.bad, fmt.Sprintf("control message %+v for %d segments", *c, segments))
		}
	}
	if segments > 64 || len(data) > 65507 {
		f.bad = append(f.bad, fmt.Sprintf("%d bytes, %d segments", len(data), segments))
	}
	if f.refuse != nil {
		if errno := f.refuse(to, segments); errno != 0 {
			return errno
		}
	}
	f.messages++
	if f.got == nil {
		f.got = make(map[netip.AddrPort][][]byte)
	}
	for ; len(data) > 0; data = data[min(size, len(data)):] {
		f.got[to] = append(f.got[to], bytes.Clone(data[:min(size, len(data))]))
	}
	return 0
}

// listen is a socket on the loopback.
func listen(t testing.TB, at string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadBuffer(4 << 20)
	return conn
}

func addrOf(conn *net.UDPConn) netip.AddrPort {
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// on is a Socket over a fake.
func on(t testing.TB, f *fake, o Options) *Socket {
	t.Helper()
	s := wrap(listen(t, "127.0.0.1:0"), o, f)
	t.Cleanup(func() {
		for _, what := range f.bad {
			t.Error("the kernel would not take", what)
		}
	})
	return s
}

// viewer is a destination that nobody is at.
func viewer(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 9)
}

// sending is what was committed, by destination.
type sending struct {
	t    testing.TB
	b    *Batch
	n    uint32
	sent map[netip.AddrPort][][]byte
}

func sendingOn(t testing.TB, s *Socket) *sending {
	return &sending{t: t, b: s.NewBatch(), sent: make(map[netip.AddrPort][][]byte)}
}

// put sends a datagram of n bytes, all of them telling which one it is.
func (s *sending) put(to netip.AddrPort, n int) {
	s.n++
	d := bytes.Repeat(binary.BigEndian.AppendUint32(nil, s.n), n/4+1)[:n]
	room := s.b.Reserve(to, n+16)
	if len(room) != n+16 || cap(room) != n+16 {
		s.t.Fatalf("room for %d bytes: %d of %d", n+16, len(room), cap(room))
	}
	copy(room, d)
	s.b.Commit(n)
	s.sent[to] = append(s.sent[to], d)
}

// same reports what is wrong with what came.
func same(t testing.TB, to netip.AddrPort, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%v: %d datagrams of %d", to, len(got), len(want))
		return
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("%v: datagram %d is %d bytes %.8x, want %d bytes %.8x", to, i, len(got[i]), got[i], len(want[i]), want[i])
			return
		}
	}
}
