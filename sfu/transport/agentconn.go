package transport

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
)

// agentMux is what one ICE agent sees of the mux: pion's interface.
type agentMux struct {
	mux    *mux
	client *client
	listen []net.Addr // one per address family
}

var _ ice.UDPMux = (*agentMux)(nil)

// GetListenAddresses is what the agent gathers: one candidate for each address
// family, as there is one socket. Others are only advertised.
func (a *agentMux) GetListenAddresses() []net.Addr { return a.listen }

// GetConn is called for each of them.
func (a *agentMux) GetConn(ufrag string, addr net.Addr) (net.PacketConn, error) {
	m := a.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed() {
		return nil, net.ErrClosed
	}
	if a.client.gone {
		return nil, errClosed
	}
	r := m.agents[ufrag]
	if r == nil {
		m.born++
		r = &route{ufrag: ufrag, client: a.client, born: m.born}
		m.agents[ufrag] = r
		a.client.routes = append(a.client.routes, r)
	}
	udp := addr.(*net.UDPAddr)
	c := &agentConn{mux: m, route: r, local: udp, checks: make(chan *packet, checksQueue), closed: make(chan struct{})}
	r.conns[familyOf(udp.AddrPort().Addr().Unmap())] = c
	return c, nil
}

// RemoveConnByUfrag is called when the agent fails, restarts or closes.
func (a *agentMux) RemoveConnByUfrag(ufrag string) { a.mux.remove(ufrag) }

// Close does nothing: the port is the endpoint's.
func (a *agentMux) Close() error { return nil }

// agentConn is an agent's socket of one address family. Only its checks pass
// through it; media does not concern the agent.
type agentConn struct {
	mux    *mux
	route  *route
	local  net.Addr
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
	return c.mux.socket.WriteToAddrPort(b, to)
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

// Close ends reading.
func (c *agentConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// LocalAddr is the candidate's address.
func (c *agentConn) LocalAddr() net.Addr { return c.local }

// SetDeadline and the others do nothing: pion only sets one to end reading, and
// closes right after.
func (c *agentConn) SetDeadline(time.Time) error      { return nil }
func (c *agentConn) SetReadDeadline(time.Time) error  { return nil }
func (c *agentConn) SetWriteDeadline(time.Time) error { return nil }
