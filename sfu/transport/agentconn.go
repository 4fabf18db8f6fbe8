package transport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// connect makes the way to an ICE agent: a socket for each address in bases.
func (m *mux) connect(c *client, ufrag string, bases []*net.UDPAddr) ([]*agentConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.isClosed():
		return nil, errNoPort
	case c.gone:
		return nil, errClosed
	case m.agents[ufrag] != nil:
		return nil, errors.New("transport: two agents have one ufrag") // of 16 random letters
	}
	m.born++
	r := &route{ufrag: ufrag, client: c, born: m.born}
	var list []*agentConn
	for _, local := range bases {
		conn := &agentConn{mux: m, route: r, local: local, checks: make(chan *packet, checksQueue), closed: make(chan struct{})}
		r.conns[familyOf(local.AddrPort().Addr().Unmap())] = conn
		list = append(list, conn)
	}
	m.agents[ufrag] = r
	c.routes = append(c.routes, r)
	return list, nil
}

// agentConn is an agent's socket of one address family. Only its checks pass
// through it; media does not concern the agent.
type agentConn struct {
	mux    *mux
	route  *route
	local  *net.UDPAddr
	checks chan *packet

	once   sync.Once
	closed chan struct{}
}

// ReadFromAddrPort waits for the next STUN message.
func (c *agentConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-c.checks:
		defer p.free()
		return copy(b, p.data), p.from, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, io.EOF
	case <-c.mux.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// WriteToAddrPort sends a STUN message. A success response is only sent to who
// knew the password, so it proves where the client is.
func (c *agentConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-c.closed:
		return 0, io.ErrClosedPipe
	default:
	}
	success := len(b) > 1 && b[0] == 1 && b[1] == 1
	c.mux.expect(c.route, to, success)
	return c.mux.socket.Send(b, to)
}

// ReadFrom is ReadFromAddrPort in the terms of net.PacketConn.
func (c *agentConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is WriteToAddrPort in the terms of net.PacketConn.
func (c *agentConn) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, net.InvalidAddrError("not a UDP address")
	}
	return c.WriteToAddrPort(b, udp.AddrPort())
}

// Close ends reading, and the way to the agent: it closes all its sockets at
// once, when it fails or is closed.
func (c *agentConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.mux.remove(c.route.ufrag)
	})
	return nil
}

// LocalAddr is the candidate's address.
func (c *agentConn) LocalAddr() net.Addr { return c.local }

// SetDeadline and the others do nothing: pion only sets one to end reading, and
// closes right after.
func (c *agentConn) SetDeadline(time.Time) error      { return nil }
func (c *agentConn) SetReadDeadline(time.Time) error  { return nil }
func (c *agentConn) SetWriteDeadline(time.Time) error { return nil }
