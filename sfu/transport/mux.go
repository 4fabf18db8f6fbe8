package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
)

// addressMux is pion's mux over one socket, but with our choice of addresses
// to advertise: the candidates that an ICE agent gathers are just these.
type addressMux struct {
	*ice.UDPMuxDefault
	advertised []netip.Addr
	listening  []net.Addr
}

func newAddressMux(conn *net.UDPConn, port int, addresses []netip.Addr, log logging.LeveledLogger) *addressMux {
	m := &addressMux{
		UDPMuxDefault: ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: anyAddress{conn}, Logger: log}),
		advertised:    addresses,
	}
	for _, a := range addresses {
		m.listening = append(m.listening, &net.UDPAddr{IP: a.AsSlice(), Port: port, Zone: a.Zone()})
	}
	return m
}

// GetListenAddresses is what the agents gather.
func (m *addressMux) GetListenAddresses() []net.Addr { return m.listening }

// anyAddress says that the socket listens on all addresses, also where it is
// bound to one: pion compares the address asked for with the socket's, and what
// we advertise may be neither.
type anyAddress struct{ *net.UDPConn }

// LocalAddr is the unspecified address with the socket's port.
func (c anyAddress) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv6unspecified, Port: c.UDPConn.LocalAddr().(*net.UDPAddr).Port}
}

// ReadFromAddrPort lets pion read without an allocation per packet.
func (c anyAddress) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return c.ReadFromUDPAddrPort(b)
}

// WriteToAddrPort lets pion write without an allocation per packet.
func (c anyAddress) WriteToAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, addr)
}

// virtual are the names of interfaces that lead to containers and virtual
// machines on this host, not to clients.
var virtual = []string{"docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "lxc", "podman", "vmnet", "vboxnet"}

// interfaceAddresses are the addresses at which clients may reach this
// machine: IPv4 before IPv6. Loopback only if there is nothing else, as on a
// machine without a network; link-local IPv6 never, because a candidate carries
// no zone.
func interfaceAddresses() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("transport: list the network interfaces: %w", err)
	}
	var found, loopback []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || slices.ContainsFunc(virtual, func(p string) bool { return strings.HasPrefix(i.Name, p) }) {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue // it went away
		}
		for _, a := range list {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			switch ip := prefix.Addr().Unmap(); {
			case ip.IsLoopback():
				loopback = append(loopback, ip)
			case ip.Is4() || ip.IsGlobalUnicast():
				found = append(found, ip)
			}
		}
	}
	if len(found) == 0 {
		found = loopback
	}
	if len(found) == 0 {
		return nil, errors.New("transport: this machine has no network address; name one with --rtc-ip")
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int {
		return a.BitLen() - b.BitLen() // IPv4 first
	})
	return found, nil
}
