// Package cache keeps the latest packets of one incoming stream, for all its
// receivers together, so that lost ones can be sent again.
//
// It does not know what a packet is beyond its sequence number and its bytes.
package cache

import "sync"

// Bounds of a Cache. It starts small and grows only while it does not reach
// back Keep: an audio stream stays at some kilobytes.
const (
	// Keep is how far back in time, in nanoseconds, a Cache reaches if its
	// bounds let it. A receiver that has not asked within a second has given
	// the frame up (libwebrtc's sender keeps as much).
	Keep = 1_000_000_000
	// MaxPackets is how many packets are kept at most.
	MaxPackets = 1024
	// MaxBytes is how many bytes are kept at most, not counting a table of 24
	// bytes per packet.
	MaxBytes = 1 << 21
	// MaxPacket is the largest packet kept, in bytes.
	MaxPacket = 1500

	firstPackets = 32
	firstBytes   = 4 << 10
)

// Cache is a ring of packets. The zero value is ready and takes no memory
// before the first Put. Its methods may be called concurrently.
type Cache struct {
	mu sync.Mutex
	// Guarded by mu.
	slots  []slot // a packet is at its sequence number modulo the length, a power of two
	bytes  []byte // position p is at p modulo the length
	end    int64  // position after the newest packet
	newest uint16 // the sequence number put last
	lap    int64  // when the ring of bytes was last begun anew
}

// slot says where a packet is. One whose bytes have been overwritten, length(bytes)
// positions later, is not cleared: its position tells.
type slot struct {
	at  int64 // when it was put
	pos int64
	seq uint16
	n   uint16 // 0: empty
}

// Put keeps a copy of a packet. now is monotonic, in nanoseconds. Packets that
// are empty or over MaxPacket are not kept. It allocates only to grow.
func (c *Cache) Put(now int64, seq uint16, packet []byte) {
	n := len(packet)
	if n == 0 || n > MaxPacket {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots == nil {
		c.slots, c.bytes, c.lap = make([]slot, firstPackets), make([]byte, firstBytes), now
	}
	s := c.slot(seq)
	for c.live(s) && s.seq != seq && now-s.at < Keep && len(c.slots) < MaxPackets {
		c.moreSlots()
		s = c.slot(seq)
	}
	size := int64(len(c.bytes))
	if off := c.end % size; off+int64(n) > size {
		c.end += size - off // packets lie in one piece
		if now-c.lap < Keep && size < MaxBytes {
			c.moreBytes()
		}
		c.lap = now
	}
	size = int64(len(c.bytes))
	copy(c.bytes[c.end%size:], packet)
	*s = slot{at: now, pos: c.end, seq: seq, n: uint16(n)} //nolint:gosec // at most MaxPacket
	c.end += int64(n)
	c.newest = seq
}

// Get appends the packet with this sequence number to dst. ok is false if it is
// not kept, or not any more.
func (c *Cache) Get(seq uint16, dst []byte) (packet []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots == nil {
		return dst, false
	}
	s := c.slot(seq)
	if s.seq != seq || !c.live(s) {
		return dst, false
	}
	off := s.pos % int64(len(c.bytes))
	return append(dst, c.bytes[off:off+int64(s.n)]...), true
}

// Release forgets all packets and gives their memory back.
func (c *Cache) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots, c.bytes, c.end = nil, nil, 0
}

// Size is the memory in use, in bytes.
func (c *Cache) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.bytes) + 24*len(c.slots)
}

func (c *Cache) slot(seq uint16) *slot { return &c.slots[int(seq)&(len(c.slots)-1)] }

// live tells whether the slot's bytes are still there.
func (c *Cache) live(s *slot) bool { return s.n > 0 && s.pos >= c.end-int64(len(c.bytes)) }

// moreSlots doubles the table. Packets in different slots of the smaller one are
// in different slots of the larger.
func (c *Cache) moreSlots() {
	old := c.slots
	c.slots = make([]slot, 2*len(old))
	for i := range old {
		if c.live(&old[i]) {
			*c.slot(old[i].seq) = old[i]
		}
	}
}

// moreBytes doubles the ring and moves the packets, the oldest first, so that
// they are overwritten in this order.
func (c *Cache) moreBytes() {
	old, oldEnd := c.bytes, c.end
	size := int64(len(old))
	c.bytes = make([]byte, 2*size)
	end := int64(0)
	for i := range c.slots {
		s := c.slot(c.newest + 1 + uint16(i)) //nolint:gosec // sequence numbers wrap
		if s.n == 0 || s.pos < oldEnd-size {
			s.n = 0
			continue
		}
		off := s.pos % size
		copy(c.bytes[end:], old[off:off+int64(s.n)])
		s.pos = end
		end += int64(s.n)
	}
	c.end = end
}
