package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"
)

// usage is what a process, and its machine, have used at a moment. What is not
// known is 0.
type usage struct {
	at      time.Time
	cpu     time.Duration // user and system
	memory  int64         // bytes that are resident and no file's
	dropped int64         // packets that its UDP sockets had no room for, of those that are open

	// Of the machine, in units that only compare with each other.
	busy, all  int64
	processors int // that it has
}

// cores is how many processors were kept busy since before.
func (u usage) cores(before usage) float64 {
	wall := u.at.Sub(before.at)
	if wall <= 0 {
		return 0
	}
	return float64(u.cpu-before.cpu) / float64(wall)
}

// busyPercent is how busy the machine was since before.
func (u usage) busyPercent(before usage) float64 {
	if u.all <= before.all {
		return 0
	}
	return 100 * float64(u.busy-before.busy) / float64(u.all-before.all)
}

// serverPID finds the server's process; 0 is none.
func serverPID(p *Plan) (int, error) {
	switch p.PID {
	case pidNone:
		return 0, nil
	case pidAuto:
		pid := findServer(p.URL)
		if pid == os.Getpid() {
			return 0, nil // a test: what is whose is not to be told
		}
		return pid, nil
	}
	pid, err := strconv.Atoi(p.PID)
	if err != nil {
		return 0, fmt.Errorf("--pid: %w", err)
	}
	switch _, err := takeUsage(pid); {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("--pid: there is no process %d", pid)
	case err != nil:
		return 0, fmt.Errorf("--pid: %w", err)
	}
	return pid, nil
}

// findServer is the process that listens on the address's port, if the address
// is this machine's and the process may be looked at.
func findServer(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	c, err := net.Dial("udp", hostPort(u)) // sends nothing
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	local, ok1 := c.LocalAddr().(*net.UDPAddr)
	remote, ok2 := c.RemoteAddr().(*net.UDPAddr)
	if !ok1 || !ok2 || !local.IP.Equal(remote.IP) {
		return 0
	}
	return listenerOf(remote.Port)
}

func hostPort(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Host
	case u.Scheme == "https":
		return u.Host + ":443"
	}
	return u.Host + ":80"
}
