package track

import (
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
)

// ntp is a wall clock: 1 s is the beginning.
func ntp(ns int64) uint64 {
	return uint64(ns/second+1)<<32 + uint64(ns%second)<<32/second
}

// reports are the sender reports since the last call, by SSRC.
func (v *viewer) reports(t testing.TB) map[uint32]*rtcp.SenderReport {
	got := map[uint32]*rtcp.SenderReport{}
	for _, sr := range takeRTCP[*rtcp.SenderReport](t, v.wire) {
		got[sr.SSRC] = sr
	}
	return got
}

// captured is when, by its sender report, a packet was captured.
func captured(sr *rtcp.SenderReport, ts, rate uint32) int64 {
	at := int64(sr.NTPTime>>32-1)*second + int64(sr.NTPTime&0xffffffff*second>>32)
	return at + int64(int32(ts-sr.RTPTime))*second/int64(rate)
}

// TestLipSync: a publisher whose audio and video clocks stand where they like,
// seen through sender reports, and again after both moved to another
// connector. delay is from capture to arrival: video comes later than audio.
func TestLipSync(t *testing.T) {
	const audioDelay, videoDelay = 20, 85
	video, audio := New(codec.Video), New(codec.Audio)
	v := &viewer{wire: &wire{}}
	v.sender = NewSender(v.wire)
	v.sender.Subscribe(SubscriptionConfig{Track: video, SSRC: 1, CNAME: "p", Formats: videoFormats()})
	v.sender.Subscribe(SubscriptionConfig{Track: audio, SSRC: 2, CNAME: "p", Formats: audioFormats()})
	v.sender.Start()

	last := map[uint32]*rtcp.SenderReport{}
	run := func(from int64, ssrc uint32) {
		pv, pa := publish(t, video, ssrc), publish(t, audio, ssrc+10)
		baseV, baseA := ssrc*7777, ssrc*99991
		for now := from; now < from+3000; now++ {
			if captureV := now - videoDelay; captureV%33 == 0 {
				pv.ts = baseV + uint32(captureV*90)
				pv.send(now*ms, keyVP8())
			}
			if captureA := now - audioDelay; captureA%20 == 0 {
				pa.ts = baseA + uint32(captureA*48)
				pa.send(now*ms, []byte{1})
			}
			if now%700 == 350 { // it tells, with jitter on the way
				at := now - 30
				pv.receiver.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: ssrc, NTPTime: ntp(at * ms), RTPTime: baseV + uint32(at*90)}), now*ms)
				pa.receiver.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: ssrc + 10, NTPTime: ntp((at + 7) * ms), RTPTime: baseA + uint32((at+7)*48)}), (now+3)*ms)
			}
			if now%20 == 0 {
				v.sender.Tick(now * ms)
				for ssrc, sr := range v.reports(t) {
					last[ssrc] = sr
				}
			}
			for _, s := range v.wire.takeRTP(t) {
				sr := last[s.SSRC]
				if sr == nil || now < from+600 {
					continue
				}
				want, rate := now-videoDelay, uint32(90000)
				if s.SSRC == 2 {
					want, rate = now-audioDelay, 48000
				}
				if off := captured(sr, s.Timestamp, rate)/ms - want; off < -2 || off > 2 {
					t.Fatalf("at %d ms stream %d says that it was captured at %d, not %d", now, s.SSRC, want+off, want)
				}
			}
		}
		if len(last) != 2 {
			t.Fatalf("reports %v", last)
		}
		if sr := last[1]; sr.PacketCount == 0 || sr.OctetCount != 2*sr.PacketCount {
			t.Errorf("%+v", sr)
		}
	}
	run(1000, 1000)
	run(4000, 2000)
}

func TestSenderReportTimes(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	report := func(now int64) {
		p.receiver.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: p.ssrc, NTPTime: ntp(now), RTPTime: 0}), now)
	}
	tick := func(now int64, want int) {
		t.Helper()
		v.sender.Tick(now)
		if got := v.reports(t); len(got) != want {
			t.Fatalf("%d reports at %d ms, want %d", len(got), now/ms, want)
		}
	}
	tick(0, 0)
	p.send(0, []byte{1})
	tick(20*ms, 0) // the publisher's clock is not known
	report(30 * ms)
	tick(40*ms, 1)
	p.send(50*ms, []byte{1})
	tick(1020*ms, 0)
	tick(1040*ms, 1)
	tick(2100*ms, 0) // nothing was sent
	p.send(2100*ms, []byte{1})
	tick(2120*ms, 1)
	// Another source: as soon as its clock is known.
	p.ssrc, p.seq = 3000, 1
	p.send(2140*ms, []byte{1})
	tick(2160*ms, 0)
	report(2170 * ms)
	tick(2180*ms, 1)
}

func TestRoundTrip(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.send(0, []byte{1})
	p.receiver.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: 1000, NTPTime: ntp(0)}), 0)
	v.sender.Tick(10 * ms)
	sr := v.reports(t)[5000]
	if sr == nil {
		t.Fatal("no report")
	}
	block := rtcp.ReceptionReport{
		SSRC: 5000, LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 1 << 14, // 250 ms
		FractionLost: 3, TotalLost: 4, Jitter: 5,
	}
	v.sender.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: 9, Reports: []rtcp.ReceptionReport{block}}), 290*ms, nil)
	if s := v.sender.Stats(); s.RoundTrip != 30*ms {
		t.Errorf("round trip %d µs", s.RoundTrip/1000)
	}
	if s := v.sub.Stats(); s.FractionLost != 3 || s.Lost != 4 || s.Jitter != 5 {
		t.Errorf("%+v", s)
	}
	block.LastSenderReport++
	unknown := rtcp.ReceptionReport{SSRC: 77}
	v.sender.RTCP(mustMarshal(t, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{unknown, block}}), 9000*ms, nil)
	v.sender.RTCP([]byte{1}, 0, nil)
	v.sender.RTCP(mustMarshal(t, &rtcp.PictureLossIndication{MediaSSRC: 5002}), 0, nil)
	if s := v.sender.Stats(); s.RoundTrip != 30*ms || s.InvalidRTCP != 1 || s.UnknownSSRC != 1 || s.Subscriptions != 1 || s.Total.Packets != 1 {
		t.Errorf("%+v", s)
	}
}

// TestOneRTCPForBoth halves of a connector.
func TestOneRTCPForBoth(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(0, keyVP8())
	b := mustMarshal(t,
		&rtcp.SenderReport{SSRC: 1000, NTPTime: 1 << 40, Reports: []rtcp.ReceptionReport{{SSRC: 5000, TotalLost: 9}}},
		&rtcp.PictureLossIndication{MediaSSRC: 5000})
	RTCP(p.receiver, v.sender, b, 0, nil)
	RTCP(nil, v.sender, b, 0, nil)
	RTCP(p.receiver, nil, b, 0, nil)
	RTCP(nil, nil, b, 0, nil)
	RTCP(p.receiver, v.sender, b[:3], 0, nil)
	if s := p.receiver.Stats(); s.SenderReports != 2 {
		t.Errorf("%+v", s)
	}
	if s := v.sub.Stats(); s.Lost != 9 || s.KeyframeRequests != 2 {
		t.Errorf("%+v", s)
	}
}

// TestReportsShareAPacket, and fit a datagram.
func TestReportsShareAPacket(t *testing.T) {
	w := &wire{}
	s := NewSender(w)
	for i := range uint32(30) {
		track := New(codec.Audio)
		p := publish(t, track, 1000+i)
		s.Subscribe(SubscriptionConfig{Track: track, SSRC: 5000 + i, CNAME: "a-name-of-usual-length-01234", Formats: audioFormats()})
		p.receiver.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: 1000 + i, NTPTime: 1 << 40}), 0)
		s.Start()
		p.send(0, []byte{1})
	}
	s.Tick(0)
	if len(w.rtcp) != 3 {
		t.Errorf("%d packets", len(w.rtcp))
	}
	for _, b := range w.rtcp {
		if len(b) > 1200 {
			t.Errorf("%d bytes", len(b))
		}
	}
	if got := takeRTCP[*rtcp.SenderReport](t, w); len(got) != 30 {
		t.Errorf("%d reports", len(got))
	}
}
