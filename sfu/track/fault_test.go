package track

import (
	"testing"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
)

// throwing is a viewer's connection that panics when something is sent there.
type throwing struct{ *wire }

func (throwing) Reserve(*egress.Batch, int) []byte { panic("thrown") }

// A panic while one viewer is sent to ends that viewer's connection; the others get
// the burst, and so does the next one.
func TestPanicEndsOneViewer(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	first, broken, last := view(track, 2000), view(track, 3000), view(track, 4000)
	broken.sender.sink = throwing{broken.wire}
	for range 3 {
		p.send(0, []byte{1})
	}
	for _, v := range []*viewer{first, last} {
		if n := len(v.wire.takeRTP(t)); n != 3 {
			t.Errorf("a viewer got %d packets", n)
		}
	}
	if broken.wire.faults != 1 {
		t.Errorf("%d faults", broken.wire.faults)
	}
}
