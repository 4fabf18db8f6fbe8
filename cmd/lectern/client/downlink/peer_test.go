package downlink

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"lectern/sfu/description"
	"lectern/sfu/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

const patience = time.Minute

// server is the other side: pion's PeerConnection.
type server struct {
	t            *testing.T
	pc           *webrtc.PeerConnection
	video, audio *webrtc.TrackLocalStaticRTP
	lossy        *lossy
	connected    chan struct{}
	feedback     chan rtcp.Packet
}

// lossy loses one packet of video, the first time that it is sent.
type lossy struct {
	interceptor.NoOp
	lose, lost atomic.Uint32 // sequence numbers
}

func (l *lossy) NewInterceptor(string) (interceptor.Interceptor, error) { return l, nil }

func (l *lossy) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if h.PayloadType == payloadVP8 && l.lose.CompareAndSwap(uint32(h.SequenceNumber), 0) {
			l.lost.Store(uint32(h.SequenceNumber))
			return len(payload), nil
		}
		return w.Write(h, payload, a)
	})
}

const payloadVP8, payloadRTX, payloadOpus = 96, 97, 111

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, lossy: &lossy{}, connected: make(chan struct{}), feedback: make(chan rtcp.Packet, 1000)}
	var media webrtc.MediaEngine
	vp8 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
	rtx := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"}
	s.must(media.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: payloadVP8, RTPCodecCapability: vp8}, webrtc.RTPCodecTypeVideo))
	s.must(media.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: payloadRTX, RTPCodecCapability: rtx}, webrtc.RTPCodecTypeVideo))
	s.must(media.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: payloadOpus, RTPCodecCapability: opus}, webrtc.RTPCodecTypeAudio))
	var registry interceptor.Registry
	registry.Add(s.lossy)
	answers, err := nack.NewResponderInterceptor()
	s.must(err)
	registry.Add(answers)
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.LoggerFactory = silent{}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithInterceptorRegistry(&registry), webrtc.WithSettingEngine(settings))
	s.pc, err = api.NewPeerConnection(webrtc.Configuration{})
	s.must(err)
	t.Cleanup(func() { _ = s.pc.GracefulClose() })
	var once sync.Once
	s.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(s.connected) })
		}
	})
	s.video, s.audio = s.track(vp8, "video"), s.track(opus, "audio")
	return s
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// track sends something, and reads what is said about it.
func (s *server) track(c webrtc.RTPCodecCapability, id string) *webrtc.TrackLocalStaticRTP {
	s.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(c, id, "stream")
	s.must(err)
	sendonly := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	transceiver, err := s.pc.AddTransceiverFromTrack(track, sendonly)
	s.must(err)
	go func() { // ends with the connection
		for {
			list, _, err := transceiver.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range list {
				select {
				case s.feedback <- p:
				default:
				}
			}
		}
	}()
	return track
}

// offer is an offer with its candidates.
func (s *server) offer(o *webrtc.OfferOptions) *description.Description {
	s.t.Helper()
	gathered := webrtc.GatheringCompletePromise(s.pc)
	d, err := s.pc.CreateOffer(o)
	s.must(err)
	s.must(s.pc.SetLocalDescription(d))
	await(s.t, gathered, "candidates")
	return s.parse(s.pc.LocalDescription().SDP)
}

func (s *server) parse(sdp string) *description.Description {
	s.t.Helper()
	d, err := description.Parse(sdp)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, sdp)
	}
	return d
}

// accept takes an answer, and gives it as it is read.
func (s *server) accept(a *description.Description) *description.Description {
	s.t.Helper()
	s.must(s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.String()}))
	return s.parse(a.String())
}

// connect has a peer answer, and waits until both sides are connected.
func (s *server) connect(p *Peer, o *recorder) *description.Description {
	s.t.Helper()
	a, err := p.Answer(s.offer(nil))
	s.must(err)
	a = s.accept(a)
	await(s.t, s.connected, "the server's connection")
	s.must(await(s.t, o.connected, "the peer's connection"))
	return a
}

// send sends a packet of VP8, which is or is not the beginning of a keyframe.
func (s *server) send(seq uint16, key bool) {
	s.t.Helper()
	s.must(s.video.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq}, Payload: vp8Payload(seq, key)}))
}

// await waits for a channel.
func await[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("waiting for %s", what)
	}
	return v
}

// awaitFeedback waits for feedback of one kind.
func awaitFeedback[P rtcp.Packet](s *server) P {
	s.t.Helper()
	for {
		if p, ok := await(s.t, s.feedback, "feedback").(P); ok {
			return p
		}
	}
}

// recorder is the owner of a peer.
type recorder struct {
	connected chan error
	packets   chan []byte

	mu   sync.Mutex
	mids []string // Guarded by mu.
}

func newRecorder() *recorder {
	return &recorder{connected: make(chan error, 1), packets: make(chan []byte, 1000)}
}

func (o *recorder) Connected(err error) { o.connected <- err }
func (o *recorder) Sink(mid string) Sink {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mids = append(o.mids, mid)
	return o
}

func (o *recorder) Take(b []byte, at time.Time) {
	if late := time.Since(at); late < 0 || late > patience {
		b = nil // which nobody expects
	}
	o.packets <- bytes.Clone(b)
}

func openPeer(t *testing.T) (*Peer, *recorder) {
	t.Helper()
	e, err := NewEngine(Config{Local: loopback})
	if err != nil {
		t.Fatal(err)
	}
	o := newRecorder()
	p, err := e.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, o
}

// expect waits for a packet of video, in whatever form it came.
func (o *recorder) expect(t *testing.T, seq uint16, key bool) {
	t.Helper()
	b := await(t, o.packets, "a packet")
	h, err := packet.Parse(b)
	if err != nil || h.Sequence != seq || !bytes.Equal(h.Payload(b), vp8Payload(seq, key)) {
		t.Errorf("got %x (%v), want number %d", b, err, seq)
	}
}

// vp8Payload is a payload that a number can be told from.
func vp8Payload(seq uint16, key bool) []byte {
	frame := byte(0x11)
	if key {
		frame = 0x10
	}
	return []byte{0x10, frame, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, byte(seq)}
}

func TestReceivesAndAsks(t *testing.T) {
	s := newServer(t)
	p, o := openPeer(t)
	a := s.connect(p, o)
	video, audio := a.Sections[0], a.Sections[1]
	if f := video.Formats; len(f) != 1 || f[0].Codec.Name != "VP8" || f[0].RTX != payloadRTX || video.Direction != description.RecvOnly ||
		len(audio.Formats) != 1 || a.Setup != description.Active {
		t.Errorf("the answer is\n%s", a)
	}
	s.send(100, false) // in the middle of a picture
	o.expect(t, 100, false)
	awaitFeedback[*rtcp.PictureLossIndication](s)
	s.lossy.lose.Store(102)
	for seq := uint16(101); seq <= 104; seq++ {
		s.send(seq, seq == 101)
	}
	o.expect(t, 101, true)
	o.expect(t, 103, false)
	o.expect(t, 104, false)
	if n := awaitFeedback[*rtcp.TransportLayerNack](s); len(n.Nacks) != 1 || n.Nacks[0].PacketID != 102 {
		t.Errorf("asked for %v", n)
	}
	o.expect(t, 102, false)
	s.must(s.audio.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 7}, Payload: []byte{1}}))
	await(t, o.packets, "sound")
	for reported := map[uint32]bool{}; !reported[104] || !reported[7]; {
		r := awaitFeedback[*rtcp.ReceiverReport](s)
		if len(r.Reports) != 1 {
			t.Errorf("a browser reports on each stream for itself: %v", r)
		}
		reported[r.Reports[0].LastSequenceNumber] = true
		// Of the five numbers of video one came by retransmission, which the
		// network does not get to its credit.
		if b := r.Reports[0]; b.LastSequenceNumber == 104 && (b.TotalLost != 1 || b.FractionLost != 51) {
			t.Errorf("the loss is reported as %+v", b)
		}
	}
	if c := p.engine.Counters(); c.Packets != 6 || c.Retransmitted != 1 || c.Duplicates != 0 || c.Asked < 1 || c.Keyframes < 1 || c.Feedback < 4 || s.lossy.lost.Load() != 102 {
		t.Errorf("counters: %+v", c)
	}
}

func TestFollowsAnICERestart(t *testing.T) {
	s := newServer(t)
	p, o := openPeer(t)
	a := s.connect(p, o)
	again, err := p.Answer(s.offer(&webrtc.OfferOptions{ICERestart: true}))
	s.must(err)
	if again = s.accept(again); again.Ufrag == a.Ufrag || again.Version <= a.Version {
		t.Errorf("the answer to an ICE restart is\n%s", again)
	}
	resend := time.NewTicker(20 * time.Millisecond) // nothing passes before the restart is done
	defer resend.Stop()
	deadline := time.After(patience)
	for seq := uint16(1); ; seq++ {
		s.send(seq, true)
		select {
		case <-o.packets:
		case <-resend.C:
			continue
		case <-deadline:
			t.Fatal("nothing comes after an ICE restart")
		}
		break
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.mids) != 2 {
		t.Errorf("sinks were asked for %v: a stream that goes on keeps its own", o.mids)
	}
}

func TestRefusesAnotherCertificate(t *testing.T) {
	s := newServer(t)
	p, o := openPeer(t)
	offer := s.offer(nil)
	first := map[bool]string{true: "01", false: "00"}[offer.Fingerprint[:2] == "00"]
	offer.Fingerprint = first + offer.Fingerprint[2:]
	a, err := p.Answer(offer)
	s.must(err)
	s.accept(a)
	if err := await(t, o.connected, "a verdict"); err == nil {
		t.Error("it took the certificate of somebody else")
	}
	p.Close()
	if _, err := p.Answer(offer); err == nil {
		t.Error("a closed peer answers")
	}
}

// TestUnwrap makes a retransmission what it repeats, beside a header extension.
func TestUnwrap(t *testing.T) {
	original := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payloadRTX, SequenceNumber: 9, SSRC: 12, Timestamp: 5}, Payload: []byte{1, 2, 3}}
	if err := original.SetExtension(4, []byte("0")); err != nil {
		t.Fatal(err)
	}
	want, _ := original.Marshal()
	sent := original
	sent.SequenceNumber, sent.SSRC = 1000, 77
	sent.Payload = append([]byte{0, 9}, original.Payload...)
	b, _ := sent.Marshal()
	if got, seq, ok := unwrap(b, 12); !ok || seq != 9 || !bytes.Equal(got, want) {
		t.Errorf("got  %x, %d, %v\nwant %x", got, seq, ok, want)
	}
}

// vp8Packet is a packet in the clear.
func vp8Packet() []byte {
	b := binary.BigEndian.AppendUint32([]byte{0x80, payloadVP8, 0, 1, 0, 0, 0, 0}, 11)
	return append(b, vp8Payload(1, true)...)
}

// FuzzTake has anything come from the network.
func FuzzTake(f *testing.F) {
	for _, b := range [][]byte{vp8Packet(), {0x80, 200, 0, 1, 0, 0, 0, 1}, {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, {22, 254, 253}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &Peer{engine: &Engine{late: func(time.Duration) {}}, secure: make(chan []byte, 1), up: make(chan struct{})}
		p.take([]datagram{{data: bytes.Clone(b), at: time.Now()}}, 0)
		p.takeReports(b, 1)
		if original, _, ok := unwrap(bytes.Clone(b), 1); ok && len(original) != len(b)-2 {
			t.Errorf("%x becomes %x", b, original)
		}
	})
}
