package packet

import (
	"bytes"
	"testing"
)

func TestPad(t *testing.T) {
	for _, n := range []uint8{0, 1, 4, 255} {
		for _, room := range []int{0, 300} {
			buf := bytes.Repeat([]byte{0xff}, 20+room)
			plain := Build(buf[:0], true, 96, 1, 2, 3, []Ext{{1, []byte{9}}}, nil)
			b := Pad(Build(buf[:0], true, 96, 1, 2, 3, nil, []byte("payload")), n)
			h, err := Parse(b)
			if err != nil || h.Padding != n || string(h.Payload(b)) != "payload" || !h.Marker {
				t.Errorf("%d bytes: %+v, %v", n, h, err)
			}
			if n > 0 && !bytes.Equal(b[h.PayloadEnd:len(b)-1], make([]byte, n-1)) {
				t.Errorf("%d bytes: padding of %x", n, b[h.PayloadEnd:])
			}
			if room > 0 && &b[0] != &plain[0] {
				t.Error("the buffer had room and was not used")
			}
		}
	}
}
