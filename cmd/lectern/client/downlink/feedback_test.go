package downlink

import (
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"lectern/sfu/description"
)

// ms is a time on the clock, in milliseconds.
func ms(n int64) int64 { return n * int64(time.Millisecond) }

// heard is a peer that gets 30 packets of video and 50 of sound a second.
type heard struct {
	p            *Peer
	video, audio *stream
}

func newHeard() *heard {
	section := func(k description.Kind) *description.Section { return &description.Section{Kind: k} }
	h := &heard{
		video: newStream(section(description.Video), description.Source{SSRC: 1}),
		audio: newStream(section(description.Audio), description.Source{SSRC: 2}),
	}
	h.p = &Peer{engine: new(Engine), ssrc: 9, order: []*stream{h.video, h.audio}}
	return h
}

// TestReportTimes counts a minute's receiver reports: libwebrtc sends one on
// video each second and one on sound each five, by half more or less.
func TestReportTimes(t *testing.T) {
	h := newHeard()
	last := map[uint32]int64{}
	count := map[uint32]int{}
	for now := ms(1000); now < ms(61_000); now += int64(beatTime) {
		n := uint16(now / ms(50)) //nolint:gosec // small
		h.video.account.Record(now, n, uint32(now/ms(1))*90, false)
		h.audio.account.Record(now, n, uint32(now/ms(1))*48, false)
		for _, s := range h.p.order {
			list := h.p.report(nil, s, now)
			if len(list) == 0 {
				continue
			}
			b := list[0].(*rtcp.ReceiverReport).Reports[0]
			every := map[uint32]int64{1: videoReportEvery, 2: audioReportEvery}[s.ssrc]
			if b.SSRC != s.ssrc || b.FractionLost != 0 || b.LastSequenceNumber != uint32(n) {
				t.Errorf("%+v", b)
			}
			if gap := now - last[s.ssrc]; last[s.ssrc] != 0 && (gap < every/2 || gap > every*3/2+int64(beatTime)) {
				t.Errorf("a report on %d after %v", s.ssrc, time.Duration(gap))
			}
			last[s.ssrc] = now
			count[s.ssrc]++
		}
	}
	if v, a := count[1], count[2]; v < 45 || v > 75 || a < 9 || a > 16 {
		t.Errorf("%d reports on video and %d on sound in a minute", v, a)
	}
}

// TestREMB has 1 Mbit/s come for three seconds.
func TestREMB(t *testing.T) {
	r := remb{negotiated: true}
	count, last := 0, float32(0)
	for now := ms(1000); now < ms(4000); now += int64(beatTime) {
		r.bytes += 1_000_000 / 8 / 20
		if bitrate, ok := r.next(now); ok {
			count++
			last = bitrate
		}
	}
	if count != 14 || last < 1_500_000 || last > 1_520_000 {
		t.Errorf("%d estimates in 3 s, the last one of %.0f bit/s", count, last)
	}
	r.next(ms(8000)) // takes what came since
	if _, ok := r.next(ms(9000)); ok {
		t.Error("it says how much may be sent while nothing comes")
	}
	r.negotiated, r.bytes = false, 1000
	if _, ok := r.next(ms(9000)); ok {
		t.Error("it says how much may be sent though nobody asked")
	}
}

// TestREMBIsNegotiated takes offers with all it needs, and with less.
func TestREMBIsNegotiated(t *testing.T) {
	for name, c := range map[string]struct {
		feedback, uri string
		want          bool
	}{
		"both":          {googREMB, description.URIAbsSendTime, true},
		"no REMB":       {"transport-cc", description.URIAbsSendTime, false},
		"no send times": {googREMB, description.URITransportCC, false},
	} {
		vp8 := wanted[0]
		vp8.Feedback = []string{c.feedback, "nack", "nack pli"}
		offer := description.Section{
			Kind: description.Video, MID: "0", Direction: description.SendOnly,
			Formats:    []description.Format{{PayloadType: 96, RTX: 97, Codec: vp8}},
			Extensions: []description.Extension{{ID: 2, URI: c.uri}},
		}
		if a := answerSection(&offer); takesREMB(&a) != c.want {
			t.Errorf("%s: %v", name, takesREMB(&a))
		}
	}
}

// TestReportsTheServersReport has a sender report come: a receiver report names it
// and says how long ago it came.
func TestReportsTheServersReport(t *testing.T) {
	s := newServer(t)
	p, o := openPeer(t)
	s.connect(p, o)
	const ntp = 0x1111_2222_3333_4444
	s.send(1, true)
	o.expect(t, 1, true)
	s.must(s.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{SSRC: s.ssrc(), NTPTime: ntp}}))
	at := time.Now()
	for n := uint16(2); ; n++ {
		s.send(n, false)
		for _, b := range awaitFeedback[*rtcp.ReceiverReport](s).Reports {
			if b.LastSenderReport == 0 {
				continue // the packet came before the report
			}
			delay := time.Duration(b.Delay) * time.Second >> 16
			if b.LastSenderReport != 0x2222_3333 || delay <= 0 || delay > time.Since(at) {
				t.Errorf("after %v it reports %+v", time.Since(at), b)
			}
			if c := p.engine.Counters(); c.Reports != 1 {
				t.Errorf("counters: %+v", c)
			}
			return
		}
	}
}

// ssrc is that of the video.
func (s *server) ssrc() uint32 {
	for _, t := range s.pc.GetTransceivers() {
		if t.Kind() == webrtc.RTPCodecTypeVideo {
			return uint32(t.Sender().GetParameters().Encodings[0].SSRC)
		}
	}
	return 0
}

// TestAsksAtOnce holds that what is found missing is asked for when that is
// known, not at the next beat.
func TestAsksAtOnce(t *testing.T) {
	h := newHeard()
	h.video.needsKey = false
	for n, seq := range []uint16{1, 2, 4, 5, 6} {
		h.video.account.Record(ms(int64(n)), seq, 0, false)
		list := h.p.ask(h.video, ms(int64(n)))
		if want := seq == 5; (len(list) == 1) != want {
			t.Errorf("after %d it asks %v", seq, list)
		}
	}
	h.video.needsKey = true
	asked := 0
	for now := ms(10); now < ms(1010); now += ms(50) {
		for _, p := range h.p.ask(h.video, now) {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				asked++
			}
		}
	}
	if asked != 5 {
		t.Errorf("it asked for a keyframe %d times in a second, want each 200 ms", asked)
	}
}
