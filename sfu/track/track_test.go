package track

import (
	"bytes"
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
)

func TestVideoBeginsWithAKeyframe(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(1*ms, deltaVP8(1))
	v.want(t)
	if plis := takeRTCP[*rtcp.PictureLossIndication](t, p.wire); len(plis) != 1 || plis[0].MediaSSRC != 1000 {
		t.Fatalf("keyframe requests %v, want one", plis)
	}
	p.frame(2*ms, keyVP8(2))
	p.frame(3*ms, deltaVP8(3))
	got := v.want(t, 1001, 1002)
	if got[0].PayloadType != 120 || got[0].SSRC != 5000 || !got[0].Marker || !bytes.Equal(got[0].payload, keyVP8(2)) {
		t.Errorf("sent %+v", got[0])
	}
	if got[1].Timestamp-got[0].Timestamp != 3000 {
		t.Errorf("timestamps %d and %d", got[0].Timestamp, got[1].Timestamp)
	}
	if c, ok := track.Codec(); !ok || c.Name != "VP8" {
		t.Errorf("Codec %v, %v", c, ok)
	}
	p.frame(1000*ms, deltaVP8(4))
	v.want(t, 1003)
	late := view(track, 6000)
	late.want(t)
	if plis := takeRTCP[*rtcp.PictureLossIndication](t, p.wire); len(plis) != 1 {
		t.Errorf("%d keyframe requests for a late viewer", len(plis))
	}
	p.frame(1010*ms, keyVP8(5))
	late.want(t, 1004)
}
