package cache

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"
)

const ms = 1_000_000

// numbered is a packet of n bytes that tells its number.
func numbered(seq uint16, n int) []byte {
	b := bytes.Repeat([]byte{byte(seq)}, n)
	if n >= 2 {
		binary.BigEndian.PutUint16(b, seq)
	}
	return b
}

func (c *Cache) has(t *testing.T, seq uint16, n int) bool {
	t.Helper()
	b, ok := c.Get(seq, nil)
	if ok && !bytes.Equal(b, numbered(seq, n)) {
		t.Fatalf("packet %d comes back as %d bytes %.20x", seq, len(b), b)
	}
	return ok
}

func TestPutGet(t *testing.T) {
	var c Cache
	if c.Size() != 0 || c.has(t, 7, 1) {
		t.Error("an empty cache has something")
	}
	for _, seq := range []uint16{65535, 0, 2, 1} {
		c.Put(0, seq, numbered(seq, 100))
	}
	for _, seq := range []uint16{65535, 0, 1, 2} {
		if !c.has(t, seq, 100) {
			t.Errorf("%d is gone", seq)
		}
	}
	for _, seq := range []uint16{3, 32, 65534} {
		if c.has(t, seq, 100) {
			t.Errorf("%d was never put", seq)
		}
	}
	c.Put(0, 5, nil)
	c.Put(0, 6, make([]byte, MaxPacket+1))
	if c.has(t, 5, 0) || c.has(t, 6, 0) {
		t.Error("keeps what it must not")
	}
	if b, ok := c.Get(0, []byte("before")); !ok || !bytes.HasPrefix(b, []byte("before")) || len(b) != 106 {
		t.Errorf("Get does not append: %.20q", b)
	}
	c.Release()
	if c.Size() != 0 || c.has(t, 0, 100) {
		t.Error("something is left after Release")
	}
	c.Put(0, 0, numbered(0, 100))
	if !c.has(t, 0, 100) {
		t.Error("does not begin again after Release")
	}
}

// TestReach holds that a stream's last second is there, and that the memory
// fits the stream.
func TestReach(t *testing.T) {
	tests := []struct {
		name      string
		perSecond int
		bytes     int
		reach     int // packets
		atMost    int // bytes of memory
	}{
		{"audio", 50, 120, 50, 24 << 10},
		{"redundant audio", 50, 300, 50, 40 << 10},
		{"video", 200, 1100, 200, 600 << 10},
		{"fast video", 1000, 1200, 1000, 2200 << 10},
		{"too fast", 5000, 1200, 1000, 2200 << 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Cache
			seq := uint16(60000)
			for i := range 4 * tt.perSecond {
				seq++
				c.Put(int64(i)*1000*ms/int64(tt.perSecond), seq, numbered(seq, tt.bytes))
			}
			for back := range tt.reach {
				if !c.has(t, seq-uint16(back), tt.bytes) {
					t.Fatalf("the packet %d before the newest is gone", back)
				}
			}
			if c.Size() > tt.atMost {
				t.Errorf("takes %d bytes", c.Size())
			}
		})
	}
}

// TestModel compares with a map over streams of all kinds: what is there is
// right, and the newest is there.
func TestModel(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		var c Cache
		put := map[uint16]int{}
		seq, now := uint16(r.Uint32()), int64(0)
		for range 5000 {
			now += int64(r.IntN(20)) * ms
			seq += uint16(r.IntN(3))
			late := seq - uint16(r.IntN(4))
			n := 1 + r.IntN(MaxPacket)
			if n >= 2 {
				c.Put(now, late, numbered(late, n))
				put[late] = n
				if !c.has(t, late, n) {
					t.Fatalf("seed %d: %d is not there at once", seed, late)
				}
			}
			asked := seq - uint16(r.IntN(1200))
			if b, ok := c.Get(asked, nil); ok && !bytes.Equal(b, numbered(asked, put[asked])) {
				t.Fatalf("seed %d: %d is wrong", seed, asked)
			}
		}
	}
}

func TestConcurrently(t *testing.T) {
	var c Cache
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			buf := make([]byte, 0, MaxPacket)
			for seq := range uint16(5000) {
				if b, ok := c.Get(seq, buf); ok && binary.BigEndian.Uint16(b) != seq {
					t.Errorf("asked for %d, got %d", seq, binary.BigEndian.Uint16(b))
				}
			}
		})
	}
	for seq := range uint16(5000) {
		c.Put(int64(seq)*ms, seq, numbered(seq, 1000))
	}
	readers.Wait()
}

func BenchmarkPut(b *testing.B) {
	var c Cache
	p := make([]byte, 1200)
	now := int64(0)
	b.ReportAllocs()
	for seq := uint16(0); b.Loop(); seq++ {
		now += ms
		c.Put(now, seq, p)
	}
}

func BenchmarkGet(b *testing.B) {
	var c Cache
	c.Put(0, 1, make([]byte, 1200))
	dst := make([]byte, 0, 1500)
	b.ReportAllocs()
	for b.Loop() {
		c.Get(1, dst)
	}
}
