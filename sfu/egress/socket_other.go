//go:build !linux

package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
)

// Socket is the media port. Its methods may be called concurrently, except
// that Receive is one goroutine's.
type Socket struct {
	conn     *net.UDPConn
	plain    net.PacketConn // instead of conn; nil: none
	counters counters
}

// Wrap makes a Socket of a connection, which is then the Socket's alone. Here
// each datagram is one system call, whatever the Options.
func Wrap(conn *net.UDPConn, _ Options) *Socket { return &Socket{conn: conn} }

func (s *Socket) usesGSO() bool   { return false }
func (s *Socket) usesMulti() bool { return false }

// Send sends one datagram at once.
func (s *Socket) Send(b []byte, to netip.AddrPort) (int, error) {
	if s.plain != nil {
		return s.sendPlain(b, to)
	}
	t := tally{sendCalls: 1}
	n, err := s.conn.WriteToUDPAddrPort(b, to)
	if err != nil {
		t.dropped = 1
		err = fmt.Errorf("egress: send to %v: %w", to, err)
	} else {
		t.sent = 1
	}
	s.counters.add(&t)
	return n, err
}

// cutDatagram is WSAEMSGSIZE, by which Windows tells that a datagram was
// longer than the buffer. The other systems cut it and say nothing here.
const cutDatagram = syscall.Errno(10040)

// Receive waits for a datagram and puts it first in the list; n is 1. It is one
// goroutine's.
//
// The buffers are the caller's. Between two calls he may take the Datagram's
// Buffer, with the Data in it, and put another one in its place; Receive keeps
// none of it.
//
// The error is net.ErrClosed after Close, os.ErrDeadlineExceeded after the
// deadline, else one of the system's.
func (s *Socket) Receive(list []Datagram) (n int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	if s.plain != nil {
		return s.receivePlain(list)
	}
	d := &list[0]
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(d.Buffer)
		s.counters.receiveCalls.Add(1)
		if err == nil {
			d.Data, d.From = d.Buffer[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			s.counters.received.Add(1)
			return 1, nil
		}
		if runtime.GOOS != "windows" || !errors.Is(err, cutDatagram) {
			return 0, err
		}
		s.counters.truncated.Add(1)
	}
}

// outbox sends the runs of a Batch.
type outbox struct{ socket *Socket }

func newOutbox(s *Socket, _ int) *outbox { return &outbox{s} }

// alone has every datagram be a run of its own.
func (o *outbox) alone(netip.AddrPort) bool { return true }

func (o *outbox) send(arena []byte, runs []run) {
	for _, r := range runs {
		_, _ = o.socket.Send(arena[r.at:r.at+r.total], r.to) // counted there
	}
}
