package packet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

// fixed is a header of version 2 with sequence 0x1234, timestamp 0x56789abc and
// SSRC 0xdeadbeef; first and second byte as given.
func fixed(b0, b1 byte, rest ...byte) []byte {
	return append([]byte{b0, b1, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xad, 0xbe, 0xef}, rest...)
}

func TestParse(t *testing.T) {
	base := Header{PayloadType: 96, Sequence: 0x1234, Timestamp: 0x56789abc, SSRC: 0xdeadbeef}
	with := func(change func(*Header)) Header {
		h := base
		change(&h)
		return h
	}
	tests := []struct {
		name string
		in   []byte
		want Header
		err  error
	}{
		{"empty", nil, Header{}, ErrShort},
		{"eleven bytes", fixed(0x80, 96)[:11], Header{}, ErrShort},
		{"version 1", fixed(0x40, 96), Header{}, ErrVersion},
		{"no payload", fixed(0x80, 96), with(func(h *Header) {
			h.ExtStart, h.ExtEnd, h.PayloadStart, h.PayloadEnd = 12, 12, 12, 12
		}), nil},
		{"marker", fixed(0x80, 0x80|96, 1, 2, 3), with(func(h *Header) {
			h.Marker, h.ExtStart, h.ExtEnd, h.PayloadStart, h.PayloadEnd = true, 12, 12, 12, 15
		}), nil},
		{"csrcs", fixed(0x82, 96, 0, 0, 0, 1, 0, 0, 0, 2, 7), with(func(h *Header) {
			h.ExtStart, h.ExtEnd, h.PayloadStart, h.PayloadEnd = 20, 20, 20, 21
		}), nil},
		{"csrcs cut", fixed(0x82, 96, 0, 0, 0, 1, 0, 0, 0), Header{}, ErrShort},
		{"extension", fixed(0x90, 96, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 7), with(func(h *Header) {
			h.ExtProfile, h.ExtStart, h.ExtEnd, h.PayloadStart, h.PayloadEnd = 0xbede, 16, 20, 20, 21
		}), nil},
		{"extension head cut", fixed(0x90, 96, 0xbe, 0xde, 0), Header{}, ErrExtension},
		{"extension cut", fixed(0x90, 96, 0xbe, 0xde, 0, 2, 0x10, 0xaa, 0, 0), Header{}, ErrExtension},
		{"empty extension", fixed(0x90, 96, 0xbe, 0xde, 0, 0, 7), with(func(h *Header) {
			h.ExtProfile, h.ExtStart, h.ExtEnd, h.PayloadStart, h.PayloadEnd = 0xbede, 16, 16, 16, 17
		}), nil},
		{"padding", fixed(0xa0, 96, 7, 0, 0, 3), with(func(h *Header) {
			h.ExtStart, h.ExtEnd, h.PayloadStart, h.PayloadEnd, h.Padding = 12, 12, 12, 13, 3
		}), nil},
		{"padding only", fixed(0xa0, 96, 0, 2), with(func(h *Header) {
			h.ExtStart, h.ExtEnd, h.PayloadStart, h.PayloadEnd, h.Padding = 12, 12, 12, 12, 2
		}), nil},
		{"padding of none", fixed(0xa0, 96, 7, 0), Header{}, ErrPadding},
		{"padding too long", fixed(0xa0, 96, 7, 3), Header{}, ErrPadding},
		{"padding without payload", fixed(0xa0, 96), Header{}, ErrPadding},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if got != tt.want {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestExtension(t *testing.T) {
	tests := []struct {
		name    string
		profile uint16
		ext     []byte
		id      uint8
		want    []byte
	}{
		{"one byte", ProfileOneByte, []byte{0x10, 0xaa, 0x21, 1, 2, 0, 0, 0}, 2, []byte{1, 2}},
		{"one byte first", ProfileOneByte, []byte{0x10, 0xaa, 0x21, 1, 2, 0, 0, 0}, 1, []byte{0xaa}},
		{"one byte, padding between", ProfileOneByte, []byte{0x10, 0xaa, 0, 0, 0x31, 1, 2, 0}, 3, []byte{1, 2}},
		{"one byte, absent", ProfileOneByte, []byte{0x10, 0xaa, 0, 0}, 4, nil},
		{"id 15 ends", ProfileOneByte, []byte{0xf0, 0xaa, 0x10, 0xbb}, 1, nil},
		{"id 15 is never found", ProfileOneByte, []byte{0xf0, 0xaa, 0, 0}, 15, nil},
		{"id 0 with a length is skipped", ProfileOneByte, []byte{0x01, 0x10, 0x10, 0x20, 0xcc, 0, 0, 0}, 2, []byte{0xcc}},
		{"id 0 is never found", ProfileOneByte, []byte{0x01, 0x10, 0x10, 0}, 0, nil},
		{"one byte over the end", ProfileOneByte, []byte{0x10, 0xaa, 0x2f, 1}, 2, nil},
		{"two byte", ProfileTwoByte, []byte{1, 0, 0, 20, 3, 7, 8, 9}, 20, []byte{7, 8, 9}},
		{"two byte without data", ProfileTwoByte, []byte{1, 0, 0, 0}, 1, []byte{}},
		{"two byte with appbits", ProfileTwoByte | 5, []byte{1, 1, 9, 0}, 1, []byte{9}},
		{"two byte over the end", ProfileTwoByte, []byte{1, 3, 9, 0}, 1, nil},
		{"two byte cut head", ProfileTwoByte, []byte{0, 0, 0, 1}, 1, nil},
		{"other profile", 0x1234, []byte{0x10, 0xaa, 0, 0}, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := fixed(0x90, 96, byte(tt.profile>>8), byte(tt.profile), 0, byte(len(tt.ext)/4))
			b = append(append(b, tt.ext...), 1, 2, 3)
			h, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			got := h.Extension(b, tt.id)
			if !bytes.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if cap(got) != len(got) {
				t.Error("an append to the element would write into the packet")
			}
		})
	}
}

func TestBuildForms(t *testing.T) {
	long := bytes.Repeat([]byte{5}, 17)
	tests := []struct {
		name    string
		exts    []Ext
		profile uint16
		found   []Ext
	}{
		{"none", nil, 0, nil},
		{"one byte", []Ext{{1, []byte{1}}, {14, make([]byte, 16)}}, ProfileOneByte, []Ext{{1, []byte{1}}, {14, make([]byte, 16)}}},
		{"id 15", []Ext{{1, []byte{1}}, {15, []byte{2}}}, ProfileTwoByte, []Ext{{1, []byte{1}}, {15, []byte{2}}}},
		{"17 bytes", []Ext{{3, long}}, ProfileTwoByte, []Ext{{3, long}}},
		{"no data", []Ext{{3, nil}}, ProfileTwoByte, []Ext{{3, []byte{}}}},
		{"unwritable", []Ext{{0, []byte{1}}, {1, make([]byte, 256)}}, 0, nil},
		{"unwritable and one", []Ext{{0, []byte{1}}, {2, []byte{1}}}, ProfileOneByte, []Ext{{2, []byte{1}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := Build(nil, true, 111, 7, 8, 9, tt.exts, []byte("payload"))
			h, err := Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if h.ExtProfile != tt.profile {
				t.Errorf("profile %#x, want %#x", h.ExtProfile, tt.profile)
			}
			for _, e := range tt.found {
				if got := h.Extension(b, e.ID); got == nil || !bytes.Equal(got, e.Data) {
					t.Errorf("element %d: %v, want %v", e.ID, got, e.Data)
				}
			}
			if string(h.Payload(b)) != "payload" || !h.Marker || h.PayloadType != 111 || h.Sequence != 7 || h.Timestamp != 8 || h.SSRC != 9 {
				t.Errorf("header %+v, payload %q", h, h.Payload(b))
			}
		})
	}
}

// TestBuildOverwrites holds that bytes left in the buffer by an earlier packet
// never show, and that a payload lying in the buffer itself survives.
func TestBuildOverwrites(t *testing.T) {
	buf := bytes.Repeat([]byte{0xff}, 100)
	b := Build(buf[:0], false, 96, 1, 2, 3, []Ext{{1, []byte{9}}}, []byte{1, 2})
	if &b[0] != &buf[0] {
		t.Error("the buffer had room and was not used")
	}
	if want := []byte{0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 1, 2}; !bytes.Equal(b[12:], want) {
		t.Errorf("got %v, want %v", b[12:], want)
	}
	for _, at := range []int{0, 5, 12, 20, 30} {
		payload := buf[at : at+20]
		for i := range payload {
			payload[i] = byte(i)
		}
		b := Build(buf, false, 96, 1, 2, 3, []Ext{{1, []byte{9}}}, payload)
		for i, v := range b[20:] {
			if v != byte(i) {
				t.Fatalf("payload at %d: byte %d is %d", at, i, v)
			}
		}
	}
}

func TestNewer(t *testing.T) {
	tests := []struct {
		a, b uint16
		want bool
	}{
		{1, 0, true}, {0, 1, false}, {5, 5, false}, {0, 0xffff, true}, {0xffff, 0, false},
		{0x7fff, 0, true}, {0x8000, 0, true}, {0, 0x8000, false}, {0x8001, 0, false},
	}
	for _, tt := range tests {
		if got := SequenceNewer(tt.a, tt.b); got != tt.want {
			t.Errorf("SequenceNewer(%#x, %#x) = %v", tt.a, tt.b, got)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100000 {
		a, b := uint16(r.Uint32()), uint16(r.Uint32())
		if a != b && SequenceNewer(a, b) == SequenceNewer(b, a) {
			t.Fatalf("%d and %d: exactly one must be newer", a, b)
		}
	}
}

func TestIsRTCP(t *testing.T) {
	for pt := range 256 {
		want := pt&0x7f >= 64 && pt&0x7f <= 95
		if got := IsRTCP([]byte{0x80, byte(pt), 0, 0}); got != want {
			t.Errorf("second byte %d: %v", pt, got)
		}
	}
	for _, b := range [][]byte{nil, {0x80}, {0x80, 200, 0}, {0x00, 200, 0, 0}} {
		if IsRTCP(b) {
			t.Errorf("% x taken for RTCP", b)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	buf := make([]byte, 1500)
	exts := []Ext{{1, []byte{1, 2, 3}}, {2, []byte{4}}}
	payload := make([]byte, 1000)
	n := testing.AllocsPerRun(100, func() {
		b := Build(buf, true, 96, 1, 2, 3, exts, payload)
		h, err := Parse(b)
		if err != nil || h.Extension(b, 2) == nil {
			t.Fatal("lost")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fixed(0x80, 96, 1, 2, 3))
	f.Add(fixed(0xb1, 96, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0, 7, 1))
	f.Add(fixed(0x90, 96, 0x10, 0x00, 0, 1, 1, 2, 3, 4, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		if err != nil {
			if h != (Header{}) && h.PayloadEnd != 0 {
				t.Fatal("an error with offsets")
			}
			return
		}
		if h.ExtStart > h.ExtEnd || h.ExtEnd != h.PayloadStart || h.PayloadStart > h.PayloadEnd || h.PayloadEnd+int(h.Padding) != len(b) {
			t.Fatalf("offsets %+v of %d bytes", h, len(b))
		}
		var exts []Ext
		for id := range 256 {
			if d := h.Extension(b, uint8(id)); d != nil {
				exts = append(exts, Ext{uint8(id), d})
			}
		}
		again := Build(nil, h.Marker, h.PayloadType, h.Sequence, h.Timestamp, h.SSRC, exts, h.Payload(b))
		g, err := Parse(again)
		if err != nil {
			t.Fatal(err)
		}
		if g.Marker != h.Marker || g.PayloadType != h.PayloadType || g.Sequence != h.Sequence || g.Timestamp != h.Timestamp || g.SSRC != h.SSRC {
			t.Fatalf("built %+v from %+v", g, h)
		}
		if !bytes.Equal(g.Payload(again), h.Payload(b)) {
			t.Fatal("payload changed")
		}
		for _, e := range exts {
			if got := g.Extension(again, e.ID); got == nil || !bytes.Equal(got, e.Data) {
				t.Fatalf("element %d: %v became %v", e.ID, e.Data, got)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := Build(nil, true, 96, 1, 2, 3, []Ext{{1, []byte{1, 2, 3}}, {2, []byte{4}}}, make([]byte, 1000))
	b.ReportAllocs()
	for b.Loop() {
		h, _ := Parse(p)
		if h.Extension(p, 2) == nil {
			b.Fatal("lost")
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	buf := make([]byte, 1500)
	payload := make([]byte, 1000)
	data := make([]byte, 2)
	exts := []Ext{{1, []byte{1, 2, 3}}, {2, data}}
	b.ReportAllocs()
	seq := uint16(0)
	for b.Loop() {
		seq++
		binary.BigEndian.PutUint16(data, seq)
		Build(buf, true, 96, seq, 2, 3, exts, payload)
	}
}
