package rewrite_test

import (
	"testing"

	"lectern/sfu/packet"
	"lectern/sfu/rewrite"
)

// BenchmarkRewrite is one packet made another one for a viewer, as it is done for
// each: its numbers are mapped, and it is written with them, its mid and the time,
// and 1,150 bytes of payload. Every tenth packet is left out.
func BenchmarkRewrite(b *testing.B) {
	var s rewrite.Stream
	s.Switch(0, 0, 0, 90000)
	exts := []packet.Ext{{ID: 1, Data: []byte("0")}, {ID: 2, Data: []byte{1, 2, 3}}}
	payload, room := make([]byte, 1150), make([]byte, 0, 1400)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for in := uint16(0); b.Loop(); in++ {
		if in%10 == 9 {
			s.Drop(in)
			continue
		}
		seq, ts, ok := s.Map(int64(in), in, uint32(in)*500)
		if !ok {
			b.Fatalf("packet %d is not mapped", in)
		}
		packet.Build(room, false, 96, seq, ts, 5000, exts, payload)
	}
}
