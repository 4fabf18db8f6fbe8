package track

import (
	"testing"

	"lectern/sfu/codec"
)

// TestStreamIsHeldToItsLimit has a publisher send much more than it may, and a
// keyframe for each request: viewers get whole runs of frames that begin with a
// keyframe, without a gap in their numbers, at the rate allowed.
func TestStreamIsHeldToItsLimit(t *testing.T) {
	const bitrate = 1_000_000
	track := (&Fanout{MaxBitrate: bitrate}).New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(1000*ms, keyVP8())
	v.wire.takeRTP(t)
	payload := make([]byte, 1000)
	const seconds = 30
	var bytes, runs int
	var lastSeq uint16
	lastAt, begun := int64(0), false
	for now := 1100 * ms; now < (1100+seconds*1000)*ms; now += ms { // 8 Mbit/s
		p.receiver.Tick(now)
		frame := deltaVP8(payload...)
		if p.plis() > 0 {
			frame = keyVP8(payload...)
		}
		p.frame(now, frame)
		for _, s := range v.wire.takeRTP(t) {
			bytes += len(s.payload)
			if begun && s.Sequence != lastSeq+1 {
				t.Fatalf("number %d follows %d", s.Sequence, lastSeq)
			}
			if now-lastAt > 10*ms {
				if runs++; begun && s.payload[1]&1 != 0 {
					t.Fatal("after a cut the viewer begins with a frame that needs another one")
				}
			}
			lastSeq, lastAt, begun = s.Sequence, now, true
		}
	}
	most := bitrate / 8 * (100 + limitSlack) / 100 * (seconds + 1)
	if bytes > most || bytes < most*3/4 {
		t.Errorf("%d bytes were forwarded in %d s, want up to %d", bytes, seconds, most)
	}
	if runs < 10 {
		t.Errorf("%d runs of frames", runs)
	}
	if s := track.Stats(); s.Limited == 0 {
		t.Errorf("%+v", s)
	}
}

// TestStreamWithinItsLimit loses nothing, though its keyframes are large.
func TestStreamWithinItsLimit(t *testing.T) {
	track := (&Fanout{MaxBitrate: 8_000_000}).New(codec.Video)
	p := publish(t, track, 1000)
	for now, n := 1000*ms, 0; n < 3000; now, n = now+33*ms, n+1 {
		frame := deltaVP8()
		packets := 22 // 6 Mbit/s
		if n%90 == 0 {
			frame, packets = keyVP8(), 200
		}
		for range packets {
			p.send(now, append(frame, make([]byte, 1150)...))
			frame = deltaVP8()
		}
	}
	if s := track.Stats(); s.Limited != 0 {
		t.Errorf("%d packets were cut", s.Limited)
	}
}

// TestFrameWithoutEnd: a frame that does not end is cut all the same.
func TestFrameWithoutEnd(t *testing.T) {
	l := newLimiter(8_000_000)
	n := 0
	for l.admits(1, true, 1000, 0) {
		n++
	}
	if most := 2 * int(l.rate) / 1000; n > most+1 {
		t.Errorf("%d packets of one frame at once, want at most %d", n, most)
	}
}
