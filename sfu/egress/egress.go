package egress

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// MaxDatagram is the most a datagram carries over IPv4, in bytes (RFC 768 and
// RFC 791: 65,535 less both headers). IPv6 would have 20 more.
const MaxDatagram = 65507

// Options forbid what the kernel may be asked for. The zero value asks for all
// of it; what is refused is found out, and done without.
type Options struct {
	NoGSO   bool // each datagram is a message of its own to the kernel
	NoMulti bool // and each message is a system call of its own, both ways
}

// Datagram is a place for one received datagram.
type Datagram struct {
	Buffer []byte         // the caller's, to receive into
	Data   []byte         // what came, at the start of Buffer
	From   netip.AddrPort // an IPv4 address is never a mapped one
}

// Stats are counts since the start, and what is in use now.
type Stats struct {
	Received     uint64 // datagrams
	ReceiveCalls uint64 // system calls, those that found nothing included
	Truncated    uint64 // datagrams longer than the buffer, thrown away
	Sent         uint64 // datagrams the kernel took
	SendCalls    uint64 // system calls, those that failed included
	Runs         uint64 // messages with more than one datagram among Sent
	Refused      uint64 // runs refused, and sent datagram by datagram
	Congested    uint64 // times the send buffer was full
	Dropped      uint64 // datagrams that could not be sent

	GSO   bool // runs are used
	Multi bool // several messages are sent with one system call
}

// counters are the counts of Stats.
type counters struct {
	received, receiveCalls, truncated atomic.Uint64
	sent, sendCalls, runs, refused    atomic.Uint64
	congested, dropped                atomic.Uint64
}

// tally is what one Flush or Send adds to the counters.
type tally struct {
	sent, sendCalls, runs, refused, congested, dropped uint64
}

func (c *counters) add(t *tally) {
	c.sent.Add(t.sent)
	c.sendCalls.Add(t.sendCalls)
	c.runs.Add(t.runs)
	// These are nearly always nothing.
	for _, rare := range [...]struct {
		to *atomic.Uint64
		n  uint64
	}{{&c.refused, t.refused}, {&c.congested, t.congested}, {&c.dropped, t.dropped}} {
		if rare.n != 0 {
			rare.to.Add(rare.n)
		}
	}
}

// Stats may be called concurrently with everything.
func (s *Socket) Stats() Stats {
	c := &s.counters
	return Stats{
		Received: c.received.Load(), ReceiveCalls: c.receiveCalls.Load(), Truncated: c.truncated.Load(),
		Sent: c.sent.Load(), SendCalls: c.sendCalls.Load(), Runs: c.runs.Load(), Refused: c.refused.Load(),
		Congested: c.congested.Load(), Dropped: c.dropped.Load(),
		GSO: s.plain == nil && s.usesGSO(), Multi: s.plain == nil && s.usesMulti(),
	}
}

// LocalAddr is where the socket is bound.
func (s *Socket) LocalAddr() netip.AddrPort {
	at := s.base().LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// SetReadDeadline ends a Receive with os.ErrDeadlineExceeded, as of a
// net.UDPConn.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.base().SetReadDeadline(t) }

// Close closes the connection. Receive and Send fail with net.ErrClosed; what
// a Batch still holds is dropped at its next Flush.
func (s *Socket) Close() error { return s.base().Close() }
