package downlink

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"go.uber.org/goleak"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

const (
	videoSSRC, videoRTX, audioSSRC = 11, 12, 13
	patience                       = 10 * time.Second
)

// server is the other side: the SFU's transport, without an SFU.
type server struct {
	t         *testing.T
	transport *transport.Transport
	endpoint  *transport.Endpoint
	connected chan struct{}
	feedback  chan rtcp.Packet
}

func (s *server) StateChanged(st transport.State) {
	if st == transport.Connected {
		close(s.connected)
	}
}
func (s *server) RTP([]byte, int64)       {}
func (s *server) Open(*transport.Channel) {}
func (s *server) Message([]byte, bool)    {}
func (s *server) Shut()                   {}
func (s *server) RTCP(b []byte, _ int64) {
	list, err := rtcp.Unmarshal(b)
	if err != nil {
		s.t.Errorf("feedback: %v", err)
	}
	for _, p := range list {
		select {
		case s.feedback <- p:
		default:
		}
	}
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, connected: make(chan struct{}), feedback: make(chan rtcp.Packet, 1000)}
	var err error
	if s.endpoint, err = transport.Listen(transport.Config{Listen: loopback}); err != nil {
		t.Fatal(err)
	}
	if s.transport, err = s.endpoint.New(s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.transport.Close()
		_ = s.endpoint.Close()
	})
	return s
}

func (s *server) offer() *description.Description {
	s.t.Helper()
	local, err := s.transport.Local()
	if err != nil {
		s.t.Fatal(err)
	}
	section := func(k codec.Kind, mid string, source description.Source) description.Section {
		return description.Section{
			Kind: description.KindOf(k), MID: mid, Direction: description.SendOnly,
			Formats:    description.Offered(k, codec.Preferred()),
			Extensions: []description.Extension{{ID: 3, URI: description.URITransportCC}, {ID: 4, URI: description.URIMID}},
			Sources:    []description.Source{source}, CNAME: "c", StreamID: "s", TrackID: mid,
		}
	}
	return s.reread(&description.Description{
		Ufrag: local.Ufrag, Password: local.Password, Candidates: local.Candidates,
		FingerprintHash: "sha-256", Fingerprint: s.endpoint.Fingerprint(),
		Sections: []description.Section{
			section(codec.Video, "0", description.Source{SSRC: videoSSRC, RTX: videoRTX}),
			section(codec.Audio, "1", description.Source{SSRC: audioSSRC}),
		},
	})
}

// reread is a description as the other side reads it.
func (s *server) reread(d *description.Description) *description.Description {
	s.t.Helper()
	read, err := description.Parse(d.String())
	if err != nil {
		s.t.Fatalf("%v\n%s", err, d)
	}
	return read
}

// connect has a peer answer, and waits until both sides are connected.
func (s *server) connect(p *Peer, o *recorder) *description.Description {
	s.t.Helper()
	a, err := p.Answer(s.offer())
	if err != nil {
		s.t.Fatal(err)
	}
	a = s.reread(a)
	s.start(a)
	await(s.t, s.connected, "the server's connection")
	if err := await(s.t, o.connected, "the peer's connection"); err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *server) start(a *description.Description) {
	s.t.Helper()
	remote := transport.Remote{Ufrag: a.Ufrag, Password: a.Password, FingerprintHash: a.FingerprintHash, Fingerprint: a.Fingerprint}
	for _, c := range a.Candidates {
		if err := s.transport.AddCandidate(c); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.transport.Start(remote, transport.Role{Controlling: true, NoChannel: true}); err != nil {
		s.t.Fatal(err)
	}
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

// vp8Packet is a packet of VP8, or of Opus for which key does not count.
func vp8Packet(pt uint8, ssrc uint32, seq uint16, key bool) []byte {
	b := make([]byte, 12, 64)
	b[0], b[1] = 0x80, pt
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	frame := byte(0x11)
	if key {
		frame = 0x10
	}
	return append(b, 0x10, frame, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, byte(seq))
}

// rtxPacket is its retransmission.
func rtxPacket(pt uint8, ssrc uint32, seq uint16, of []byte) []byte {
	b := append([]byte(nil), of[:12]...)
	b[1] = pt
	b = append(b, of[2], of[3])
	b = append(b, of[12:]...)
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b
}

func TestReceivesAndAsks(t *testing.T) {
	s := newServer(t)
	p, o := openPeer(t)
	a := s.connect(p, o)
	video, audio := a.Sections[0], a.Sections[1]
	if f := video.Formats; len(f) != 1 || f[0].Codec.Name != "VP8" || f[0].RTX == 0 || video.Direction != description.RecvOnly ||
		len(audio.Formats) != 1 || a.Setup != description.Active || len(video.Extensions) != 1 {
		t.Errorf("the answer is\n%s", a)
	}
	pt := video.Formats[0].PayloadType
	send := func(b []byte) {
		if !s.transport.WriteRTP(b) {
			t.Error("a packet was not sent")
		}
	}
	expect := func(want []byte) {
		t.Helper()
		if got := await(t, o.packets, "a packet"); !bytes.Equal(got, want) {
			t.Errorf("got  %x\nwant %x", got, want)
		}
	}
	first := vp8Packet(pt, videoSSRC, 100, false) // in the middle of a picture
	send(first)
	expect(first)
	if pli := awaitFeedback[*rtcp.PictureLossIndication](s); pli.MediaSSRC != videoSSRC {
		t.Errorf("a keyframe is asked for of %d", pli.MediaSSRC)
	}
	lost := vp8Packet(pt, videoSSRC, 102, false)
	for _, b := range [][]byte{vp8Packet(pt, videoSSRC, 101, true), vp8Packet(pt, videoSSRC, 103, false), vp8Packet(audio.Formats[0].PayloadType, audioSSRC, 7, false)} {
		send(b)
		expect(b)
	}
	nack := awaitFeedback[*rtcp.TransportLayerNack](s)
	if nack.MediaSSRC != videoSSRC || len(nack.Nacks) != 1 || nack.Nacks[0].PacketID != 102 {
		t.Errorf("asked for %v", nack)
	}
	send(rtxPacket(video.Formats[0].RTX, videoRTX, 1, lost))
	lost[1] = video.Formats[0].RTX // whose payload type stays
	expect(lost)
	send(rtxPacket(video.Formats[0].RTX, videoRTX, 2, lost)) // again
	r := awaitFeedback[*rtcp.ReceiverReport](s)
	for len(r.Reports) < 2 || r.Reports[0].LastSequenceNumber != 103 {
		r = awaitFeedback[*rtcp.ReceiverReport](s)
	}
	if c := p.engine.Counters(); c.Packets != 6 || c.Retransmitted != 2 || c.Duplicates != 1 || c.Asked != 1 || c.Keyframes != 1 {
		t.Errorf("counters: %+v", c)
	}
}

func TestFollowsAnICERestart(t *testing.T) {
	s := newServer(t)
	p, o := openPeer(t)
	a := s.connect(p, o)
	if err := s.transport.Restart(); err != nil {
		t.Fatal(err)
	}
	again, err := p.Answer(s.offer())
	if err != nil {
		t.Fatal(err)
	}
	if again = s.reread(again); again.Ufrag == a.Ufrag || again.Version <= a.Version {
		t.Errorf("the answer to an ICE restart is\n%s", again)
	}
	s.start(again)
	b := vp8Packet(96, videoSSRC, 1, true)
	if !s.transport.WriteRTP(b) {
		t.Error("a packet was not sent")
	}
	if got := await(t, o.packets, "a packet"); !bytes.Equal(got, b) {
		t.Errorf("got %x", got)
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
	offer := s.offer()
	offer.Fingerprint = "00" + offer.Fingerprint[2:]
	if offer.Fingerprint == s.endpoint.Fingerprint() {
		offer.Fingerprint = "01" + offer.Fingerprint[2:]
	}
	a, err := p.Answer(offer)
	if err != nil {
		t.Fatal(err)
	}
	s.start(s.reread(a))
	if err := await(t, o.connected, "a verdict"); err == nil {
		t.Error("it took the certificate of somebody else")
	}
	p.Close()
	if _, err := p.Answer(offer); err == nil {
		t.Error("a closed peer answers")
	}
}

// FuzzTake has anything come from the network.
func FuzzTake(f *testing.F) {
	for _, b := range [][]byte{vp8Packet(96, videoSSRC, 1, true), {0x80, 200, 0, 1, 0, 0, 0, 1}, {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, {22, 254, 253}} {
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
