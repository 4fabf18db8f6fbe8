package transport

import (
	"errors"
	"time"
)

// maxPacket is the largest UDP payload that is read or written, in bytes.
const maxPacket = 1500

// epoch is what arrival times count from: monotonic, and small.
var epoch = time.Now()

// Now is the clock of the arrival times, in nanoseconds.
func Now() int64 { return int64(time.Since(epoch)) }

var errNoPort = errors.New("transport: the endpoint is closed")

// read is the reader's goroutine.
func (t *Transport) read() {
	defer t.running.Done()
	for {
		select {
		case p := <-t.client.media:
			t.takeMedia(p.data)
			p.free()
		case <-t.closing.Done():
			return
		case <-t.endpoint.mux.closed:
			t.fail(errNoPort)
			return
		}
	}
}

// takeMedia decrypts a packet in place and hands it over. What cannot be
// decrypted is somebody else's, or a replay.
func (t *Transport) takeMedia(packet []byte) {
	c := t.secured.Load()
	if c == nil || len(packet) < 4 {
		return // before the handshake is done; it is the client that was early
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

// WriteRTP encrypts and sends one packet of at most 1,400 bytes. packet is not
// changed and not kept. It reports false if the connection is not ready or the
// kernel refuses; media does not wait for anything.
func (t *Transport) WriteRTP(packet []byte) bool {
	c, to := t.secured.Load(), t.to.Load()
	if c == nil || to == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sealed, err := c.out.EncryptRTP(c.scratch, packet, &c.outHeader)
	if err != nil {
		return false
	}
	_, err = t.endpoint.mux.socket.WriteToAddrPort(sealed, *to)
	return err == nil
}

// WriteRTCP encrypts and sends one compound packet, as WriteRTP does.
func (t *Transport) WriteRTCP(packet []byte) bool {
	c, to := t.secured.Load(), t.to.Load()
	if c == nil || to == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sealed, err := c.out.EncryptRTCP(c.scratch, packet, nil)
	if err != nil {
		return false
	}
	_, err = t.endpoint.mux.socket.WriteToAddrPort(sealed, *to)
	return err == nil
}

// Profile is the protection of the media as RFC 5764 and RFC 7714 call it, or ""
// before the handshake is done.
func (t *Transport) Profile() string {
	if c := t.secured.Load(); c != nil {
		return c.profile
	}
	return ""
}
