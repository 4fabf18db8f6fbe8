package egress

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxReceive is how many datagrams one system call gives.
	maxReceive = 64
	// maxErrors is how many errors in a row Receive puts up with. The kernel
	// tells here of datagrams that were sent and did not arrive, once each.
	maxErrors = 8
)

// inbox is what Receive keeps between calls.
type inbox struct {
	socket *Socket
	read   func(fd uintptr) bool // built once, so that a call allocates nothing

	messages [maxReceive]unix.Mmsghdr
	vectors  [maxReceive]unix.Iovec
	names    [maxReceive]unix.RawSockaddrInet6

	// Of the call under way.
	wanted, got int
	errno       unix.Errno
}

func newInbox(s *Socket) *inbox {
	in := &inbox{socket: s}
	in.read = in.attempt
	for i := range in.messages {
		m := &in.messages[i].Hdr
		m.Name, m.Iov = (*byte)(unsafe.Pointer(&in.names[i])), &in.vectors[i]
		m.SetIovlen(1)
	}
	return in
}

// Receive waits for a datagram, and gives what is there then, at most 64: the
// first n of the list have Data and From. It is one goroutine's. It allocates
// nothing, unless an address has a zone. 16 are enough for a port that is not
// behind.
//
// The buffers are the caller's. Between two calls he may take a Datagram's
// Buffer, with the Data in it, and put another one in its place; Receive writes
// to what it finds in the list and keeps none of it. It may exchange the list's
// elements. Datagrams that are longer than their buffer are thrown away.
//
// The error is net.ErrClosed after Close, os.ErrDeadlineExceeded after the
// deadline, else one of the kernel's that did not go away.
func (s *Socket) Receive(list []Datagram) (n int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	if s.plain != nil {
		return s.receivePlain(list)
	}
	in := s.in
	for errors := 0; ; {
		most := maxReceive
		if s.receiveMulti.off.Load() {
			most = 1
		}
		in.prepare(list[:min(len(list), most)])
		if err := s.raw.Read(in.read); err != nil {
			return 0, err
		}
		if in.errno != 0 {
			if errors++; errors == maxErrors {
				return 0, os.NewSyscallError("recvmmsg", in.errno)
			}
			continue
		}
		if n = in.take(list); n > 0 {
			return n, nil
		}
	}
}

func (in *inbox) prepare(list []Datagram) {
	in.wanted = len(list)
	for i := range list {
		v, m := &in.vectors[i], &in.messages[i].Hdr
		v.Base = unsafe.SliceData(list[i].Buffer)
		v.SetLen(len(list[i].Buffer))
		m.Namelen, m.Flags = unix.SizeofSockaddrInet6, 0
	}
}

// attempt reports whether there was something.
func (in *inbox) attempt(fd uintptr) bool {
	for {
		in.socket.counters.receiveCalls.Add(1)
		switch in.got, in.errno = in.call(fd); in.errno {
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			return true
		}
	}
}

func (in *inbox) call(fd uintptr) (int, unix.Errno) {
	f, sys := &in.socket.receiveMulti, in.socket.system
	refused := unix.Errno(0)
	if in.wanted > 1 {
		n, errno := sys.recvmmsg(fd, in.messages[:in.wanted])
		if errno == 0 {
			f.works()
			return n, 0
		}
		if !f.suspect(errno) {
			return 0, errno
		}
		in.socket.counters.receiveCalls.Add(1)
		refused = errno
	}
	n, errno := sys.recvmsg(fd, &in.messages[0].Hdr)
	if errno != 0 {
		return 0, errno
	}
	if refused != 0 {
		f.refused(refused)
	}
	in.messages[0].Len = uint32(n)
	return 1, 0
}

// take fills the list in from the messages, without those that were cut.
func (in *inbox) take(list []Datagram) (n int) {
	for i := range in.got {
		m := &in.messages[i]
		if m.Hdr.Flags&unix.MSG_TRUNC != 0 {
			continue
		}
		d := &list[i]
		d.Data, d.From = d.Buffer[:m.Len], in.socket.get(&in.names[i])
		if n != i {
			list[n], list[i] = list[i], list[n]
		}
		n++
	}
	c := &in.socket.counters
	c.received.Add(uint64(n))
	if cut := in.got - n; cut > 0 {
		c.truncated.Add(uint64(cut))
	}
	return n
}
