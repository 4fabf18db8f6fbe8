package rewrite

import (
	"math/rand/v2"
	"testing"
)

const (
	bits7  = 0x7f
	bits15 = 0x7fff
)

// counted is one packet after the other of a Stream, with one counter.
type counted struct {
	t *testing.T
	Stream
	seq uint16
}

// source begins another one.
func (c *counted) source(seq uint16) {
	c.seq = seq
	c.Switch(0, seq, 0, rate)
}

// want sends the next packet.
func (c *counted) want(value, mask, want uint16) {
	c.t.Helper()
	c.at(c.seq, value, mask, want)
	c.seq++
}

// at sends a packet again, or late.
func (c *counted) at(seq, value, mask, want uint16) {
	c.t.Helper()
	if _, _, ok := c.Map(0, seq, 0); !ok {
		c.t.Fatalf("packet %d is not mapped", seq)
	}
	if got := c.Count(0, value, mask); got != want {
		c.t.Fatalf("%#x of %#x becomes %#x, want %#x", value, mask, got, want)
	}
}

// skip sends the next packet, which has no such number.
func (c *counted) skip() {
	c.Map(0, c.seq, 0)
	c.seq++
}

var countings = map[string]func(c *counted){
	"as it is": func(c *counted) {
		c.want(0x7ffe, bits15, 0x7ffe)
		c.want(0x7fff, bits15, 0x7fff)
		c.want(0, bits15, 0)
		c.want(500, bits15, 500)
		c.want(3, bits15, 3) // whatever the source does
		c.want(4, bits7, 4)
	},
	"as it is, from narrow on": func(c *counted) {
		c.want(0x3e, bits7, 0x3e)
		c.want(0x1bbf, bits15, 0x1bbf)
		c.want(0x40, bits7, 0x40)
	},
	"over a switch": func(c *counted) {
		c.want(100, bits15, 100)
		c.want(101, bits15, 101)
		c.source(900)
		c.want(50, bits15, 102)
		c.want(50, bits15, 102)
		c.want(52, bits15, 104)
		c.at(901, 51, bits15, 103)
		c.source(30)
		c.want(0x7fff, bits15, 105)
		c.want(0, bits15, 106)
	},
	"over the end": func(c *counted) {
		c.want(0x7fff, bits15, 0x7fff)
		c.source(1)
		c.want(77, bits15, 0)
		c.source(1)
		c.want(77, bits7, 1)
		c.want((77+126)&bits7, bits7, 0x7f)
		c.source(1)
		c.want(5, bits7, 0)
	},
	"a late packet is not the last": func(c *counted) {
		c.want(10, bits15, 10)
		c.skip()
		c.want(30, bits15, 30)
		c.at(1, 20, bits15, 20)
		c.source(8)
		c.want(0, bits15, 31)
	},
	"a long gap": func(c *counted) { // of more than half of what 7 bits can tell apart
		c.want(10, bits7, 10)
		c.want(100, bits7, 100)
		c.source(8)
		c.want(0, bits7, 101)
	},
	"wide after narrow": func(c *counted) {
		c.want(0x6e, bits7, 0x6e)
		c.source(8)
		c.want(0x1000, bits15, 0x006f)
	},
	"narrow after wide": func(c *counted) {
		c.want(0x1bbe, bits15, 0x1bbe)
		c.source(8)
		c.want(3, bits7, 0x3f)
		c.source(8)
		c.want(3, bits15, 0x40)
	},
	"it becomes wide": func(c *counted) {
		c.want(0x7f, bits7, 0x7f)
		c.want(0x80, bits15, 0x80)
		c.source(50)
		c.want(0x6e, bits7, 0x01)  // 0x81 in 7 bits
		c.want(0x6f, bits15, 0x02) // and not 0x82
		c.at(50, 0x6e, bits7, 0x01)
		c.want(0x1234, bits15, 0x2+0x1234-0x6f)
		c.at(51, 0x6f, bits15, 0x02)
		c.want(0x35, bits7, (0x2+0x1235-0x6f)&bits7)
	},
	"it becomes wide while packets are late": func(c *counted) {
		c.want(9, bits15, 9)
		c.source(50)
		c.want(0x20, bits7, 10)
		c.seq = 53
		c.want(0x23, bits7, 13)
		c.at(52, 0x22, bits15, 12)
		c.at(51, 0x21, bits7, 11)
		c.want(0x24, bits15, 14)
	},
	"none for a while": func(c *counted) {
		c.want(9, bits15, 9)
		c.source(50)
		c.skip()
		c.skip()
		c.source(70)
		c.skip()
		c.want(300, bits15, 10) // not from the first packet on
		c.want(301, bits15, 11)
	},
	"a switch that nothing followed": func(c *counted) {
		c.want(9, bits15, 9)
		c.source(50)
		c.source(60)
		c.want(300, bits15, 10)
	},
	"a restart": func(c *counted) {
		c.want(9, bits15, 9)
		c.seq += 3001
		c.want(300, bits15, 10)
		c.want(301, bits15, 11)
	},
}

func TestCount(t *testing.T) {
	for name, play := range countings {
		t.Run(name, func(t *testing.T) { play(&counted{t: t}) })
	}
}

// TestCountersAreApart holds that each has its own numbers.
func TestCountersAreApart(t *testing.T) {
	var s Stream
	for source := range uint16(5) {
		s.Switch(0, source, 0, rate)
		s.Map(0, source, 0)
		for i := range Counters {
			if i > 0 && source == 3 {
				continue
			}
			want := uint16(100*i) + source
			if i > 0 && source > 3 {
				want--
			}
			value := uint16(100 * (i + int(source)))
			if got := s.Count(i, value, bits15); got != want {
				t.Errorf("source %d: counter %d is %d, want %d", source, i, got, want)
			}
		}
	}
}

// TestCountAgainstModel has sources of pictures with some packets each follow each
// other, with losses, packets that are late, and such that come twice. In the
// model pictures have numbers without end.
func TestCountAgainstModel(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 13))
		var s Stream
		last, began := 0, false // what went out for the newest packet
		for range 6 {
			mask := []uint16{0x1f, bits7, 0xff, bits15}[r.IntN(4)]
			seq, first := uint16(r.Uint32()), r.IntN(1<<16)
			start := seq
			s.Switch(0, seq, 0, rate)
			base := first // what goes out for first
			if began {
				base = last + 1
			}
			picture, newest := first, seq-1
			pictures := map[uint16]int{} // of each packet
			for i := range 400 {
				at := seq
				switch {
				case i > 0 && r.IntN(8) == 0: // lost so far
					seq += uint16(1 + r.IntN(4))
					picture += r.IntN(3)
					at = seq
				case i > 0 && r.IntN(6) == 0: // again, or late
					at -= uint16(r.IntN(min(int(seq-start)+1, 12)))
				}
				if _, known := pictures[at]; !known {
					pictures[at] = late(pictures, at, picture)
				}
				_, _, ok := s.Map(0, at, 0)
				if !ok {
					t.Fatalf("seed %d: packet %d is not mapped", seed, at)
				}
				want := base + pictures[at] - first
				got := s.Count(1, uint16(pictures[at])&mask, mask)
				if got != uint16(want)&mask {
					t.Fatalf("seed %d: packet %d: picture %d becomes %d, want %d", seed, at, pictures[at], got, uint16(want)&mask)
				}
				if int16(at-newest) > 0 {
					newest, last, began = at, int(got), true
				}
				if at == seq {
					seq++
					picture += r.IntN(4) / 3
				}
			}
		}
	}
}

// late is the picture of a packet that comes after later ones: that of the one
// before it that is known.
func late(pictures map[uint16]int, at uint16, next int) int {
	for back := range uint16(40) {
		if p, ok := pictures[at-back]; ok {
			return p
		}
	}
	return next
}

// FuzzCount holds what is true of any numbers: none is wider than its field, a
// packet that comes again gets what it got, and the next source follows.
func FuzzCount(f *testing.F) {
	f.Add([]byte{0, 1, 1, 9, 0, 1, 2, 200, 2, 7, 4, 9, 3, 3})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var s Stream
		type packet struct{ value, mask, out uint16 }
		var sent []packet // of this source
		last, began := uint16(0), false
		seq := uint16(65500)
		for i := 0; i+1 < len(ops); i += 2 {
			mask := []uint16{bits7, bits15}[ops[i]&1]
			value := uint16(ops[i]>>1)<<8 | uint16(ops[i+1])
			if ops[i]>>1%8 == 7 {
				seq += 500
				s.Switch(0, seq, 0, rate)
				sent = sent[:0]
			}
			s.Map(0, seq, 0)
			out := s.Count(2, value&mask, mask)
			seq++
			if len(sent) == 0 && began && out != (last+1)&mask {
				t.Fatalf("step %d: %#x follows %#x", i, out, last)
			}
			last, began = out, true
			sent = append(sent, packet{value & mask, mask, out})
			for j, p := range sent {
				s.Map(0, seq-uint16(len(sent)-j), 0)
				if got := s.Count(2, p.value, p.mask); got != p.out || got&^p.mask != 0 {
					t.Fatalf("step %d: %#x became %#x, then %#x", i, p.value, p.out, got)
				}
			}
		}
	})
}
