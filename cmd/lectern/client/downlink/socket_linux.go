package downlink

import (
	"net/netip"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// socketBuffer is what the kernel holds for one peer, in bytes, if it may:
	// some hundred packets, for the time that the reader waits for a processor.
	socketBuffer = 512 << 10
	// batchSize is how many packets are read at once: a picture of some Mbit/s.
	batchSize = 16
	// controlSize is room for the time stamp that comes with a packet.
	controlSize = 64
)

// socket is one UDP socket. write and close may be called concurrently.
type socket struct {
	fd int
	at netip.AddrPort

	mu     sync.RWMutex
	closed bool // Guarded by mu.
}

// listen opens a socket that is not in Go's poller, which would be woken by
// every packet.
func listen(local netip.Addr) (*socket, error) {
	family := unix.AF_INET
	if local.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: fd}
	if err := s.bind(local); err != nil {
		s.close()
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer) // as much as the system allows
	// Without time stamps the time of reading has to do.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	return s, nil
}

func (s *socket) bind(local netip.Addr) error {
	if err := unix.Bind(s.fd, sockaddr(netip.AddrPortFrom(local, 0))); err != nil {
		return err
	}
	at, err := unix.Getsockname(s.fd)
	if err != nil {
		return err
	}
	switch a := at.(type) {
	case *unix.SockaddrInet4:
		s.at = netip.AddrPortFrom(local, uint16(a.Port)) //nolint:gosec // a port
	case *unix.SockaddrInet6:
		s.at = netip.AddrPortFrom(local, uint16(a.Port)) //nolint:gosec // a port
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if ip := a.Addr(); ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func (s *socket) port() uint16 { return s.at.Port() }

func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = unix.Close(s.fd)
	}
}

// write sends a packet, or loses it.
func (s *socket) write(b []byte, to netip.AddrPort) {
	s.mu.RLock() // so that the number is still this socket's
	defer s.mu.RUnlock()
	if !s.closed && to.IsValid() {
		_ = unix.Sendto(s.fd, b, unix.MSG_DONTWAIT, sockaddr(to))
	}
}

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	header unix.Msghdr
	size   uint32
}

// batch is room for what is read at once.
type batch struct {
	messages [batchSize]message
	vectors  [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrAny
	controls [batchSize][controlSize]byte
	buffers  [batchSize][maxPacket]byte
	list     [batchSize]datagram
}

func newBatch() *batch {
	b := new(batch)
	for i := range b.messages {
		h := &b.messages[i].header
		b.vectors[i].Base = &b.buffers[i][0]
		b.vectors[i].SetLen(maxPacket)
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Control = &b.controls[i][0]
	}
	return b
}

func (b *batch) receive(fd uintptr) (int, syscall.Errno) {
	for i := range b.messages {
		h := &b.messages[i].header
		h.Namelen = unix.SizeofSockaddrAny
		h.SetControllen(controlSize)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.messages[0])), batchSize,
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// describe makes datagrams of what was received.
func (b *batch) describe(n int) (late time.Duration) {
	now := time.Now()
	for i := range n {
		m := &b.messages[i]
		waited := max(waitOf(b.controls[i][:m.header.Controllen], now), 0)
		late = max(late, waited)
		b.list[i] = datagram{b.buffers[i][:m.size], addressOf(&b.names[i]), now.Add(-waited)}
	}
	return late
}

// maxWait is the longest time that is believed: beyond it the clock was set.
const maxWait = 10 * time.Second

// waitOf is how long a packet lay in the socket, 0 if that is not said. The
// kernel's time is that of the calendar, so only the difference to now is used.
func waitOf(control []byte, now time.Time) time.Duration {
	if len(control) < unix.SizeofCmsghdr {
		return 0
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	data := unix.CmsgLen(0)
	var t unix.Timespec
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS || len(control) < data+int(unsafe.Sizeof(t)) {
		return 0
	}
	t = *(*unix.Timespec)(unsafe.Pointer(&control[data]))
	waited := time.Duration(now.UnixNano() - t.Nano())
	if waited > maxWait {
		return 0
	}
	return waited
}

func addressOf(name *unix.RawSockaddrAny) netip.AddrPort {
	switch name.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), swap(a.Port))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), swap(a.Port))
	}
	return netip.AddrPort{}
}

// swap reads a port, which is in the network's order.
func swap(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}
