package transport

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// peer is a client: a PeerConnection of pion's.
type peer struct {
	t       testing.TB
	pc      *webrtc.PeerConnection
	track   *webrtc.TrackLocalStaticRTP
	remote  chan *webrtc.TrackRemote
	channel chan *webrtc.DataChannel // open ones
	message chan webrtc.DataChannelMessage
	hold    chan struct{} // nil, or a message waits for it
	states  chan webrtc.PeerConnectionState
	opened  bool // it opens the channel
}

// udp is a client's socket, with room for a burst of SCTP: the system's default
// of 208 KiB loses packets of a large message, which costs a second each.
func udp(t testing.TB, ip net.IP) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip})
	if err != nil {
		t.Skipf("no socket at %v: %v", ip, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadBuffer(socketBuffer)
	return conn
}

// over has a client use a socket.
func over(t testing.TB, conn net.PacketConn) func(*webrtc.SettingEngine) {
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: quiet{}.NewLogger("")})
	t.Cleanup(func() { _ = mux.Close() })
	return func(s *webrtc.SettingEngine) { s.SetICEUDPMux(mux) }
}

// newPeer makes a client on loopback.
func newPeer(t testing.TB, settings ...func(*webrtc.SettingEngine)) *peer {
	t.Helper()
	return peerOver(t, udp(t, net.IPv4(127, 0, 0, 1)), settings...)
}

func peerOver(t testing.TB, conn net.PacketConn, settings ...func(*webrtc.SettingEngine)) *peer {
	t.Helper()
	return peerWith(t, append(settings, over(t, conn))...)
}

func peerWith(t testing.TB, settings ...func(*webrtc.SettingEngine)) *peer {
	t.Helper()
	var s webrtc.SettingEngine
	s.LoggerFactory = quiet{}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	for _, set := range settings {
		set(&s)
	}
	var media webrtc.MediaEngine
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96,
	}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(&media),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{
		t: t, pc: pc, remote: make(chan *webrtc.TrackRemote, 4), channel: make(chan *webrtc.DataChannel, 4),
		message: make(chan webrtc.DataChannelMessage, 64), states: make(chan webrtc.PeerConnectionState, 64),
	}
	pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.remote <- r })
	pc.OnDataChannel(p.use)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { p.states <- s })
	t.Cleanup(p.close)
	if p.track, err = webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "peer"); err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(p.track); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *peer) close() { _ = p.pc.GracefulClose() }

func (p *peer) use(d *webrtc.DataChannel) {
	d.OnOpen(func() { p.channel <- d })
	var once sync.Once
	d.OnMessage(func(m webrtc.DataChannelMessage) {
		if p.hold != nil {
			once.Do(func() { <-p.hold })
		}
		p.message <- m
	})
}

// openChannel has the client open the channel.
func (p *peer) openChannel() {
	p.t.Helper()
	d, err := p.pc.CreateDataChannel(Label, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.opened = true
	p.use(d)
}

// shape is how two sides are connected.
type shape struct {
	clientOffers bool
	clientOpens  bool // the data channel
	setup        string
	noChannel    bool
}

func (s shape) role() Role {
	return Role{
		Controlling: !s.clientOffers, OpenChannel: !s.clientOpens, NoChannel: s.noChannel,
		DTLSClient: s.setup == "active",
	}
}

// describe is the server's description, as small as it may be.
func describe(t testing.TB, e *end, s shape, setup string, candidates bool) string {
	t.Helper()
	l, err := e.conn.Local()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	session := func(mid int) {
		line("c=IN IP4 0.0.0.0")
		line("a=ice-ufrag:%s\r\na=ice-pwd:%s", l.Ufrag, l.Password)
		line("a=fingerprint:sha-256 %s\r\na=setup:%s\r\na=mid:%d", e.on.Fingerprint(), setup, mid)
		if mid == 0 && candidates {
			for _, c := range l.Candidates {
				line("a=%s", c)
			}
		}
	}
	line("v=0\r\no=- 1 %d IN IP4 0.0.0.0\r\ns=-\r\nt=0 0", Now())
	if s.noChannel {
		line("a=group:BUNDLE 0")
	} else {
		line("a=group:BUNDLE 0 1")
	}
	line("m=video 9 UDP/TLS/RTP/SAVPF 96")
	session(0)
	line("a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=msid:server video\r\na=ssrc:4660 cname:server")
	if !s.noChannel {
		line("m=application 9 UDP/DTLS/SCTP webrtc-datachannel")
		session(1)
		line("a=sctp-port:5000\r\na=max-message-size:%d", MaxMessage)
	}
	return b.String()
}

// attributes are all values of an attribute in a description.
func attributes(sdp, name string) []string {
	var list []string
	for l := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(l), "a="+name+":"); ok {
			list = append(list, v)
		}
	}
	return list
}

func remoteOf(t testing.TB, sdp string) Remote {
	t.Helper()
	hash, print, _ := strings.Cut(attributes(sdp, "fingerprint")[0], " ")
	r := Remote{
		Ufrag: attributes(sdp, "ice-ufrag")[0], Password: attributes(sdp, "ice-pwd")[0],
		FingerprintHash: hash, Fingerprint: print,
	}
	if size := attributes(sdp, "max-message-size"); len(size) > 0 {
		n, err := strconv.ParseUint(size[0], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		r.MaxMessageSize = uint32(n)
	}
	return r
}

// gathered is the client's description with all its candidates.
func (p *peer) gathered(d webrtc.SessionDescription, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	done := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(d); err != nil {
		p.t.Fatal(err)
	}
	<-done
	return p.pc.LocalDescription().SDP
}

func (p *peer) hear(kind webrtc.SDPType, sdp string) {
	p.t.Helper()
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		p.t.Fatal(err)
	}
}

// take gives the server the client's description.
func take(t testing.TB, e *end, sdp string, role Role) {
	t.Helper()
	if err := e.conn.Start(remoteOf(t, sdp), role); err != nil {
		t.Fatal(err)
	}
}

// meet negotiates: the first time, and again.
func meet(t testing.TB, e *end, p *peer, s shape) {
	t.Helper()
	if s.clientOpens && !p.opened && !s.noChannel {
		p.openChannel()
	}
	if s.clientOffers {
		if !p.opened && !s.noChannel {
			// A client offers m=application only with a channel; this one is
			// not used.
			negotiated, id := true, uint16(1000)
			if _, err := p.pc.CreateDataChannel("unused", &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &id}); err != nil {
				t.Fatal(err)
			}
		}
		offer := p.gathered(p.pc.CreateOffer(nil))
		answer := describe(t, e, s, s.setup, true)
		p.hear(webrtc.SDPTypeAnswer, answer)
		take(t, e, offer, s.role())
		return
	}
	p.hear(webrtc.SDPTypeOffer, describe(t, e, s, "actpass", true))
	take(t, e, p.gathered(p.pc.CreateAnswer(nil)), s.role())
}

// listenAt makes the server's end at an address.
func listenAt(t testing.TB, c Config) *end {
	t.Helper()
	on, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	return endOn(t, on)
}

var loopback = Config{Listen: netip.MustParseAddr("127.0.0.1")}

// entries counts what the endpoint's mux holds.
func (e *Endpoint) entries() (agents, addresses int) {
	e.mux.mu.RLock()
	defer e.mux.mu.RUnlock()
	return len(e.mux.agents), len(e.mux.sources)
}
