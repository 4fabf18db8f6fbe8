package red

import (
	"bytes"
	"testing"
)

// block is the header of a redundant block.
func block(pt uint8, offset, length int) []byte {
	v := offset<<10 | length
	return []byte{0x80 | pt, byte(v >> 16), byte(v >> 8), byte(v)}
}

func TestParse(t *testing.T) {
	two := append(append(append(block(111, 960, 300), 111), make([]byte, 300)...), "now"...)
	three := append(append(append(block(111, 1920, 2), block(9, 960, 1)...), 112), "aabnow"...)
	tests := []struct {
		name    string
		in      []byte
		types   []uint8
		primary string
		bad     bool
	}{
		{"primary only", []byte{111, 1, 2}, []uint8{111}, "\x01\x02", false},
		{"two", two, []uint8{111, 111}, "now", false},
		{"three", three, []uint8{111, 9, 112}, "now", false},
		{"empty primary", []byte{111}, []uint8{111}, "", false},
		{"empty", nil, nil, "", true},
		{"header cut", block(111, 0, 0)[:3], nil, "", true},
		{"no primary", block(111, 0, 0), nil, "", true},
		{"block runs over", append(block(111, 0, 3), 111, 1, 2), nil, "", true},
		{"too many", bytes.Repeat(block(1, 0, 0), MaxBlocks+1), nil, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Parse(tt.in)
			if (err != nil) != tt.bad {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(p.Types[:p.Blocks], tt.types) || string(tt.in[p.Primary:]) != tt.primary {
				t.Errorf("%+v", p)
			}
			if p.PrimaryType() != tt.types[len(tt.types)-1] {
				t.Errorf("primary type %d", p.PrimaryType())
			}
		})
	}
}

func TestSetTypes(t *testing.T) {
	var types [128]uint8
	for i := range types {
		types[i] = Unknown
	}
	types[111], types[9] = 63, 10
	in := append(append(append(block(111, 1920, 2), block(9, 960, 1)...), 111), "aabnow"...)
	want := append(append(append(block(63, 1920, 2), block(10, 960, 1)...), 63), "aabnow"...)
	p, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	if !p.SetTypes(in, &types) || !bytes.Equal(in, want) {
		t.Errorf("%x, want %x", in, want)
	}
	types[10] = Unknown
	if p, err = Parse(in); err != nil || p.SetTypes(in, &types) {
		t.Error("a payload type that is not known was replaced")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{111, 1, 2})
	f.Add(append(append(block(111, 960, 1), 111), 1, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		_ = b[p.Primary:]
		var types [128]uint8
		for i := range types {
			types[i] = 127 - uint8(i)
		}
		if !p.SetTypes(b, &types) {
			t.Fatal("a type is missing")
		}
		again, err := Parse(b)
		if err != nil || again.Primary != p.Primary || again.Blocks != p.Blocks {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
		for i := range p.Blocks {
			if again.Types[i] != 127-p.Types[i] {
				t.Fatalf("block %d: %d became %d", i, p.Types[i], again.Types[i])
			}
		}
	})
}
