package track

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
)

// stage is a connector with audio and video in both directions, and a viewer.
type stage struct {
	wire     *wire
	receiver *Receiver
	viewer   *viewer
}

func newStage(t testing.TB) *stage {
	s := &stage{wire: &wire{}}
	s.receiver = NewReceiver(s.wire)
	s.receiver.SetExtensions(Extensions{MID: 1, TransportCC: 2, AudioLevel: 3, VideoOrientation: 4})
	video, audio := New(codec.Video), New(codec.Audio)
	s.receiver.Bind(SectionConfig{MID: "0", Kind: codec.Video, Formats: videoFormats(), Track: video,
		Sources: []Source{{SSRC: 1000, RTX: 1001}}})
	s.receiver.Bind(SectionConfig{MID: "1", Kind: codec.Audio, Track: audio,
		Formats: []Format{{PayloadType: 63, Codec: reds}, {PayloadType: 111, Codec: opus}}})
	s.viewer = view(video, 5000)
	s.viewer.sender.SetExtensions(Extensions{MID: 1, AbsSendTime: 2})
	s.viewer.sender.Subscribe(SubscriptionConfig{Track: audio, MID: "2", SSRC: 6000, Formats: audioFormats()})
	feed(s.receiver, packet.Build(nil, true, 96, 1, 1, 1000, nil, keyVP8(1)), 0)
	feed(s.receiver, packet.Build(nil, true, 63, 1, 1, 2000, nil, redundant(111)), 0)
	if n := len(s.viewer.wire.takeRTP(t)); n != 2 {
		t.Fatalf("%d packets were forwarded", n)
	}
	return s
}

// check holds that what goes out is sound.
func (s *stage) check(t *testing.T) {
	for _, p := range s.viewer.wire.takeRTP(t) {
		if p.SSRC != 5000 && p.SSRC != 5001 && p.SSRC != 6000 {
			t.Fatalf("sent SSRC %d", p.SSRC)
		}
	}
	takeRTCP[*rtcp.SenderReport](t, s.viewer.wire)
	takeRTCP[*rtcp.SenderReport](t, s.wire)
}

// split takes a sequence of packets apart, each behind its 16-bit length.
func split(b []byte, f func([]byte)) {
	for len(b) >= 2 {
		n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
		f(b[2 : 2+n : 2+n])
		b = b[2+n:]
	}
}

func join(packets ...[]byte) (b []byte) {
	for _, p := range packets {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
	}
	return b
}

func FuzzReceiverRTP(f *testing.F) {
	video := packet.Build(nil, true, 96, 3, 2, 1000, []packet.Ext{{ID: 2, Data: []byte{0, 1}}}, deltaVP8(1))
	mid := packet.Build(nil, true, 96, 3, 2, 77, []packet.Ext{{ID: 1, Data: []byte("0")}}, keyVP8(1))
	red := packet.Build(nil, true, 63, 2, 1, 2000, nil, redundant(111))
	f.Add(join(video, rtx(video, 97, 1001, 1), red, mid))
	f.Add(join(nil, []byte{0x80}, make([]byte, 12)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStage(t)
		now := int64(0)
		split(b, func(p []byte) {
			now += 5 * ms
			feed(s.receiver, p, now)
			s.check(t)
		})
		s.receiver.Tick(now + 2000*ms)
		s.viewer.sender.Tick(now + 2000*ms)
		s.check(t)
		if n := s.receiver.Stats().Streams; n > 2+maxLearned {
			t.Fatalf("%d SSRCs", n)
		}
	})
}

func FuzzReceiverRTCP(f *testing.F) {
	f.Add(mustMarshal(f, &rtcp.SenderReport{SSRC: 1000, NTPTime: 5 << 32, RTPTime: 7}))
	f.Add(mustMarshal(f, &rtcp.Goodbye{Sources: []uint32{1000}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStage(t)
		s.receiver.RTCP(b, ms)
		s.receiver.Tick(2000 * ms)
		s.viewer.sender.Tick(2000 * ms)
		s.check(t)
	})
}

func FuzzSenderRTCP(f *testing.F) {
	f.Add(mustMarshal(f, &rtcp.TransportLayerNack{MediaSSRC: 5000, Nacks: []rtcp.NackPair{{PacketID: 1, LostPackets: 0xffff}}}))
	f.Add(mustMarshal(f, &rtcp.PictureLossIndication{MediaSSRC: 5000}))
	f.Add(mustMarshal(f, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 5000}}}))
	f.Add(mustMarshal(f, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 5000, LastSenderReport: 1, Delay: 1 << 31}}}))
	f.Add(mustMarshal(f, &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{5000}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStage(t)
		for now := int64(0); now < 4; now++ {
			RTCP(s.receiver, s.viewer.sender, b, now*100*ms, nil)
			s.viewer.sender.Tick(now * 100 * ms)
			s.check(t)
		}
		if rtt := s.viewer.sender.tripTime(); rtt < 0 || rtt > maxRoundTrip {
			t.Fatalf("round trip %d", rtt)
		}
	})
}
