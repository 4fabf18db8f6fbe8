//go:build !linux

package downlink

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

const socketBuffer = 512 << 10

// socket is one UDP socket. write may be called concurrently; read by one
// goroutine.
type socket struct{ conn *net.UDPConn }

func listen(local netip.Addr) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(socketBuffer) // as much as the system allows
	return &socket{conn}, nil
}

func (s *socket) port() uint16 { return uint16(s.conn.LocalAddr().(*net.UDPAddr).Port) } //nolint:gosec // a port

func (s *socket) close() { _ = s.conn.Close() }

// write sends a packet, or loses it.
func (s *socket) write(b []byte, to netip.AddrPort) { _, _ = s.conn.WriteToUDPAddrPort(b, to) }

// read gives what comes to take, until the socket is closed. How long packets
// waited is not known.
func (s *socket) read(take func(list []datagram, late time.Duration)) {
	b := make([]byte, maxPacket)
	var list [1]datagram
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as a port of the other side that is closed; it may open
			time.Sleep(beatTime)
			continue
		}
		list[0] = datagram{b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now()}
		take(list[:], 0)
	}
}
