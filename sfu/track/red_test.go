package track

import (
	"bytes"
	"testing"

	"lectern/sfu/codec"
)

// redundant is a RED payload of an older block and "now".
func redundant(pt uint8) []byte {
	return append([]byte{0x80 | pt, 960 >> 6, 960 << 2 & 0xff, 3, pt}, "oldnow"...)
}

func TestRED(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	p.input.Close()
	p.input = p.receiver.Bind(SectionConfig{
		MID: "0", Kind: codec.Audio, Track: track,
		Formats: []Format{{PayloadType: 63, Codec: reds}, {PayloadType: 111, Codec: opus}},
	})
	same, other, plain := view(track, 1), view(track, 2), view(track, 3)
	same.sub.SetFormats([]Format{{PayloadType: 63, Codec: reds}, {PayloadType: 111, Codec: opus}})
	other.sub.SetFormats([]Format{{PayloadType: 109, Codec: opus}, {PayloadType: 64, Codec: reds}})
	plain.sub.SetFormats([]Format{{PayloadType: 100, Codec: opus}})

	p.pt = 63
	for range 2 { // the next viewer's packet is not made of the last one's
		p.send(0, redundant(111))
		for v, want := range map[*viewer]struct {
			pt      uint8
			payload []byte
		}{
			same: {63, redundant(111)}, other: {64, redundant(109)}, plain: {100, []byte("now")},
		} {
			got := v.wire.takeRTP(t)
			if len(got) != 1 || got[0].PayloadType != want.pt || !bytes.Equal(got[0].payload, want.payload) {
				t.Errorf("sent %v, want %d %q", got, want.pt, want.payload)
			}
		}
	}
	if c, _ := track.Codec(); c.Name != "opus" {
		t.Errorf("Codec %v", c)
	}
	p.pt = 111 // and without
	p.send(0, []byte("now"))
	if got := other.wire.takeRTP(t); len(got) != 1 || got[0].PayloadType != 109 {
		t.Errorf("sent %v", got)
	}
	same.wire.takeRTP(t)
	plain.wire.takeRTP(t)

	p.pt = 63
	p.send(0, redundant(111)[:5]) // runs over
	p.send(0, []byte{63, 1})      // RED in RED
	p.send(0, []byte{50, 1})      // of what nobody negotiated
	p.send(0, []byte{111})        // empty
	for _, v := range []*viewer{other, plain} {
		if got := v.wire.takeRTP(t); len(got) != 0 {
			t.Errorf("sent %v", got)
		}
	}
	p.send(0, redundant(111))
	if got := plain.wire.takeRTP(t); len(got) != 1 || string(got[0].payload) != "now" {
		t.Errorf("sent %v", got)
	}
	if s := track.Stats(); s.Malformed != 1 {
		t.Errorf("%+v", s)
	}
}
