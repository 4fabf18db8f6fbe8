package egress

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// SharesPorts says that Share is worth trying.
const SharesPorts = true

// Share opens n more connections on the port of conn, bound as it is; the kernel
// divides what arrives among all of them (SO_REUSEPORT of socket(7)). What one
// address and port sends to one address of this machine comes to one of them,
// always the same while none is opened or closed.
//
// conn must have been bound without the option, and so alone: had it asked to
// share, it would have shared with whoever was there, and taken half of his
// datagrams. From now on a process of the same user may join if it asks to.
//
// On an error there are none, and conn is as it was.
func Share(conn *net.UDPConn, n int) (more []*net.UDPConn, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("egress: share a port: %w", err)
	}
	network := "udp4"
	if err := raw.Control(func(fd uintptr) {
		if family, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); family != unix.AF_INET6 {
			return
		}
		network = "udp" // takes IPv4 as well
		if only, _ := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); only != 0 {
			network = "udp6"
		}
	}); err != nil {
		return nil, fmt.Errorf("egress: share a port: %w", err)
	}
	defer func() {
		if err == nil {
			return
		}
		for _, c := range more {
			_ = c.Close()
		}
		_ = sharing(raw, false)
		more, err = nil, fmt.Errorf("egress: share %s port %v: %w", network, conn.LocalAddr(), err)
	}()
	if err := sharing(raw, true); err != nil {
		return nil, err
	}
	listen := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return sharing(raw, true) }}
	for range n {
		c, err := listen.ListenPacket(context.Background(), network, conn.LocalAddr().String())
		if err != nil {
			return more, err
		}
		more = append(more, c.(*net.UDPConn))
	}
	return more, nil
}

func sharing(raw syscall.RawConn, on bool) (err error) {
	value := 0
	if on {
		value = 1
	}
	if failed := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, value)
	}); failed != nil {
		return failed
	}
	return err
}
