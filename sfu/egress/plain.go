package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

var errNotUDP = errors.New("egress: a datagram from no UDP address")

// WrapPlain makes a Socket of any connection that gives and takes
// *net.UDPAddr, such as one of a simulated network. It is slower: each datagram
// is a call of its own.
func WrapPlain(conn net.PacketConn) *Socket { return &Socket{plain: conn} }

// base is what the socket stands on.
func (s *Socket) base() net.PacketConn {
	if s.plain != nil {
		return s.plain
	}
	return s.conn
}

func (s *Socket) receivePlain(list []Datagram) (n int, err error) {
	d := &list[0]
	n, from, err := s.plain.ReadFrom(d.Buffer)
	s.counters.receiveCalls.Add(1)
	if err != nil {
		return 0, err
	}
	at, ok := from.(*net.UDPAddr)
	if !ok {
		return 0, errNotUDP
	}
	d.Data, d.From = d.Buffer[:n], netip.AddrPortFrom(at.AddrPort().Addr().Unmap(), at.AddrPort().Port())
	s.counters.received.Add(1)
	return 1, nil
}

func (s *Socket) sendPlain(b []byte, to netip.AddrPort) (int, error) {
	n, err := s.plain.WriteTo(b, net.UDPAddrFromAddrPort(to))
	t := tally{sendCalls: 1, sent: 1}
	if err != nil {
		t.sent, t.dropped = 0, 1
		err = fmt.Errorf("egress: send to %v: %w", to, err)
	}
	s.counters.add(&t)
	return n, err
}
