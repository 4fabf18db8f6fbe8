package sfu

import (
	"crypto/rand"
	"encoding/json"
	"net"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// tally counts the RTP packets that a connection sends.
type tally struct {
	interceptor.NoOp
	leg *leg
}

func (c *tally) NewInterceptor(string) (interceptor.Interceptor, error) { return c, nil }

func (c *tally) BindLocalStream(info *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	kind := codec.Audio
	if info.MimeType == webrtc.MimeTypeVP8 {
		kind = codec.Video
	}
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		if c.leg.silent[kind].Load() {
			return len(payload), nil
		}
		n := c.leg.sent.Add(1)
		if s := c.leg.strangers.Load(); s > 0 {
			stranger := *h
			stranger.SSRC += uint32(1 + n%s) //nolint:gosec // small
			_, _ = w.Write(&stranger, payload, a)
		}
		return w.Write(h, payload, a)
	})
}

// newLeg makes a connection with a member.
func (c *client) newLeg(member protocol.MemberID) *leg {
	l := &leg{
		client: c, id: protocol.ConnectorID(rand.Text()), member: member,
		open: make(chan struct{}),
	}
	for k := range l.silent {
		l.silent[k].Store(c.mute)
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if !c.must(err) {
		panic(err) // on the client's goroutine, where a test cannot be failed
	}
	_ = conn.SetReadBuffer(4 << 20)
	l.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: undeclared{conn, &l.declared}, Logger: silence{}.NewLogger("")})
	var settings webrtc.SettingEngine
	settings.LoggerFactory = silence{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEUDPMux(l.mux)
	settings.SetSCTPMaxMessageSize(262144)
	var media webrtc.MediaEngine
	c.must(media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
	}, PayloadType: 96}, webrtc.RTPCodecTypeVideo))
	c.must(media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	}, PayloadType: 111}, webrtc.RTPCodecTypeAudio))
	var registry interceptor.Registry
	registry.Add(&tally{leg: l})
	l.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&media),
		webrtc.WithInterceptorRegistry(&registry)).NewPeerConnection(webrtc.Configuration{})
	if !c.must(err) {
		panic(err)
	}
	l.watch()
	c.legs[l.id] = l
	c.mu.Lock()
	c.all = append(c.all, l)
	c.mu.Unlock()
	return l
}

// close ends the connection; it may be called twice.
func (l *leg) close() {
	_ = l.pc.GracefulClose()
	_ = l.mux.Close()
}

func (l *leg) connectedAt() time.Time { return *l.connected.Load() }

func (l *leg) watch() {
	c := l.client
	l.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			now := time.Now()
			l.connected.CompareAndSwap(nil, &now)
		}
	})
	l.pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		k, _ := codec.ParseKind(r.Kind().String())
		l.streams[k].read(r)
	})
	l.pc.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate == nil {
			return
		}
		text, err := json.Marshal(candidate.ToJSON())
		if !c.must(err) {
			return
		}
		c.loop.put(func() {
			if l.remote == "" {
				return // as the existing client does, that does not know it yet
			}
			for range 2 { // as the existing client does, as answerer
				c.signal(&protocol.ICECandidate{Remote: l.remote, Member: l.member, Candidate: text})
			}
		})
	})
}

// stream is what comes of one kind on one leg.
type stream struct {
	mu sync.Mutex
	// Guarded by mu.
	packets int
	sources map[uint32]bool
	last    rtp.Header
	gaps    int // in the sequence numbers
	back    int // steps back of the timestamps
	keys    int
	came    time.Time     // the last packet
	longest time.Duration // without one
}

// read takes packets until the connection ends.
func (s *stream) read(r *webrtc.TrackRemote) {
	for {
		p, _, err := r.ReadRTP()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.packets > 0 {
			if p.SequenceNumber != s.last.SequenceNumber+1 {
				s.gaps++
			}
			if int32(p.Timestamp-s.last.Timestamp) < 0 { //nolint:gosec // wraps around
				s.back++
			}
		} else {
			s.sources = map[uint32]bool{}
		}
		if r.Kind() == webrtc.RTPCodecTypeVideo && isKeyframe(p.Payload) {
			s.keys++
		}
		now := time.Now()
		if s.packets > 0 {
			s.longest = max(s.longest, now.Sub(s.came))
		}
		s.came = now
		s.sources[p.SSRC] = true
		s.packets++
		s.last = p.Header
		s.mu.Unlock()
	}
}

func (s *stream) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets
}

func isKeyframe(payload []byte) bool { return len(payload) > 1 && payload[1]&1 == 0 }

// publish sends sound and pictures until the client ends: pictures that
// depend on each other, but for those it was asked for.
func (c *client) publish() {
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	video := append([]byte{0x10, 1}, make([]byte, 300)...)
	sound := append([]byte{0x78}, make([]byte, 60)...)
	var n uint16
	for {
		select {
		case <-beat.C:
		case <-c.done:
			return
		}
		n++
		header := rtp.Header{Version: 2, Marker: true, SequenceNumber: n, Timestamp: 960 * uint32(n)}
		_ = c.tracks[codec.Audio].WriteRTP(&rtp.Packet{Header: header, Payload: sound})
		header.Timestamp = 1800 * uint32(n)
		video[1] = 1
		if c.key.Swap(false) {
			video[1] = 0
		}
		_ = c.tracks[codec.Video].WriteRTP(&rtp.Packet{Header: header, Payload: video})
	}
}
