package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5/deadline"
)

// epoch is what arrival times count from: monotonic, and small.
var epoch = time.Now()

// Now is the clock of the arrival times, in nanoseconds.
func Now() int64 { return int64(time.Since(epoch)) }

// read is the reader's goroutine. It tells the kinds of packets apart by their
// first byte (RFC 7983 section 7).
func (t *Transport) read(conn *ice.Conn, pipe *dtlsPipe) {
	defer t.running.Done()
	defer func() { _ = pipe.Close() }()
	buffer := make([]byte, maxPacket)
	for {
		n, err := conn.Read(buffer)
		switch {
		case errors.Is(err, io.ErrShortBuffer):
			continue // nobody sends so much in one packet on purpose
		case err != nil:
			return
		case n == 0:
		case buffer[0] >= 20 && buffer[0] <= 63:
			pipe.push(buffer[:n])
		case buffer[0] >= 128 && buffer[0] <= 191:
			t.takeMedia(buffer[:n])
		}
	}
}

// takeMedia decrypts a packet in place and hands it over. What cannot be
// decrypted is somebody else's, or a replay.
func (t *Transport) takeMedia(packet []byte) {
	c := t.secured.Load()
	if c == nil || len(packet) < 4 {
		return
	}
	now := Now()
	if packet[1] >= 192 && packet[1] <= 223 { // RTCP (RFC 5761 section 4)
		if plain, err := c.in.DecryptRTCP(packet, packet, nil); err == nil {
			t.handler.RTCP(plain, now)
		}
		return
	}
	if plain, err := c.in.DecryptRTP(packet, packet, &c.inHeader); err == nil {
		t.handler.RTP(plain, now)
	}
}

// WriteRTP encrypts and sends one packet. packet is not changed and not kept.
// It reports false if the connection is not ready or the kernel refuses; media
// does not wait for anything.
func (t *Transport) WriteRTP(packet []byte) bool {
	c := t.secured.Load()
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sealed, err := c.out.EncryptRTP(c.scratch, packet, &c.outHeader)
	if err != nil {
		return false
	}
	_, err = t.conn.Write(sealed)
	return err == nil
}

// WriteRTCP encrypts and sends one compound packet.
func (t *Transport) WriteRTCP(packet []byte) bool {
	c := t.secured.Load()
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sealed, err := c.out.EncryptRTCP(c.scratch, packet, nil)
	if err != nil {
		return false
	}
	_, err = t.conn.Write(sealed)
	return err == nil
}

// maxWaiting is how many DTLS packets wait to be read; more are dropped, and
// sent again by the client.
const maxWaiting = 256

// dtlsPipe gives the DTLS packets of a connection to pion's dtls.
type dtlsPipe struct {
	conn    *ice.Conn
	packets chan []byte

	once   sync.Once
	closed chan struct{}

	reading *deadline.Deadline
}

func newDTLSPipe(c *ice.Conn) *dtlsPipe {
	return &dtlsPipe{conn: c, packets: make(chan []byte, maxWaiting), closed: make(chan struct{}), reading: deadline.New()}
}

func (p *dtlsPipe) push(packet []byte) {
	select {
	case p.packets <- append([]byte(nil), packet...):
	default:
	}
}

// ReadFrom waits for the next packet.
func (p *dtlsPipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case packet := <-p.packets:
		return copy(b, packet), p.RemoteAddr(), nil
	default:
	}
	select {
	case packet := <-p.packets:
		return copy(b, packet), p.RemoteAddr(), nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	case <-p.reading.Done():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo sends a packet to the client, wherever it is now.
func (p *dtlsPipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	n, err := p.conn.Write(b)
	if errors.Is(err, ice.ErrNoCandidatePairs) {
		return len(b), nil // lost; DTLS sends it again
	}
	return n, err
}

// Close ends reading.
func (p *dtlsPipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// LocalAddr and RemoteAddr satisfy net.PacketConn; nothing depends on them.
func (p *dtlsPipe) LocalAddr() net.Addr { return p.conn.LocalAddr() }

// RemoteAddr is a fixed name for the client, whose address may change.
func (p *dtlsPipe) RemoteAddr() net.Addr { return pipeAddr{} }

// SetDeadline sets the read deadline; writing does not wait.
func (p *dtlsPipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline ends what waits in ReadFrom at a time.
func (p *dtlsPipe) SetReadDeadline(t time.Time) error {
	p.reading.Set(t)
	return nil
}

// SetWriteDeadline is not needed: writing does not wait.
func (p *dtlsPipe) SetWriteDeadline(time.Time) error { return nil }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "ice" }
func (pipeAddr) String() string  { return "ice" }
