package track

import (
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
)

// TestInputMoves: the uplink moves to another connector, and viewers see one
// stream.
func TestInputMoves(t *testing.T) {
	track := New(codec.Video)
	old := publish(t, track, 1000)
	v := view(track, 5000)
	old.frame(0, keyVP8())
	before := v.want(t, 1000)[0]

	moved := publish(t, track, 2000)
	moved.frame(10*ms, deltaVP8())
	if plis := takeRTCP[*rtcp.PictureLossIndication](t, moved.wire); len(plis) != 1 || plis[0].MediaSSRC != 2000 {
		t.Errorf("the new source is asked %v", plis)
	}
	old.frame(33*ms, deltaVP8())
	v.want(t, 1001) // goes on until the new one can
	moved.frame(50*ms, keyVP8())
	old.frame(66*ms, keyVP8())
	old.frame(67*ms, deltaVP8())
	if n := old.receiver.streams[1000].source.cache.Size(); n != 0 {
		t.Errorf("%d bytes of the old source are kept", n)
	}
	got := v.want(t, 1002)[0]
	if d := got.Timestamp - before.Timestamp; d != 3000+17*90 {
		t.Errorf("the timestamp moved by %d", d)
	}
	old.input.Close()
	old.frame(80*ms, keyVP8())
	moved.frame(83*ms, deltaVP8())
	v.want(t, 1003)
	v.sender.RTCP(mustMarshal(t, &rtcp.PictureLossIndication{MediaSSRC: 5000}), 400*ms, nil)
	if plis := takeRTCP[*rtcp.PictureLossIndication](t, moved.wire); len(plis) != 1 {
		t.Errorf("%d keyframe requests at the new source", len(plis))
	}
	if plis := takeRTCP[*rtcp.PictureLossIndication](t, old.wire); len(plis) > 1 {
		t.Errorf("%d keyframe requests at the old source", len(plis))
	}
}

// TestDeviceSwitch: another SSRC in the same section, not announced.
func TestDeviceSwitch(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.send(0, []byte{1})
	late := p.make([]byte{2})
	p.ssrc, p.seq, p.ts = 3000, 40000, 7
	p.send(20*ms, []byte{3})
	feed(p.receiver, late, 21*ms)
	p.send(40*ms, []byte{4})
	got := v.want(t, 1000, 1001, 1002)
	if d := got[1].Timestamp - got[0].Timestamp; d != 960 {
		t.Errorf("the timestamp moved by %d", d)
	}
	// The same SSRC with other numbers.
	p.seq = 9000
	p.send(60*ms, []byte{5})
	v.want(t, 1003)
	if s := p.receiver.Stats(); s.Restarts != 1 {
		t.Errorf("%+v", s)
	}
}

// TestMuteAndBack: an input ends, and another begins later.
func TestMuteAndBack(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(0, keyVP8())
	p.input.Close()
	p.input.Close()
	if track.Stats().Cached != 0 || v.sub.source != nil {
		t.Error("something of the input is held")
	}
	p.frame(33*ms, deltaVP8())
	v.want(t, 1000)
	track.RequestKeyframe() // waits for an input
	p.input = p.receiver.Bind(SectionConfig{
		MID: "0", Kind: codec.Video, Formats: videoFormats(), Track: track, Sources: []Source{{SSRC: 1000}},
	})
	p.frame(66*ms, deltaVP8())
	if plis := takeRTCP[*rtcp.PictureLossIndication](t, p.wire); len(plis) != 1 {
		t.Errorf("%d keyframe requests", len(plis))
	}
	p.frame(100*ms, keyVP8())
	v.want(t, 1001)
}

// TestSilentSource: the source that was superseded comes back when the later one
// has died.
func TestSilentSource(t *testing.T) {
	track := New(codec.Video)
	old, later := publish(t, track, 1000), publish(t, track, 2000)
	v := view(track, 5000)
	old.frame(0, keyVP8())
	later.frame(1*ms, keyVP8())
	v.want(t, 1000, 1001)
	old.frame(1999*ms, keyVP8())
	v.want(t)
	takeRTCP[*rtcp.PictureLossIndication](t, old.wire)
	old.frame(2002*ms, deltaVP8())
	if plis := takeRTCP[*rtcp.PictureLossIndication](t, old.wire); len(plis) != 1 {
		t.Errorf("%d keyframe requests", len(plis))
	}
	old.frame(2003*ms, keyVP8())
	v.want(t, 1002)
	later.frame(2004*ms, deltaVP8())
	old.frame(2005*ms, deltaVP8())
	v.want(t, 1003)
	later.frame(2006*ms, keyVP8())
	v.want(t, 1004)

	// It begins to come back, but the later one was only slow.
	old.frame(5000*ms, deltaVP8())
	later.frame(5001*ms, deltaVP8())
	v.want(t, 1005)
	old.plis()
	later.plis()
	v.sender.RTCP(mustMarshal(t, &rtcp.PictureLossIndication{MediaSSRC: 5000}), 6000*ms, nil)
	if a, b := old.plis(), later.plis(); a != 0 || b != 1 {
		t.Errorf("%d requests to the old source, %d to the current one", a, b)
	}
}

// TestVideoRestarts: numbers that begin anew are another source.
func TestVideoRestarts(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.receiver.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: 1000, NTPTime: ntp(0)}), 0)
	p.frame(0, keyVP8())
	v.sender.Tick(0)
	v.want(t, 1000)
	if got := v.reports(t); len(got) != 1 {
		t.Fatalf("%d reports", len(got))
	}
	p.seq = 30000
	p.frame(33*ms, deltaVP8())
	v.want(t)
	if n := p.plis(); n != 1 {
		t.Errorf("%d keyframe requests", n)
	}
	p.frame(66*ms, keyVP8())
	v.want(t, 1001)
	v.sender.Tick(2000 * ms)
	if got := v.reports(t); len(got) != 0 {
		t.Error("a report by a clock that may be another one")
	}
}
