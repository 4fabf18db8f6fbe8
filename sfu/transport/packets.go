package transport

import (
	"errors"
	"time"

	"lectern/sfu/egress"
)

// maxPacket is the largest UDP payload that is read or written, in bytes.
const maxPacket = 1500

// epoch is what arrival times count from: monotonic, and small.
var epoch = time.Now()

// Now is the clock of the arrival times, in nanoseconds.
func Now() int64 { return int64(time.Since(epoch)) }

// Why a connection fails that is not the client's fault.
var (
	errNoPort = errors.New("transport: the endpoint is closed")
	errFault  = errors.New("transport: the server made a mistake, which its log describes")
)

// sealing is how many bytes encryption adds at most: an authentication tag.
const sealing = 16

// takeMedia decrypts a packet in place and hands it over. What cannot be
// decrypted is somebody else's, or a replay.
func (t *Transport) takeMedia(packet []byte, now int64, into *egress.Batch) bool {
	c := t.secured.Load()
	if c == nil || len(packet) < 4 {
		return false // before the handshake is done; it is the client that was early
	}
	if packet[1] >= 192 && packet[1] <= 223 { // RTCP (RFC 5761 section 4)
		if plain, err := c.in.DecryptRTCP(packet, packet, nil); err == nil {
			t.handler.RTCP(plain, now, into)
		}
		return false
	}
	plain, err := c.in.DecryptRTP(packet, packet, &c.inHeader)
	if err == nil {
		t.handler.RTP(plain, now)
	}
	return err == nil
}

func (t *Transport) flush(into *egress.Batch, now int64) (held bool, until int64) {
	return t.handler.Flush(into, now)
}

// Reserve gives room for one RTP packet of at most size bytes, and at most
// 1,400, in a batch of the endpoint's; nil if the connection is not ready. It is
// valid until Seal, or the next Reserve of the batch.
func (t *Transport) Reserve(into *egress.Batch, size int) []byte {
	to := t.to.Load()
	if to == nil || t.secured.Load() == nil {
		return nil
	}
	return into.Reserve(*to, size+sealing)[:size]
}

// Seal encrypts a packet, which lies at the start of what Reserve gave, and has
// it sent with the batch. It reports false if it cannot be.
func (t *Transport) Seal(into *egress.Batch, packet []byte) bool {
	c := t.secured.Load()
	if c == nil {
		return false
	}
	c.mu.Lock()
	sealed, err := c.out.EncryptRTP(packet, packet, &c.outHeader)
	c.mu.Unlock()
	if err != nil {
		return false
	}
	into.Commit(len(sealed))
	return true
}

// Begin gives a batch for what is sent outside Handler.Flush and Handler.RTCP;
// End sends it and takes it back.
func (t *Transport) Begin() *egress.Batch { return t.endpoint.batches.Get().(*egress.Batch) }

// End sends a batch that Begin gave.
func (t *Transport) End(b *egress.Batch) {
	b.Flush()
	t.endpoint.batches.Put(b)
}

// WriteRTCP encrypts and sends one compound packet of at most 1,400 bytes, at
// once. packet is not changed and not kept. It reports false if the connection is
// not ready.
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
	_, err = t.endpoint.mux.socket.Send(sealed, *to)
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
