package track

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
)

// nacks are the packets asked for since the last call.
func (p *publisher) nacks() (list []uint16) {
	for _, n := range takeRTCP[*rtcp.TransportLayerNack](p.t, p.wire) {
		if n.MediaSSRC != p.ssrc || n.SenderSSRC == 0 {
			p.t.Errorf("asks %d for packets of %d", n.SenderSSRC, n.MediaSSRC)
		}
		for i := range n.Nacks {
			list = append(list, n.Nacks[i].PacketList()...)
		}
	}
	return list
}

func (p *publisher) wantNacks(want ...uint16) {
	p.t.Helper()
	if got := p.nacks(); !slices.Equal(got, want) {
		p.t.Fatalf("asked for %v, want %v", got, want)
	}
}

func TestLossIsAskedFor(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(0, keyVP8(0))
	lost := p.make(deltaVP8(1))
	p.frame(10*ms, deltaVP8(2))
	p.wantNacks()
	p.frame(11*ms, deltaVP8(3))
	p.wantNacks(1001)
	p.receiver.Tick(60 * ms)
	p.wantNacks()
	p.receiver.Tick(111 * ms)
	p.wantNacks(1001)
	feed(p.receiver, rtx(lost, 97, 1001, 77), 150*ms)
	v.want(t, 1000, 1002, 1003, 1001)
	feed(p.receiver, rtx(lost, 97, 1001, 78), 151*ms) // both requests were answered
	v.want(t)
	p.receiver.Tick(1000 * ms)
	p.wantNacks()
	if s := p.receiver.Stats(); s.Recovered != 1 || s.Duplicates != 1 || s.NACKs != 2 || s.NACKed != 2 {
		t.Errorf("%+v", s)
	}
}

// TestLossForGood: video needs a keyframe then.
func TestLossForGood(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	view(track, 5000)
	p.frame(0, keyVP8(0))
	p.make(nil)
	p.frame(0, deltaVP8(2))
	asked, plis := 0, 0
	for now := int64(0); now < 3000*ms; now += 20 * ms {
		p.receiver.Tick(now)
		p.wire.mu.Lock()
		all := p.wire.rtcp
		p.wire.rtcp = nil
		p.wire.mu.Unlock()
		for _, b := range all {
			packets, err := rtcp.Unmarshal(b)
			if err != nil {
				t.Fatal(err)
			}
			switch packets[0].(type) {
			case *rtcp.TransportLayerNack:
				asked++
			case *rtcp.PictureLossIndication:
				plis++
			}
		}
	}
	if asked != 10 || plis != 1 {
		t.Errorf("asked %d times, then %d times for a keyframe", asked, plis)
	}
}

func TestAudioWithoutNack(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	p.send(0, []byte{1})
	p.make(nil)
	p.send(0, []byte{3})
	p.send(0, []byte{4})
	p.receiver.Tick(1000 * ms)
	p.wantNacks()
}

func TestSupersededSourceIsNotAsked(t *testing.T) {
	track := New(codec.Video)
	old, later := publish(t, track, 1000), publish(t, track, 2000)
	view(track, 5000)
	old.frame(0, keyVP8())
	later.frame(0, keyVP8())
	old.make(nil)
	old.frame(0, deltaVP8())
	old.frame(0, deltaVP8())
	old.receiver.Tick(1000 * ms)
	old.wantNacks()
}

// TestRTX unwraps what carries an extension and padding, and ignores probes.
func TestRTX(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	p.receiver.SetExtensions(Extensions{VideoOrientation: 5})
	v := view(track, 5000)
	v.sender.SetExtensions(Extensions{VideoOrientation: 6})
	p.frame(0, keyVP8(0))
	v.want(t, 1000)
	lost := p.make(deltaVP8(1))
	h, _ := packet.Parse(lost)
	wrapped := packet.Build(nil, true, 97, 3, h.Timestamp, 1001, []packet.Ext{{ID: 5, Data: []byte{2}}},
		append([]byte{byte(h.Sequence >> 8), byte(h.Sequence)}, h.Payload(lost)...))
	wrapped[0] |= 0x20
	feed(p.receiver, append(wrapped, 0, 0, 0, 4), 0)
	got := v.want(t, 1001)[0]
	if !bytes.Equal(got.payload, deltaVP8(1)) || !bytes.Equal(got.Extension(got.bytes, 6), []byte{2}) || got.Padding != 0 {
		t.Errorf("sent %x", got.bytes)
	}
	v.nack(t, 0, 1001)
	if got := v.wire.takeRTP(t); len(got) != 1 || !bytes.Equal(got[0].payload[2:], deltaVP8(1)) {
		t.Errorf("sent again %v", got)
	}
	probe := packet.Build(nil, false, 97, 4, 0, 1001, nil, nil)
	probe[0] |= 0x20
	feed(p.receiver, append(append(probe, make([]byte, 199)...), 200), 0)
	feed(p.receiver, packet.Build(nil, false, 97, 4, 0, 1001, nil, []byte{1}), 0)
	feed(p.receiver, packet.Build(nil, false, 55, 4, 0, 1001, nil, []byte{1, 2, 3}), 0)
	v.want(t)
	if s := p.receiver.Stats(); s.RTXPadding != 2 || s.Recovered != 1 || s.Format != 1 {
		t.Errorf("%+v", s)
	}
}

func TestLearning(t *testing.T) {
	video, screen, audio := New(codec.Video), New(codec.Video), New(codec.Audio)
	r := NewReceiver(&wire{})
	r.SetExtensions(Extensions{MID: 1})
	first := map[string]int{}
	bind := func(mid string, track *Track, formats []Format) *Input {
		return r.Bind(SectionConfig{
			MID: mid, Kind: track.Kind(), Formats: formats, Track: track, OnFirst: func() { first[mid]++ },
		})
	}
	bind("0", video, videoFormats())
	bind("1", screen, videoFormats())
	bind("2", audio, audioFormats())
	v, s, a := view(video, 5000), view(screen, 6000), view(audio, 7000)
	send := func(ssrc uint32, pt uint8, seq uint16, mid string, payload []byte) {
		var exts []packet.Ext
		if mid != "" {
			exts = []packet.Ext{{ID: 1, Data: []byte(mid)}}
		}
		feed(r, packet.Build(nil, false, pt, seq, 0, ssrc, exts, payload), 0)
	}
	send(10, 96, 1, "0", keyVP8())
	send(11, 96, 2, "1", keyVP8())
	send(12, 111, 3, "", []byte{1}) // the only section with opus
	send(13, 96, 4, "", keyVP8())   // of which one?
	send(14, 96, 5, "9", keyVP8())
	send(15, 50, 6, "0", keyVP8())
	send(10, 96, 2, "", deltaVP8(1)) // the mid need not come each time
	send(16, 97, 1, "0", append([]byte{0, 3}, deltaVP8(2)...))
	v.want(t, 1, 2, 3)
	s.want(t, 2)
	a.want(t, 3)
	if fmt.Sprint(first) != "map[0:1 1:1 2:1]" {
		t.Errorf("OnFirst was called %v", first)
	}
	if s := r.Stats(); s.Unknown != 3 || s.Streams != 4 || s.Recovered != 1 {
		t.Errorf("%+v", s)
	}
}

// TestBindAgain: a section is bound anew before the old binding is closed.
func TestBindAgain(t *testing.T) {
	track := New(codec.Audio)
	r := NewReceiver(&wire{})
	r.SetExtensions(Extensions{MID: 1})
	bind := func() *Input {
		return r.Bind(SectionConfig{
			MID: "0", Kind: codec.Audio, Formats: audioFormats(), Track: track, Sources: []Source{{SSRC: 8}},
		})
	}
	v := view(track, 5000)
	send := func(ssrc uint32, seq uint16) {
		feed(r, packet.Build(nil, false, 111, seq, 0, ssrc, []packet.Ext{{ID: 1, Data: []byte("0")}}, []byte{1}), 0)
	}
	old := bind()
	send(8, 1)
	bind()
	send(9, 50)
	send(9, 51)
	old.Close()
	send(9, 52)
	v.want(t, 1, 2, 3, 4)
	send(8, 2) // announced again, so not of the old binding
	v.want(t, 5)
}

// TestLearningIsBounded: a publisher that invents SSRCs does not fill the
// memory, and one that changes its own from time to time can go on.
func TestLearningIsBounded(t *testing.T) {
	track := New(codec.Audio)
	r := NewReceiver(&wire{})
	in := r.Bind(SectionConfig{MID: "0", Kind: codec.Audio, Formats: audioFormats(), Track: track})
	v := view(track, 5000)
	send := func(ssrc uint32, now int64) {
		feed(r, packet.Build(nil, false, 111, 1, 0, ssrc, nil, []byte{1}), now)
	}
	for ssrc := range uint32(100) {
		send(ssrc, 0)
	}
	if n := len(v.wire.takeRTP(t)); n != maxLearned {
		t.Errorf("%d SSRCs were learned", n)
	}
	send(200, 4000*ms)
	v.want(t)
	send(200, 5000*ms)
	if n := len(v.wire.takeRTP(t)); n != 1 {
		t.Error("no room is made for a new SSRC")
	}
	if s := r.Stats(); s.Streams != maxLearned {
		t.Errorf("%+v", s)
	}
	in.Close()
	if s := r.Stats(); s.Streams != 0 || r.learned != 0 {
		t.Errorf("%+v, %d", s, r.learned)
	}
}

// TestOnFirstMayCallBack: the plane unbinds a section from there.
func TestOnFirstMayCallBack(t *testing.T) {
	track := New(codec.Audio)
	r := NewReceiver(&wire{})
	var in *Input
	in = r.Bind(SectionConfig{
		MID: "0", Kind: codec.Audio, Formats: audioFormats(), Track: track,
		OnFirst: func() { in.Close() },
	})
	v := view(track, 5000)
	padding := packet.Build(nil, false, 111, 1, 0, 9, nil, nil)
	feed(r, padding, 0)
	if in.ended.Load() {
		t.Error("a packet without payload counts as the first")
	}
	feed(r, packet.Build(nil, false, 111, 2, 0, 9, nil, []byte{1}), 0)
	if !in.ended.Load() {
		t.Error("OnFirst was not called")
	}
	v.want(t)
}

func TestTransportFeedback(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	number := func(n uint16) { p.exts = []packet.Ext{{ID: 4, Data: []byte{byte(n >> 8), byte(n)}}} }
	number(1)
	p.frame(0, keyVP8())
	p.receiver.Tick(200 * ms)
	if got := takeRTCP[*rtcp.TransportLayerCC](t, p.wire); len(got) != 0 {
		t.Error("feedback though it was not negotiated")
	}
	p.receiver.SetExtensions(Extensions{TransportCC: 4})
	start := 16_777_216 * 64 * ms // when the reference time wraps
	for i, n := range []uint16{65535, 0, 2} {
		number(n)
		p.frame(start+int64(i)*5*ms, keyVP8())
	}
	p.receiver.Tick(start + 20*ms)
	got := takeRTCP[*rtcp.TransportLayerCC](t, p.wire)
	if len(got) != 1 || got[0].BaseSequenceNumber != 65535 || got[0].PacketStatusCount != 4 || len(got[0].RecvDeltas) != 3 {
		t.Fatalf("feedback %v", got)
	}
	if d := got[0].RecvDeltas[2].Delta; d != 5_000 {
		t.Errorf("the third packet came %d µs after the second", d)
	}
	if got[0].ReferenceTime != 0 {
		t.Errorf("reference time %d", got[0].ReferenceTime)
	}
	number(3)
	p.frame(start+25*ms, keyVP8())
	p.receiver.Tick(start + 119*ms)
	if got := takeRTCP[*rtcp.TransportLayerCC](t, p.wire); len(got) != 0 {
		t.Error("feedback before its time")
	}
	p.receiver.Tick(start + 120*ms)
	if got := takeRTCP[*rtcp.TransportLayerCC](t, p.wire); len(got) != 1 {
		t.Error("no feedback in time")
	}
	p.receiver.Tick(start + 300*ms)
	if got := takeRTCP[*rtcp.TransportLayerCC](t, p.wire); len(got) != 0 {
		t.Error("feedback about nothing")
	}
	// A flood is told of in pieces that fit a datagram.
	for i := range uint16(2000) {
		number(i + 4)
		p.frame(start+400*ms, keyVP8())
	}
	for _, b := range p.wire.rtcp {
		if len(b) > 1200 {
			t.Errorf("feedback of %d bytes", len(b))
		}
	}
	if got := takeRTCP[*rtcp.TransportLayerCC](t, p.wire); len(got) != 3 {
		t.Errorf("%d feedbacks of 2000 packets", len(got))
	}
}

func TestReceiverReport(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	p.receiver.RTCP(mustMarshal(t,
		&rtcp.SenderReport{SSRC: 1000, NTPTime: 0x1122_3344_5566_7788, RTPTime: 1},
		rtcp.NewCNAMESourceDescription(1000, "x"), &rtcp.Goodbye{Sources: []uint32{1000}}), 500*ms)
	p.frame(600*ms, keyVP8())
	p.make(nil)
	p.frame(700*ms, deltaVP8())
	p.frame(800*ms, deltaVP8())
	p.receiver.Tick(1000 * ms)
	p.wire.mu.Lock()
	compound := p.wire.rtcp[len(p.wire.rtcp)-1]
	p.wire.mu.Unlock()
	packets, err := rtcp.Unmarshal(compound)
	if err != nil || len(packets) != 2 {
		t.Fatalf("%v, %v", packets, err)
	}
	if err := rtcp.CompoundPacket(packets).Validate(); err != nil {
		t.Error(err)
	}
	rr := packets[0].(*rtcp.ReceiverReport)
	want := rtcp.ReceptionReport{
		SSRC: 1000, FractionLost: 64, TotalLost: 1, LastSequenceNumber: 1003, LastSenderReport: 0x3344_5566, Delay: 1 << 15,
		Jitter: rr.Reports[0].Jitter,
	}
	if len(rr.Reports) != 1 || rr.Reports[0] != want {
		t.Errorf("%+v, want %+v", rr.Reports, want)
	}
	p.receiver.Tick(1999 * ms)
	p.receiver.Tick(2000 * ms)
	if got := takeRTCP[*rtcp.ReceiverReport](t, p.wire); len(got) != 1 {
		t.Errorf("%d reports, the later ones about nothing", len(got))
	}
	p.receiver.RTCP([]byte{1, 2, 3}, 0)
	if s := p.receiver.Stats(); s.InvalidRTCP != 1 || s.SenderReports != 1 {
		t.Errorf("%+v", s)
	}
}
