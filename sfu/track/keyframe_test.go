package track

import (
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
)

func mustMarshal(t testing.TB, packets ...rtcp.Packet) []byte {
	t.Helper()
	b, err := rtcp.Marshal(packets)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plis counts the keyframe requests since the last call.
func (p *publisher) plis() int { return len(takeRTCP[*rtcp.PictureLossIndication](p.t, p.wire)) }

func TestKeyframeRequestsAreMerged(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	var viewers []*viewer
	for i := range 20 {
		viewers = append(viewers, view(track, 5000+10*uint32(i)))
	}
	p.frame(1000*ms, keyVP8())
	p.plis()
	pli := func(i int, now int64) {
		v := viewers[i]
		v.sender.RTCP(mustMarshal(t, &rtcp.PictureLossIndication{MediaSSRC: v.sub.ssrc}), now, nil)
	}
	for i := range viewers {
		pli(i, 2000*ms)
	}
	if n := p.plis(); n != 1 {
		t.Errorf("%d requests of 20 at once", n)
	}
	// Within the pause one more waits for its end.
	pli(3, 2100*ms)
	viewers[4].sender.RTCP(mustMarshal(t, &rtcp.FullIntraRequest{
		FIR: []rtcp.FIREntry{{SSRC: viewers[4].sub.ssrc, SequenceNumber: 1}},
	}), 2200*ms, nil)
	p.receiver.Tick(2299 * ms)
	if n := p.plis(); n != 0 {
		t.Errorf("%d requests within the pause", n)
	}
	p.receiver.Tick(2300 * ms)
	p.receiver.Tick(2700 * ms)
	if n := p.plis(); n != 1 {
		t.Errorf("%d requests at the end of the pause", n)
	}
	// A keyframe answers those that wait.
	pli(0, 3000*ms)
	pli(1, 3100*ms)
	p.frame(3150*ms, keyVP8())
	p.receiver.Tick(3400 * ms)
	if n := p.plis(); n != 1 {
		t.Errorf("%d requests though a keyframe came", n)
	}
	if s := viewers[0].sub.Stats(); s.KeyframeRequests != 2 {
		t.Errorf("%+v", s)
	}
	if s := p.receiver.Stats(); s.PLIs != 3 {
		t.Errorf("%+v", s)
	}
}

// TestKeyframeIsAskedForAgain until it comes, for a viewer and for a new source.
func TestKeyframeIsAskedForAgain(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	p.frame(-1000*ms, keyVP8()) // too long ago to begin with
	v := view(track, 5000)
	ticks := func(from, to int64) {
		for now := from; now < to; now += 20 * ms {
			p.receiver.Tick(now)
			v.sender.Tick(now)
		}
	}
	ticks(0, 2600*ms)
	if n := p.plis(); n < 5 || n > 6 {
		t.Errorf("%d requests in 2.6 s", n)
	}
	p.frame(2600*ms, keyVP8())
	v.want(t, 1001)
	ticks(2600*ms, 4000*ms)
	if n := p.plis(); n != 0 {
		t.Errorf("%d requests after the keyframe", n)
	}

	moved := publish(t, track, 2000)
	moved.frame(4000*ms, deltaVP8())
	for now := 4000 * ms; now < 5600*ms; now += 20 * ms {
		moved.receiver.Tick(now)
		p.frame(now, deltaVP8())
	}
	if n := moved.plis(); n < 3 || n > 4 {
		t.Errorf("%d requests in 1.6 s to a new source", n)
	}
	if n := p.plis(); n != 0 {
		t.Errorf("%d requests to the old one", n)
	}
}

// TestRequestSurvivesABusyTransport: what was not sent is sent later.
func TestRequestSurvivesABusyTransport(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	p.frame(0, keyVP8())
	p.wire.refuses = true
	track.RequestKeyframe()
	p.wire.refuses = false
	p.receiver.Tick(300 * ms)
	if n := p.plis(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestAudioNeedsNoKeyframe(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	p.send(0, []byte{1})
	v := view(track, 5000)
	v.sender.RTCP(mustMarshal(t, &rtcp.PictureLossIndication{MediaSSRC: 5000}), 0, nil)
	track.RequestKeyframe()
	p.receiver.Tick(1000 * ms)
	if n := p.plis(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestOneViewerAsksSeldom has one viewer ask for a keyframe all the time, and a
// publisher that makes each one that it is asked for: in the long run the viewer
// costs it one in allowEvery, and others who need one get theirs at once.
func TestOneViewerAsksSeldom(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	greedy, other := view(track, 5000), view(track, 6000)
	ask := func(v *viewer, now int64) {
		v.sender.RTCP(mustMarshal(t, &rtcp.PictureLossIndication{MediaSSRC: v.sub.ssrc}), now, nil)
	}
	run := func(from, to int64) (asked int) {
		for now := from; now < to; now += 20 * ms {
			ask(greedy, now)
			greedy.sender.Tick(now)
			p.receiver.Tick(now)
			if p.plis() > 0 {
				asked++
				p.frame(now+ms, keyVP8())
			} else {
				p.frame(now+ms, deltaVP8())
			}
		}
		return asked
	}
	p.frame(1000*ms, keyVP8())
	if n, want := run(2000*ms, 62_000*ms), 60/3+allowBurst; n > want || n < want-2 {
		t.Errorf("the publisher was asked %d times in a minute, want %d", n, want)
	}
	// One that pauses and goes on asks too.
	before := 0
	for now := 62_000 * ms; now < 92_000*ms; now += 20 * ms {
		p.frame(now, deltaVP8())
		greedy.sub.Pause()
		greedy.sub.Resume()
		greedy.sender.Tick(now)
		p.receiver.Tick(now)
		if p.plis() > 0 {
			before++
			p.frame(now, keyVP8())
		}
	}
	if want := 30/3 + allowBurst; before > want || before < 5 {
		t.Errorf("with pauses it was asked %d times in 30 s, want up to %d", before, want)
	}
	p.frame(93_000*ms, deltaVP8())
	ask(other, 93_000*ms)
	if n := p.plis(); n != 1 {
		t.Errorf("%d requests for the other viewer", n)
	}
}
