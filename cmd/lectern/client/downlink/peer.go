package downlink

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/receive"
)

const (
	maxStreams    = 64
	maxCandidates = 16
	maxSecure     = 32 // handshake packets that wait

	// connectTime bounds ICE and DTLS together.
	connectTime = 30 * time.Second
	// hashOfPrint is how the certificate is fingerprinted.
	hashOfPrint = crypto.SHA256
)

// ErrClosed says that the peer was closed.
var ErrClosed = errors.New("downlink: closed")

// Owner is whose peer it is.
type Owner interface {
	// Sink gives who takes the packets of an m-line; of nil nobody does. It is
	// called by Answer, and must not call the peer.
	Sink(mid string) Sink
	// Connected is called once, by a goroutine of the peer: with nil when packets
	// can come, or with what went wrong. It must not wait for Close.
	Connected(err error)
}

// Sink takes the packets of one stream. Take is called by one goroutine, which
// holds a lock of the peer: it must not call the peer. packet is in the clear,
// a retransmission as what it repeats, valid during the call. at is when the
// packet arrived at the machine, as far as the system says.
type Sink interface {
	Take(packet []byte, at time.Time)
}

// credentials are those of one ICE generation.
type credentials struct{ ufrag, password string }

// Peer is one connection. Its methods may be called concurrently.
type Peer struct {
	// Set at construction.
	engine *Engine
	owner  Owner
	socket *socket
	ssrc   uint32 // in its reports
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // connect
	once   sync.Once      // of Close
	secure chan []byte    // DTLS packets
	up     chan struct{}  // closed when packets pass

	secured atomic.Pointer[contexts]

	mu sync.Mutex
	// Guarded by mu.
	closed     bool
	local      credentials
	before     credentials // of the generation before
	remote     credentials
	print      string // of the other side's certificate
	to         netip.AddrPort
	isUp       bool
	nominated  bool
	candidates []netip.AddrPort
	streams    map[uint32]*stream // by SSRC, and by that of the retransmissions
	order      []*stream
	remb       remb
	version    uint64 // of the last answer
}

// stream is one SSRC. The peer's mu guards it.
type stream struct {
	ssrc, rtx uint32
	mid       string
	video     bool
	sink      Sink
	account   receive.Stream
	needsKey  bool // nothing was decodable since it began, or since a loss
	asked     int64
	reportAt  int64 // when the next report is due; 0: not known before a packet
}

func newPeer(e *Engine, o Owner, s *socket) *Peer {
	p := &Peer{
		engine: e, owner: o, socket: s, ssrc: randomSSRC(), local: newCredentials(),
		secure: make(chan []byte, maxSecure), up: make(chan struct{}), streams: map[uint32]*stream{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// newCredentials have more than the 24 and 128 bits that RFC 8445 section 5.3
// asks for.
func newCredentials() credentials { return credentials{rand.Text()[:8], rand.Text()} }

// Answer answers an offer, the first one or a later one. Media sections are
// received as far as they are sent and have a known format; others are
// rejected.
func (p *Peer) Answer(offer *description.Description) (*description.Description, error) {
	if offer.FingerprintHash != "sha-256" {
		return nil, fmt.Errorf("downlink: the offer's fingerprint is by %.20q", offer.FingerprintHash)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	remote := credentials{offer.Ufrag, offer.Password}
	first := p.remote == credentials{}
	if !first && p.remote != remote { // an ICE restart
		p.before, p.local, p.nominated = p.local, newCredentials(), false
	}
	p.remote, p.print = remote, offer.Fingerprint
	p.learn(offer.Candidates)
	p.version++
	a := &description.Description{
		SessionID: uint64(p.ssrc), Version: p.version, Ufrag: p.local.ufrag, Password: p.local.password,
		FingerprintHash: "sha-256", Fingerprint: strings.ToUpper(p.engine.print), Setup: description.Active,
		Candidates:      []string{fmt.Sprintf("candidate:1 1 udp 2130706431 %s %d typ host", p.engine.local, p.socket.port())},
		EndOfCandidates: true,
	}
	p.remb.negotiated = false
	for i := range offer.Sections {
		s := answerSection(&offer.Sections[i])
		p.remb.negotiated = p.remb.negotiated || takesREMB(&s)
		a.Sections = append(a.Sections, s)
	}
	p.follow(offer)
	if first {
		p.work.Go(p.connect)
	}
	return a, nil
}

// learn takes the addresses of the other side; mu is held.
func (p *Peer) learn(list []string) {
	p.candidates = p.candidates[:0]
	for _, text := range list {
		c, err := ice.UnmarshalCandidate(strings.TrimPrefix(text, "candidate:"))
		if err != nil || !c.NetworkType().IsUDP() || len(p.candidates) == maxCandidates {
			continue
		}
		a, err := netip.ParseAddr(c.Address())
		if err == nil && a.Is4() == p.engine.local.Is4() {
			p.candidates = append(p.candidates, netip.AddrPortFrom(a, uint16(c.Port()))) //nolint:gosec // a port
		}
	}
}

const googREMB = "goog-remb"

// wanted are the formats that are received.
var wanted = []codec.Codec{
	{Name: "VP8", Kind: codec.Video, ClockRate: 90000, Feedback: []string{googREMB, "ccm fir", "nack", "nack pli"}},
	{Name: "opus", Kind: codec.Audio, ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1"},
}

// extensions are the header extensions that are taken.
var extensions = []string{description.URIMID, description.URIAbsSendTime, description.URIAudioLevel}

func answerSection(o *description.Section) description.Section {
	a := description.Section{Kind: o.Kind, MID: o.MID}
	if _, media := o.Kind.CodecKind(); !media || o.Rejected {
		a.Rejected, a.Formats = true, o.Formats
		return a
	}
	if a.Formats = description.Negotiate(*o, wanted); len(a.Formats) == 0 {
		a.Rejected, a.Formats = true, o.Formats
		return a
	}
	a.Direction = description.MakeDirection(false, o.Direction.Sends())
	for _, e := range o.Extensions {
		if slices.Contains(extensions, e.URI) {
			a.Extensions = append(a.Extensions, e)
		}
	}
	return a
}

// takesREMB reports whether the sender of an answered section is to be told how
// much it may send, and says when it sent.
func takesREMB(s *description.Section) bool {
	return !s.Rejected && len(s.Formats) > 0 && slices.Contains(s.Formats[0].Codec.Feedback, googREMB) &&
		slices.ContainsFunc(s.Extensions, func(e description.Extension) bool { return e.URI == description.URIAbsSendTime })
}

// follow has the streams of an offer taken; mu is held.
func (p *Peer) follow(o *description.Description) {
	old := p.order
	p.order = nil
	clear(p.streams)
	for i := range o.Sections {
		s := &o.Sections[i]
		for _, source := range s.Sources {
			if s.Rejected || !s.Direction.Sends() || len(p.order) == maxStreams {
				continue
			}
			at := slices.IndexFunc(old, func(x *stream) bool { return x.ssrc == source.SSRC && x.mid == s.MID })
			var x *stream
			if at >= 0 {
				x = old[at]
			} else {
				x = newStream(s, source)
				x.sink = p.owner.Sink(s.MID)
			}
			p.order = append(p.order, x)
			p.streams[source.SSRC] = x
			if source.RTX != 0 {
				p.streams[source.RTX] = x
			}
		}
	}
}

func newStream(s *description.Section, source description.Source) *stream {
	x := &stream{ssrc: source.SSRC, rtx: source.RTX, mid: s.MID, video: s.Kind == description.Video}
	x.needsKey = x.video
	x.account = receive.Stream{Rate: 48000}
	if x.video {
		x.account = receive.Stream{Rate: 90000, Nack: true}
	}
	return x
}

// Close ends the connection without a word to the other side, which learns it
// by signaling. It waits for the goroutines, and may be called again.
func (p *Peer) Close() {
	p.once.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.cancel()
		p.engine.poller.remove(p)
		p.engine.forget(p)
	})
	p.work.Wait()
}

// connect finds the way, and makes the keys.
func (p *Peer) connect() {
	ctx, cancel := context.WithTimeout(p.ctx, connectTime)
	defer cancel()
	err := p.find(ctx)
	if err == nil {
		err = p.handshake(ctx)
	}
	if p.ctx.Err() != nil {
		err = ErrClosed
	}
	p.owner.Connected(err)
}
