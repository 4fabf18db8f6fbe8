package codec

import (
	"bytes"
	"testing"

	"github.com/pion/rtp/codecs"
)

var (
	vp8 = Codec{Name: "VP8", Kind: Video, ClockRate: 90000}
	vp9 = Codec{Name: "VP9", Kind: Video, ClockRate: 90000}
)

// read reads into what another payload was read into.
func read(c Codec, b []byte) Descriptor {
	d := Descriptor{Keyframe: true, Counted: true, Counters: [Counters]Counter{{1, 1, 1}, {2, 2, 2}, {3, 3, 3}}}
	d.Read(&c, b)
	return d
}

const none = -1

var descriptors = []struct {
	name          string
	codec         Codec
	in            []byte
	pic, tl0, key int
	out           []byte
}{
	{"vp8 no extension", vp8, []byte{0x10, 0x00}, none, none, none, []byte{0x10, 0x00}},
	{"vp8 extension of nothing", vp8, []byte{0x90, 0x00, 0x00}, none, none, none, []byte{0x90, 0x00, 0x00}},
	{"vp8 I, 7 bits", vp8, []byte{0x90, 0x80, 0x05, 0x00}, 5, none, none, []byte{0x90, 0x80, 0x7f, 0x00}},
	{"vp8 I, 15 bits", vp8, []byte{0x90, 0x80, 0x81, 0x02, 0x00}, 0x102, none, none, []byte{0x90, 0x80, 0xff, 0xff, 0x00}},
	{"vp8 I, 15 bits, small", vp8, []byte{0x90, 0x80, 0x80, 0x02, 0x00}, 2, none, none, []byte{0x90, 0x80, 0xff, 0xff, 0x00}},
	{"vp8 L", vp8, []byte{0x90, 0x40, 0x07, 0x00}, none, 7, none, []byte{0x90, 0x40, 0xff, 0x00}},
	{"vp8 T", vp8, []byte{0x90, 0x20, 0x45, 0x00}, none, none, none, []byte{0x90, 0x20, 0x45, 0x00}},
	{"vp8 K", vp8, []byte{0x90, 0x10, 0x45, 0x00}, none, none, 5, []byte{0x90, 0x10, 0x5f, 0x00}},
	{"vp8 T and K", vp8, []byte{0x90, 0x30, 0xa5, 0x00}, none, none, 5, []byte{0x90, 0x30, 0xbf, 0x00}},
	{"vp8 I, L and T", vp8, []byte{0x90, 0xe0, 0x05, 0x07, 0x40, 0x00}, 5, 7, none, []byte{0x90, 0xe0, 0x7f, 0xff, 0x40, 0x00}},
	{"vp8 all", vp8, []byte{0x80, 0xf0, 0x81, 0x02, 0x07, 0x83, 0x00}, 0x102, 7, 3, []byte{0x80, 0xf0, 0xff, 0xff, 0xff, 0x9f, 0x00}},
	{"vp8 nothing behind", vp8, []byte{0x80, 0xc0, 0x01, 0x07}, 1, 7, none, []byte{0x80, 0xc0, 0x7f, 0xff}},
	{"vp8 cut flags", vp8, []byte{0x90}, none, none, none, []byte{0x90}},
	{"vp8 cut picture id", vp8, []byte{0x90, 0x80, 0x81}, none, none, none, []byte{0x90, 0x80, 0x81}},
	{"vp8 cut TL0PICIDX", vp8, []byte{0x90, 0xc0, 0x01}, none, none, none, []byte{0x90, 0xc0, 0x01}},
	{"vp8 cut KEYIDX", vp8, []byte{0x90, 0xd0, 0x01, 0x02}, none, none, none, []byte{0x90, 0xd0, 0x01, 0x02}},

	{"vp9 nothing", vp9, []byte{0x08, 0x49}, none, none, none, []byte{0x08, 0x49}},
	{"vp9 I, 7 bits", vp9, []byte{0x88, 0x05, 0x49}, 5, none, none, []byte{0x88, 0x7f, 0x49}},
	{"vp9 I, 15 bits", vp9, []byte{0x88, 0x81, 0x02, 0x49}, 0x102, none, none, []byte{0x88, 0xff, 0xff, 0x49}},
	{"vp9 I and L", vp9, []byte{0xa8, 0x81, 0x02, 0x20, 0x07, 0x49}, 0x102, 7, none, []byte{0xa8, 0xff, 0xff, 0x20, 0xff, 0x49}},
	{"vp9 L", vp9, []byte{0x28, 0x20, 0x07, 0x49}, none, 7, none, []byte{0x28, 0x20, 0xff, 0x49}},
	{"vp9 flexible", vp9, []byte{0xf8, 0x81, 0x02, 0x20, 0x03, 0x02, 0x49}, 0x102, none, none, []byte{0xf8, 0xff, 0xff, 0x20, 0x03, 0x02, 0x49}},
	{"vp9 scalability structure", vp9, []byte{0xaa, 0x81, 0x02, 0x00, 0x07, 0x00, 0x49}, 0x102, 7, none, []byte{0xaa, 0xff, 0xff, 0x00, 0xff, 0x00, 0x49}},
	{"vp9 cut picture id", vp9, []byte{0x88, 0x81}, none, none, none, []byte{0x88, 0x81}},
	{"vp9 cut layers", vp9, []byte{0xa8, 0x01}, none, none, none, []byte{0xa8, 0x01}},
	{"vp9 cut TL0PICIDX", vp9, []byte{0xa8, 0x01, 0x20}, none, none, none, []byte{0xa8, 0x01, 0x20}},

	{"h264", h264(""), []byte{0x65, 0x88, 0x80}, none, none, none, []byte{0x65, 0x88, 0x80}},
	{"nothing", vp8, nil, none, none, none, nil},
}

// TestDescriptor reads the counters of each form of descriptor, and writes others:
// all ones, so that a bit too many shows.
func TestDescriptor(t *testing.T) {
	masks := [Counters][]uint16{{0x7f, 0x7fff}, {0xff}, {0x1f}}
	for _, tt := range descriptors {
		t.Run(tt.name, func(t *testing.T) {
			out := bytes.Clone(tt.in)
			d := read(tt.codec, out)
			if counted := tt.pic&tt.tl0&tt.key != none; d.Counted != counted {
				t.Errorf("Counted is %v", d.Counted)
			}
			for i, want := range [Counters]int{tt.pic, tt.tl0, tt.key} {
				c := d.Counters[i]
				if want == none {
					if c != (Counter{}) {
						t.Errorf("counter %d is %+v", i, c)
					}
					continue
				}
				if int(c.Value) != want || c.Mask != masks[i][0] && c.Mask != masks[i][len(masks[i])-1] {
					t.Errorf("counter %d is %+v, want %d", i, c, want)
				}
				c.Set(out, c.Value)
				if !bytes.Equal(out, tt.in) {
					t.Errorf("counter %d written as it was: %x, want %x", i, out, tt.in)
				}
			}
			for _, c := range d.Counters {
				if c.Mask != 0 {
					c.Set(out, 0xffff)
				}
			}
			if !bytes.Equal(out, tt.out) {
				t.Errorf("written %x, want %x", out, tt.out)
			}
			for i, c := range d.Counters {
				if got := read(tt.codec, out).Counters[i]; got.Value != c.Mask || got.Mask != c.Mask {
					t.Errorf("counter %d is %+v then", i, got)
				}
			}
		})
	}
}

// FuzzDescriptor compares with pion's reading, and holds that what is written
// changes the counters and nothing else.
func FuzzDescriptor(f *testing.F) {
	f.Add([]byte{0x90, 0xf0, 0x81, 0x01, 0x07, 0x21, 0x10}, uint16(0))
	f.Add([]byte{0x90, 0xb0, 0x7f, 0x21, 0x10}, uint16(0x7f))
	f.Add([]byte{0xaa, 0x81, 0x02, 0x00, 0x07, 0x00, 0x49}, uint16(0x7fff))
	f.Add([]byte{0xf8, 0x02, 0x20, 0x03, 0x02, 0x49}, uint16(0xffff))
	f.Fuzz(func(t *testing.T, b []byte, value uint16) {
		var p8 codecs.VP8Packet
		if _, err := p8.Unmarshal(bytes.Clone(b)); err == nil {
			same(t, read(vp8, b), [Counters]bool{p8.I == 1, p8.L == 1, p8.K == 1},
				[Counters]uint16{p8.PictureID, uint16(p8.TL0PICIDX), uint16(p8.KEYIDX)})
		}
		var p9 codecs.VP9Packet
		if _, err := p9.Unmarshal(bytes.Clone(b)); err == nil {
			same(t, read(vp9, b), [Counters]bool{p9.I, p9.L && !p9.F, false},
				[Counters]uint16{p9.PictureID, uint16(p9.TL0PICIDX), 0})
		}
		for _, c := range Preferred() {
			before := read(c, b)
			written := bytes.Clone(b)
			for i := range before.Counters {
				if before.Counters[i].Mask != 0 {
					before.Counters[i].Set(written, value)
				}
			}
			after := read(c, written)
			for i := range after.Counters {
				n := &after.Counters[i]
				if n.Value != value&n.Mask {
					t.Fatalf("%s: counter %d of %x is %d, want %d", c.Name, i, written, n.Value, value&n.Mask)
				}
				if n.Mask != 0 {
					n.Set(written, before.Counters[i].Value)
					n.Value = before.Counters[i].Value
				}
			}
			if !bytes.Equal(written, b) || before != after {
				t.Fatalf("%s: %x and back is %x; %+v and %+v", c.Name, b, written, before, after)
			}
		}
	})
}

func same(t *testing.T, d Descriptor, there [Counters]bool, value [Counters]uint16) {
	t.Helper()
	for i, c := range d.Counters {
		if (c.Mask != 0) != there[i] || there[i] && c.Value != value[i] {
			t.Fatalf("counter %d is %+v, want %v %d", i, c, there[i], value[i])
		}
	}
}
