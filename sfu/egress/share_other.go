//go:build !linux

package egress

import (
	"errors"
	"fmt"
	"net"
)

// SharesPorts says that Share is worth trying.
const SharesPorts = false

// Share opens n more connections on the port of conn, among which the system
// divides what arrives. Here none does: those that know SO_REUSEPORT give all to
// one of the connections, or a client's datagrams now to one and now to another.
func Share(*net.UDPConn, int) ([]*net.UDPConn, error) {
	return nil, fmt.Errorf("egress: share a port: %w", errors.ErrUnsupported)
}
