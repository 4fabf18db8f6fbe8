package transport

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5/deadline"
)

// dtlsPipe gives the DTLS packets of a connection to pion's dtls. Its reader is
// one goroutine.
type dtlsPipe struct {
	t *Transport
	// from is where the last packet came from. A client that nominated a pair
	// may begin before this side has heard of it.
	from atomic.Pointer[netip.AddrPort]

	once   sync.Once
	closed chan struct{}

	reading *deadline.Deadline
}

func newDTLSPipe(t *Transport) *dtlsPipe {
	return &dtlsPipe{t: t, closed: make(chan struct{}), reading: deadline.New()}
}

// ReadFrom waits for the next packet.
func (d *dtlsPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-d.t.client.secure:
		if last := d.from.Load(); last == nil || *last != p.from {
			from := p.from
			d.from.Store(&from)
		}
		n := copy(b, p.data)
		p.free()
		return n, pipeAddr{}, nil
	case <-d.closed:
		return 0, nil, net.ErrClosed
	case <-d.t.endpoint.mux.closed:
		return 0, nil, net.ErrClosed
	case <-d.reading.Done():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo sends a packet to the client, wherever it is now. What cannot be sent
// is lost like any other, and DTLS or SCTP sends it again.
func (d *dtlsPipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	if d.t.endpoint.mux.isClosed() {
		return 0, net.ErrClosed
	}
	to := d.t.to.Load()
	if to == nil {
		to = d.from.Load()
	}
	if to != nil {
		_, _ = d.t.endpoint.mux.socket.Send(b, *to)
	}
	return len(b), nil
}

// Close ends reading.
func (d *dtlsPipe) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// LocalAddr and RemoteAddr satisfy net.PacketConn; nothing depends on them.
func (d *dtlsPipe) LocalAddr() net.Addr { return pipeAddr{} }

// RemoteAddr is a fixed name for the client, whose address may change.
func (d *dtlsPipe) RemoteAddr() net.Addr { return pipeAddr{} }

// SetDeadline sets the read deadline; writing does not wait.
func (d *dtlsPipe) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }

// SetReadDeadline ends what waits in ReadFrom at a time.
func (d *dtlsPipe) SetReadDeadline(t time.Time) error {
	d.reading.Set(t)
	return nil
}

// SetWriteDeadline is not needed: writing does not wait.
func (d *dtlsPipe) SetWriteDeadline(time.Time) error { return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "ice" }
func (pipeAddr) String() string  { return "ice" }
