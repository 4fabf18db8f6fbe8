package egress

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What is learnt of the kernel.
const (
	// manyRefusals is after how many of them without a success a thing is done
	// without.
	manyRefusals = 8
	// again is when segmentation is tried again, by the socket or for one
	// destination, in nanoseconds: the next route may have it.
	again = int64(time.Minute)
	never = math.MaxInt64
)

// Socket is the media port. Its methods may be called concurrently, except
// that Receive is one goroutine's.
type Socket struct {
	conn     *net.UDPConn
	plain    net.PacketConn // instead of conn; nil: none
	raw      syscall.RawConn
	system   system
	family   uint16
	start    time.Time // of the clock
	zones    zones
	counters counters
	in       *inbox
	singles  sync.Pool     // of *outbox, for Send
	gate     chan struct{} // has room for who waits for the send buffer

	sendMulti    feature
	receiveMulti feature
	gsoOff       atomic.Int64 // until when segmentation is off, by the clock; 0: it is on
	gsoRefusals  atomic.Int32 // since it worked last
}

// feature is a system call that may be missing, or forbidden in a sandbox.
type feature struct {
	off, worked atomic.Bool
	refusals    atomic.Int32
}

// works tells that the call did something.
func (f *feature) works() {
	if !f.worked.Load() {
		f.worked.Store(true)
	}
}

// suspect reports whether an error may mean that the call itself is refused:
// a sandbox says any of these, but so does a firewall of one destination. That
// it worked before tells them apart.
func (f *feature) suspect(errno unix.Errno) bool {
	return (errno == unix.ENOSYS || errno == unix.EPERM || errno == unix.EACCES) && !f.worked.Load()
}

// refused tells that the call was refused what its plain counterpart was not.
func (f *feature) refused(errno unix.Errno) {
	if f.refusals.Add(1) >= manyRefusals || errno == unix.ENOSYS {
		f.off.Store(true)
	}
}

// Wrap makes a Socket of a connection, with its buffers set, which is then the
// Socket's alone: to read, to write, to set deadlines of, to close.
func Wrap(conn *net.UDPConn, o Options) *Socket { return wrap(conn, o, kernel{}) }

func wrap(conn *net.UDPConn, o Options, sys system) *Socket {
	s := &Socket{conn: conn, system: sys, start: time.Now(), family: unix.AF_INET6, gate: make(chan struct{}, 1)}
	s.singles.New = func() any { return newOutbox(s, 1) }
	s.in = newInbox(s)
	s.sendMulti.off.Store(o.NoMulti)
	s.receiveMulti.off.Store(o.NoMulti)
	gso := !o.NoGSO
	// The error is only that conn is closed, which the first call will tell.
	s.raw, _ = conn.SyscallConn()
	_ = s.raw.Control(func(fd uintptr) {
		if family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil {
			s.family = uint16(family)
		}
		gso = gso && sys.segment(fd) == nil
	})
	if !gso {
		s.gsoOff.Store(never)
	}
	return s
}

// now is the clock: monotonic, in nanoseconds, never 0.
func (s *Socket) now() int64 { return int64(time.Since(s.start)) + 1 }

func (s *Socket) usesGSO() bool {
	until := s.gsoOff.Load() // the clock is not read in the usual cases
	return until == 0 || until != never && until <= s.now()
}

func (s *Socket) usesMulti() bool { return !s.sendMulti.off.Load() }

// gsoWorked tells that a run was sent.
func (s *Socket) gsoWorked() {
	if s.gsoRefusals.Load() != 0 {
		s.gsoRefusals.Store(0)
	}
	if until := s.gsoOff.Load(); until != 0 {
		s.gsoOff.CompareAndSwap(until, 0)
	}
}

// gsoRefused tells that a run was refused.
func (s *Socket) gsoRefused() {
	if s.gsoRefusals.Add(1) >= manyRefusals {
		s.gsoOff.Store(s.now() + again)
	}
}

var errAddress = errors.New("egress: no address this socket can send to")

// Send sends one datagram at once. If the send buffer is full it waits for
// 5 ms at most.
func (s *Socket) Send(b []byte, to netip.AddrPort) (int, error) {
	if s.plain != nil {
		return s.sendPlain(b, to)
	}
	o := s.singles.Get().(*outbox)
	defer s.singles.Put(o)
	o.one[0] = run{to: to, total: len(b), size: len(b), segments: 1}
	if err := o.send(b, o.one[:]); err != nil {
		return 0, fmt.Errorf("egress: send to %v: %w", to, err)
	}
	return len(b), nil
}
