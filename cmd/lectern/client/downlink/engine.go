package downlink

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"

	"lectern/sfu/packet"
)

// beatTime is how often feedback is looked after.
const beatTime = 50 * time.Millisecond

// Config is what the peers of an Engine share.
type Config struct {
	Local netip.Addr // their address; required
	// Late is told how long packets had waited in a socket before they were read;
	// once for each time it was read. It is called concurrently. May be nil.
	Late func(time.Duration)
}

// Counters are of all peers of an Engine together, ever.
type Counters struct {
	Packets       int64 // of RTP, as they came
	Retransmitted int64 // of these: RTX
	Duplicates    int64 // of these: came before
	Asked         int64 // packets asked for by NACK, each time counts
	Keyframes     int64 // asked for by PLI
	Feedback      int64 // packets of RTCP that were sent
	Reports       int64 // sender reports that came
}

// Engine is what peers share. Its methods may be called concurrently.
type Engine struct {
	// Set at construction.
	local       netip.Addr
	late        func(time.Duration)
	certificate tls.Certificate
	print       string

	packets, retransmitted, duplicates, asked, keyframes, feedback, reports atomic.Int64

	poller poller

	mu sync.Mutex
	// Guarded by mu.
	peers []*Peer
	beats *beats // nil while there are no peers
}

// beats is the goroutine that sends feedback.
type beats struct{ stop, done chan struct{} }

// NewEngine makes an Engine. It needs no closing.
func NewEngine(c Config) (*Engine, error) {
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, fmt.Errorf("downlink: make a certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("downlink: read the certificate: %w", err)
	}
	print, err := fingerprint.Fingerprint(parsed, hashOfPrint)
	if err != nil {
		return nil, fmt.Errorf("downlink: the certificate's fingerprint: %w", err)
	}
	if c.Late == nil {
		c.Late = func(time.Duration) {}
	}
	return &Engine{local: c.Local, late: c.Late, certificate: certificate, print: print}, nil
}

// Counters gives the counters.
func (e *Engine) Counters() Counters {
	return Counters{
		Packets: e.packets.Load(), Retransmitted: e.retransmitted.Load(), Duplicates: e.duplicates.Load(),
		Asked: e.asked.Load(), Keyframes: e.keyframes.Load(), Feedback: e.feedback.Load(), Reports: e.reports.Load(),
	}
}

// Open makes a peer; it does nothing before its first Answer. Close must be
// called.
func (e *Engine) Open(o Owner) (*Peer, error) {
	s, err := listen(e.local)
	if err != nil {
		return nil, fmt.Errorf("downlink: open a socket: %w", err)
	}
	p := newPeer(e, o, s)
	if err := e.poller.add(p); err != nil {
		s.close()
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.peers = append(e.peers, p)
	if e.beats == nil {
		e.beats = &beats{make(chan struct{}), make(chan struct{})}
		go e.beat(e.beats)
	}
	return p, nil
}

// forget takes a peer away. With the last one the feedback ends.
func (e *Engine) forget(p *Peer) {
	e.mu.Lock()
	e.peers = slices.DeleteFunc(e.peers, func(x *Peer) bool { return x == p })
	var last *beats
	if len(e.peers) == 0 {
		last, e.beats = e.beats, nil
	}
	e.mu.Unlock()
	if last != nil {
		close(last.stop)
		<-last.done
	}
}

// beat has every peer send its feedback.
func (e *Engine) beat(b *beats) {
	defer close(b.done)
	ticker := time.NewTicker(beatTime)
	defer ticker.Stop()
	var list []*Peer
	for {
		select {
		case <-ticker.C:
		case <-b.stop:
			return
		}
		e.mu.Lock()
		list = append(list[:0], e.peers...)
		e.mu.Unlock()
		now := clock(time.Now())
		for _, p := range list {
			p.feedback(now)
		}
		clear(list)
	}
}

var epoch = time.Now()

// clock is the time the accounts of package receive are kept in: monotonic, in
// nanoseconds.
func clock(t time.Time) int64 { return int64(t.Sub(epoch)) }

func randomSSRC() uint32 { return rand.Uint32() | 1 }

// maxPacket is the largest datagram that is read, in bytes.
const maxPacket = 1500

// datagram is a packet as it came.
type datagram struct {
	data []byte // theirs who take it, during the call
	from netip.AddrPort
	at   time.Time // of its arrival, with a monotonic reading
}

// isRTCP reports what an SRTP packet is, which is in the clear.
func isRTCP(b []byte) bool { return packet.IsRTCP(b) }
