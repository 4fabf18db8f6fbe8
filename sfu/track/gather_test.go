package track

import (
	"testing"

	"lectern/sfu/codec"
)

// part takes the next packet of a frame and flushes. It reports whether it waits.
func (p *publisher) part(now int64, last bool) bool {
	b := p.make([]byte{0x10, 0})
	if !last {
		b[1] &^= 0x80 // marker
	}
	p.receiver.Take(b, now)
	held, _ := p.receiver.Flush(nil, now)
	return held
}

// TestGathering: packets wait for the rest of their frame, at most gatherTime, and
// not where that has been in vain; where it would be of use again, they do again.
func TestGathering(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	now := int64(0)
	// late sends a frame of two packets, the second much later.
	late := func() (waited bool) {
		p.ts += 3000
		if waited = p.part(now, false); waited {
			if n := len(v.wire.takeRTP(t)); n != 0 {
				t.Fatalf("%d packets are sent while they wait", n)
			}
			if held, _ := p.receiver.Flush(nil, now+gatherTime); held {
				t.Fatal("waits for longer")
			}
		}
		if n := len(v.wire.takeRTP(t)); n != 1 {
			t.Fatalf("%d packets, want 1", n)
		}
		now += 10 * ms
		if p.part(now, true) {
			t.Fatal("a frame's last packet waits")
		}
		now += 23 * ms
		v.wire.takeRTP(t)
		return waited
	}
	// soon sends one whose second packet comes while the first may wait.
	soon := func() (waited bool) {
		p.ts += 3000
		waited = p.part(now, false)
		p.part(now+gatherTime/4, true)
		now += 33 * ms
		if n := len(v.wire.takeRTP(t)); n != 2 {
			t.Fatalf("%d packets, want 2", n)
		}
		return waited
	}
	for range 100 {
		if !soon() {
			t.Fatal("does not wait though it pays")
		}
	}
	for i := range gatherMost {
		if !late() {
			t.Fatalf("does not wait the %dth time", i+1)
		}
	}
	for i := range 3 * gatherProbe {
		if probe := i%gatherProbe == gatherProbe-1; late() != probe {
			t.Fatalf("in vain so far, and the %dth time waits: %v", i+1, !probe)
		}
	}
	for i := range gatherProbe {
		if probe := i == gatherProbe-1; soon() != probe {
			t.Fatalf("pays, and the %dth time waits: %v", i+1, !probe)
		}
	}
	for range 100 {
		if !soon() {
			t.Fatal("pays again, and does not wait")
		}
	}
}
