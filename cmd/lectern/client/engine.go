package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"

	"lectern/cmd/lectern/client/downlink"
)

// Payload types of what the client offers; in answers they are the other
// side's.
const (
	payloadVP8  = 96
	payloadRTX  = 97
	payloadOpus = 111
)

// maxMessageSize is what the client takes as one message on a data channel, in
// bytes, as Chromium does.
const maxMessageSize = 262144

// socketBuffer is what the kernel holds for one connector, in bytes: some
// hundred packets, for the time the reader waits for a processor.
const socketBuffer = 512 << 10

// Engine is what the clients of a process share. It has no goroutines while
// there are no clients; any number of clients may use it at the same time.
type Engine struct {
	receive *webrtc.API // for connectors that only receive
	both    *webrtc.API // for all others
	config  webrtc.Configuration
	light   *downlink.Engine
	known   *declared

	span                 atomic.Pointer[span] // of Measure; nil: none
	lateSends, lateReads meter
	made, missed         atomic.Int64 // pictures and sounds, since Measure
}

// NewEngine makes an engine whose clients send media from one address of this
// machine, which must be able to reach the server; it is their only candidate.
func NewEngine(local netip.Addr) (*Engine, error) {
	known := &declared{}
	network, err := newNetwork(local, known)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("client: make a key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("client: make a certificate: %w", err)
	}
	e := &Engine{config: webrtc.Configuration{Certificates: []webrtc.Certificate{*certificate}}, known: known}
	if e.light, err = downlink.NewEngine(downlink.Config{Local: local, Late: e.lateReads.add}); err != nil {
		return nil, err
	}
	if e.receive, err = newAPI(network, local, receiving); err != nil {
		return nil, err
	}
	if e.both, err = newAPI(network, local, receiving, sending); err != nil {
		return nil, err
	}
	return e, nil
}

// LocalAddr is the address from which this machine reaches a host ("host:port"):
// the one for NewEngine. Nothing is sent.
func LocalAddr(host string) (netip.Addr, error) {
	c, err := net.Dial("udp", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("client: find a way to %s: %w", host, err)
	}
	defer func() { _ = c.Close() }()
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, fmt.Errorf("client: no address towards %s", host)
	}
	return a.AddrPort().Addr().Unmap(), nil
}

func newAPI(network transport.Net, local netip.Addr, parts ...func(*interceptor.Registry) error) (*webrtc.API, error) {
	var s webrtc.SettingEngine
	s.LoggerFactory = silent{}
	s.SetNet(network)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if local.Is6() {
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP6})
	}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetSCTPMaxMessageSize(maxMessageSize)
	s.SetFireOnTrackBeforeFirstRTP(true)
	s.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	// As an answerer of a full agent the client may have to take a pair that
	// the other side learns from its checks; a second of waiting for better
	// ones would be a second without a picture.
	s.SetPrflxAcceptanceMinWait(0)
	var media webrtc.MediaEngine
	if err := registerCodecs(&media); err != nil {
		return nil, err
	}
	var registry interceptor.Registry
	for _, add := range parts {
		if err := add(&registry); err != nil {
			return nil, fmt.Errorf("client: interceptors: %w", err)
		}
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(&media),
		webrtc.WithInterceptorRegistry(&registry)), nil
}

func registerCodecs(media *webrtc.MediaEngine) error {
	video, audio := webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio
	for _, c := range []struct {
		kind  webrtc.RTPCodecType
		codec webrtc.RTPCodecParameters
	}{
		{video, webrtc.RTPCodecParameters{PayloadType: payloadVP8, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: videoClock,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}},
		}}},
		{video, webrtc.RTPCodecParameters{PayloadType: payloadRTX, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: videoClock, SDPFmtpLine: fmt.Sprintf("apt=%d", payloadVP8),
		}}},
		{audio, webrtc.RTPCodecParameters{PayloadType: payloadOpus, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: audioClock, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		}}},
	} {
		if err := media.RegisterCodec(c.codec, c.kind); err != nil {
			return fmt.Errorf("client: register %s: %w", c.codec.MimeType, err)
		}
	}
	return nil
}

// receiving asks for what is missing and reports what came.
func receiving(r *interceptor.Registry) error {
	const tries = 10 // for one packet; then it counts as lost
	asks, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(50*time.Millisecond), nack.GeneratorMaxNacksPerPacket(tries))
	if err != nil {
		return err
	}
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return err
	}
	r.Add(asks)
	r.Add(reports)
	return nil
}

// sending sends again what is asked for, and says what time it is.
func sending(r *interceptor.Registry) error {
	answers, err := nack.NewResponderInterceptor()
	if err != nil {
		return err
	}
	reports, err := report.NewSenderInterceptor()
	if err != nil {
		return err
	}
	r.Add(answers)
	r.Add(reports)
	return nil
}

// network is one address of this machine. pion would list the interfaces
// again for every connector.
type network struct {
	*stdnet.Net
	only  []*transport.Interface
	known *declared
}

func newNetwork(local netip.Addr, known *declared) (*network, error) {
	if !local.IsValid() || local.IsUnspecified() {
		return nil, fmt.Errorf("client: %v is not an address to send from", local)
	}
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("client: list the network interfaces: %w", err)
	}
	i := transport.NewInterface(net.Interface{Index: 1, MTU: 1500, Name: "only", Flags: net.FlagUp})
	i.AddAddress(&net.IPNet{IP: local.AsSlice(), Mask: net.CIDRMask(local.BitLen(), local.BitLen())})
	return &network{Net: std, only: []*transport.Interface{i}, known: known}, nil
}

// Interfaces is the one address.
func (n *network) Interfaces() ([]*transport.Interface, error) { return n.only, nil }

// UpdateInterfaces changes nothing.
func (n *network) UpdateInterfaces() error { return nil }

// ListenUDP opens a socket with the buffer of a connector.
func (n *network) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(socketBuffer) // as much as the system allows
	return declaredOnly{c, n.known}, nil
}

// silent keeps pion quiet: what goes wrong shows in counters and states.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
