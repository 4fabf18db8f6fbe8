package track

import (
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
)

// TestReplay: a viewer that comes soon after a keyframe begins with it and costs
// the publisher nothing. It is shown what came since at once, and is not behind
// then.
func TestReplay(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	early := view(track, 5000)
	p.frame(0, keyVP8(0))
	for i := range int64(9) {
		p.frame((i+1)*33*ms, deltaVP8(byte(i)))
	}
	sent := early.want(t, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009)
	takeRTCP[*rtcp.PictureLossIndication](t, p.wire)

	late := view(track, 6000)
	got := late.want(t, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009)
	for i := range got {
		if string(got[i].payload) != string(sent[i].payload) {
			t.Errorf("packet %d is %x, want %x", i, got[i].payload, sent[i].payload)
		}
		if i > 0 && got[i].Timestamp-got[i-1].Timestamp != replayStep {
			t.Errorf("frame %d is %d ticks after the one before it", i, got[i].Timestamp-got[i-1].Timestamp)
		}
	}
	if n := p.plis(); n != 0 {
		t.Errorf("the publisher was asked for %d keyframes", n)
	}

	// What is asked for again is what it was.
	late.nack(t, 340*ms, 1003)
	again := late.wire.takeRTP(t)
	if len(again) != 1 || again[0].Timestamp != got[3].Timestamp {
		t.Errorf("%+v again, want the timestamp %d", again, got[3].Timestamp)
	}

	p.frame(330*ms, deltaVP8(9))
	next := late.want(t, 1010)[0]
	if d := next.Timestamp - got[9].Timestamp; d != 3000 {
		t.Errorf("the next frame is %d ticks later, want 3000", d)
	}
	early.want(t, 1010)
}

// TestReplayIsBounded: by time and by size.
func TestReplayIsBounded(t *testing.T) {
	for name, feed := range map[string]func(p *publisher){
		"old": func(p *publisher) {
			p.frame(0, keyVP8(0))
			p.frame(950*ms, deltaVP8(0))
		},
		"long": func(p *publisher) {
			p.frame(0, keyVP8(0))
			for range maxReplay {
				p.frame(10*ms, deltaVP8(0))
			}
		},
		"large": func(p *publisher) {
			p.frame(0, keyVP8(0))
			for range maxReplayBytes/1400 + 1 {
				p.frame(10*ms, deltaVP8(make([]byte, 1400)...))
			}
		},
		"no keyframe": func(p *publisher) { p.frame(0, deltaVP8(0)) },
		"nothing":     func(*publisher) {},
	} {
		t.Run(name, func(t *testing.T) {
			track := New(codec.Video)
			p := publish(t, track, 1000)
			feed(p)
			p.receiver.Tick(1000 * ms) // what was asked before may be asked again
			p.plis()
			view(track, 6000).want(t)
			p.receiver.Tick(2000 * ms)
			if n := p.plis(); name != "nothing" && n == 0 {
				t.Error("nobody asks for a keyframe")
			}
		})
	}
}

// TestReplayFollowsPending: of a frame of which only a part has been sent, the
// rest follows once.
func TestReplayFollowsPending(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	p.frame(0, keyVP8(0))
	half := p.make(deltaVP8(1))
	half[1] &^= 0x80 // no marker
	p.receiver.Take(half, 33*ms)
	v := view(track, 6000)
	v.want(t, 1000)
	p.send(33*ms, deltaVP8(2))
	v.want(t, 1001, 1002)
}
