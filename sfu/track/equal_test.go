package track

import (
	"bytes"
	"testing"

	"lectern/sfu/codec"
)

// burst sends packets of the next frame at once, with payloads of these sizes.
func (p *publisher) burst(now int64, sizes ...int) (payloads [][]byte) {
	p.ts += 3000
	for i, n := range sizes {
		payload := bytes.Repeat([]byte{byte(i + 1)}, n)
		payload[0], payload[1] = 0x10, 0 // a keyframe of VP8
		payloads = append(payloads, payload)
		p.receiver.Take(p.make(bytes.Clone(payload)), now)
	}
	p.receiver.Flush(nil, now+gatherTime)
	return payloads
}

// TestEqualSizes: what leaves for a viewer makes one run, and says the same.
func TestEqualSizes(t *testing.T) {
	for name, tt := range map[string]struct {
		sizes   []int
		padding []uint8
	}{
		"as libwebrtc cuts":      {[]int{1000, 1000, 1001, 1001}, []uint8{1, 1, 0, 0}},
		"the last is smaller":    {[]int{1000, 998, 997}, []uint8{0, 2, 0}},
		"a few bytes":            {[]int{1000, 1000 + maxPad}, []uint8{maxPad, 0}},
		"too many":               {[]int{1000, 1000 + maxPad + 1}, []uint8{0, 0}},
		"the first one is small": {[]int{20, 1000, 1001}, []uint8{0, 1, 0}},
		"all are equal":          {[]int{1000, 1000, 1000}, []uint8{0, 0, 0}},
		"one":                    {[]int{1000}, []uint8{0}},
	} {
		t.Run(name, func(t *testing.T) {
			track := New(codec.Video)
			p := publish(t, track, 1000)
			v := view(track, 5000)
			payloads := p.burst(0, tt.sizes...)
			got := v.wire.takeRTP(t)
			if len(got) != len(payloads) {
				t.Fatalf("%d packets sent of %d", len(got), len(payloads))
			}
			var octets uint64
			for i, s := range got {
				if s.Padding != tt.padding[i] || !bytes.Equal(s.payload, payloads[i]) {
					t.Errorf("packet %d has %d bytes of padding, want %d, and a payload of %d", i, s.Padding, tt.padding[i], len(s.payload))
				}
				octets += uint64(len(payloads[i]))
			}
			if s := v.sub.Stats(); s.Bytes != octets {
				t.Errorf("%d octets counted of %d: padding is none", s.Bytes, octets)
			}
		})
	}
}

// TestPaddingOfOneFrame is not for another that comes with it.
func TestPaddingOfOneFrame(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	for _, size := range []int{1000, 1002} {
		p.ts += 3000
		p.receiver.Take(p.make(append([]byte{0x10, 0}, make([]byte, size)...)), 0)
	}
	p.receiver.Flush(nil, gatherTime)
	for _, s := range v.want(t, 1000, 1001) {
		if s.Padding != 0 {
			t.Errorf("%d bytes of padding", s.Padding)
		}
	}
}

// TestNoPadding holds for sound, and for what may be sent twice under a number.
func TestNoPadding(t *testing.T) {
	for name, kind := range map[string]codec.Kind{"sound": codec.Audio, "no RTX": codec.Video} {
		t.Run(name, func(t *testing.T) {
			track := New(kind)
			p := publish(t, track, 1000)
			v := view(track, 5000)
			if kind == codec.Video {
				v.sub.SetFormats([]Format{{PayloadType: 120, Codec: vp8}})
			}
			p.burst(0, 100, 101)
			first := v.want(t, 1000, 1001)
			if first[0].Padding != 0 {
				t.Errorf("%d bytes of padding", first[0].Padding)
			}
			if kind == codec.Audio {
				return
			}
			v.nack(t, 0, 1000)
			if again := v.want(t, 1000)[0]; !bytes.Equal(again.bytes, first[0].bytes) {
				t.Errorf("%x, then %x", first[0].bytes, again.bytes)
			}
		})
	}
}

// TestRepairOfPadded: the payload comes again, the padding does not.
func TestRepairOfPadded(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	payloads := p.burst(0, 1000, 1001)
	v.want(t, 1000, 1001)
	v.nack(t, 0, 1000)
	got := v.wire.takeRTP(t)
	if len(got) != 1 || got[0].Padding != 0 || !bytes.Equal(got[0].payload[rtxPrefix:], payloads[0]) {
		t.Fatalf("sent again: %d packets", len(got))
	}
}
