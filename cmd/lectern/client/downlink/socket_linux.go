package downlink

import (
	"net"
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

// socket is one UDP socket. write may be called concurrently; read by one
// goroutine.
type socket struct {
	conn *net.UDPConn
	raw  syscall.RawConn
}

func listen(local netip.Addr) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(socketBuffer) // as much as the system allows
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	// Without time stamps the time of reading has to do.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	return &socket{conn, raw}, nil
}

func (s *socket) port() uint16 { return uint16(s.conn.LocalAddr().(*net.UDPAddr).Port) } //nolint:gosec // a port

func (s *socket) close() { _ = s.conn.Close() }

// write sends a packet, or loses it.
func (s *socket) write(b []byte, to netip.AddrPort) { _, _ = s.conn.WriteToUDPAddrPort(b, to) }

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	header unix.Msghdr
	size   uint32
}

// batch is room for what is read at once. Only one reader in a hundred has one
// at a time, so they share some.
type batch struct {
	messages [batchSize]message
	vectors  [batchSize]unix.Iovec
	names    [batchSize]unix.RawSockaddrAny
	controls [batchSize][controlSize]byte
	buffers  [batchSize][maxPacket]byte
	list     [batchSize]datagram
}

var batches = sync.Pool{New: func() any {
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
}}

// read gives what comes to take, until the socket is closed; late is how long
// the first packet had waited. It waits once and in Go's poller: the function
// that RawConn.Read calls again whenever there is something never says that it
// has done.
func (s *socket) read(take func(list []datagram, late time.Duration)) error {
	var failed error
	err := s.raw.Read(func(fd uintptr) bool {
		b := batches.Get().(*batch)
		defer batches.Put(b)
		for {
			n, errno := b.receive(fd)
			switch {
			case errno == unix.EINTR:
				continue
			case errno == unix.EAGAIN:
				return false
			case errno != 0:
				failed = errno
				return true
			}
			late := b.describe(n)
			take(b.list[:n], late)
			if n < batchSize {
				return false // what came since wakes the poller
			}
		}
	})
	if err == nil {
		err = failed
	}
	return err
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
