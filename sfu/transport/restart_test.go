package transport

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// impatient is an endpoint that gives up soon.
func impatient(t *testing.T) *end {
	t.Helper()
	on, err := Listen(loopback)
	if err != nil {
		t.Fatal(err)
	}
	on.patience = patience{
		disconnected: time.Second, failed: 500 * time.Millisecond,
		handshake: 2 * time.Second, closing: 100 * time.Millisecond, keepalive: 50 * time.Millisecond,
	}
	return endOn(t, on)
}

// flows waits until packets of both sides arrive.
func flows(t *testing.T, e *end, p *peer, r *webrtc.TrackRemote) {
	t.Helper()
	before := received(t, p, r)
	seq := uint16(0)
	until(t, func() bool {
		seq++
		packet := rtpPacket(seq + 20000)
		writeRTP(e.conn, packet)
		select {
		case <-before:
			return true
		case <-time.After(5 * time.Millisecond):
			return false
		}
	})
	checkFromClient(t, e, p)
}

// received is closed when one more packet arrives at the client.
func received(t *testing.T, p *peer, r *webrtc.TrackRemote) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _, _ = r.ReadRTP()
	}()
	return done
}

// firstTrack is the client's end of what the server sends.
func firstTrack(t *testing.T, e *end, p *peer) *webrtc.TrackRemote {
	t.Helper()
	var r *webrtc.TrackRemote
	seq := uint16(0)
	until(t, func() bool {
		seq++
		writeRTP(e.conn, rtpPacket(seq))
		select {
		case r = <-p.remote:
			return true
		case <-time.After(5 * time.Millisecond):
			return false
		}
	})
	return r
}

func wantEntries(t *testing.T, on *Endpoint, agents int) {
	t.Helper()
	until(t, func() bool {
		got, _ := on.entries()
		return got == agents
	})
}

// The server begins an ICE restart, whoever offered first. Packets flow all the
// time, and nothing is left of the old path.
func TestRestartByServer(t *testing.T) {
	for _, s := range []shape{{}, {clientOffers: true, setup: "active", clientOpens: true}} {
		e := listenAt(t, loopback)
		p := newPeer(t)
		meet(t, e, p, s)
		e.want(Connected)
		track := firstTrack(t, e, p)
		before, _ := e.conn.Local()
		for range 3 {
			if err := e.conn.Restart(); err != nil {
				t.Fatal(err)
			}
			if now, _ := e.conn.Local(); now.Ufrag == before.Ufrag || now.Password == before.Password {
				t.Error("a restart keeps the credentials")
			}
			flows(t, e, p, track) // over the old path
			again := s
			again.clientOffers = false
			meet(t, e, p, again)
			wantEntries(t, e.on, 1)
			flows(t, e, p, track)
		}
		if n := len(e.states); n != 0 {
			t.Errorf("the state changed to %v", <-e.states)
		}
		e.conn.Close()
		wantEntries(t, e.on, 0)
	}
}

// The client's network changes, and it restarts ICE. It has no channel: this one
// gives its connection up if it has just something to send there.
func TestRestartByClient(t *testing.T) {
	for _, s := range []shape{{clientOffers: true, setup: "active", noChannel: true}, {noChannel: true}} {
		e := listenAt(t, loopback)
		network := newRoaming(t)
		p := peerOver(t, network)
		meet(t, e, p, s)
		e.want(Connected)
		track := firstTrack(t, e, p)
		flows(t, e, p, track)
		was := *e.conn.to.Load()

		network.now.Store(1)
		offer := p.gathered(p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true}))
		remote := remoteOf(t, offer)
		if !e.conn.Restarts(remote) {
			t.Fatal("new credentials are not seen")
		}
		if err := e.conn.Restart(); err != nil {
			t.Fatal(err)
		}
		again := s
		again.clientOffers, again.setup = true, "active"
		if !s.clientOffers {
			again.setup = "passive" // as the client began DTLS
		}
		p.hear(webrtc.SDPTypeAnswer, describe(t, e, again, again.setup, true))
		take(t, e, offer, again.role())
		wantEntries(t, e.on, 1)
		flows(t, e, p, track)
		until(t, func() bool { // what flowed may have been on its way already
			<-time.After(time.Millisecond)
			return *e.conn.to.Load() != was
		})
		if e.conn.Restarts(remote) {
			t.Error("the same credentials are seen as new ones")
		}
	}
}

// An offer of the server that is answered late, or never, changes nothing; nor
// does a later description with the same credentials.
func TestRestartUnanswered(t *testing.T) {
	e := impatient(t)
	p := newPeer(t)
	meet(t, e, p, shape{})
	e.want(Connected)
	track := firstTrack(t, e, p)
	sdp := p.pc.LocalDescription().SDP
	if err := e.conn.Restart(); err != nil {
		t.Fatal(err)
	}
	take(t, e, sdp, shape{}.role())
	flows(t, e, p, track)
	// An answer that leads nowhere.
	remote := remoteOf(t, sdp)
	remote.Ufrag, remote.Password = "nowhere", "0123456789012345678901"
	if err := e.conn.Start(remote, shape{}.role()); err != nil {
		t.Fatal(err)
	}
	wantEntries(t, e.on, 1) // it fails
	flows(t, e, p, track)
	if n := len(e.states); n != 0 {
		t.Errorf("the state changed to %v", <-e.states)
	}
}

// The network goes away for good, and comes back.
func TestFailedThenRestart(t *testing.T) {
	e := impatient(t)
	network := newRoaming(t)
	p := peerOver(t, network, func(s *webrtc.SettingEngine) {
		s.SetICETimeouts(300*time.Millisecond, time.Hour, 100*time.Millisecond)
	})
	meet(t, e, p, shape{})
	e.want(Connected)
	track := firstTrack(t, e, p)
	network.now.Store(-1)
	e.want(Disconnected)
	e.want(Failed)
	if e.conn.Err() != errNetwork {
		t.Errorf("because of %v", e.conn.Err())
	}
	if e.conn.WriteRTCP([]byte{0x80, 201, 0, 1, 0, 0, 0, 1}) {
		t.Error("a packet is sent nowhere")
	}
	network.now.Store(1)
	if err := e.conn.Restart(); err != nil {
		t.Fatal(err)
	}
	meet(t, e, p, shape{})
	e.wantAtLast(Connected)
	if e.conn.Err() != nil {
		t.Errorf("connected, but %v", e.conn.Err())
	}
	flows(t, e, p, track)
}

// A short loss of the network heals without a restart.
func TestDisconnected(t *testing.T) {
	e := impatient(t)
	e.on.patience.failed = time.Minute
	e2 := endOn(t, e.on)
	network := newRoaming(t)
	p := peerOver(t, network)
	meet(t, e2, p, shape{})
	e2.want(Connected)
	network.now.Store(-1)
	e2.want(Disconnected)
	network.now.Store(0)
	e2.want(Connected)
}

// A client that answers and is never heard of fails, and so does one that does
// ICE and nothing more.
func TestSilentClient(t *testing.T) {
	e := impatient(t)
	remote := Remote{Ufrag: "nobody", Password: "0123456789012345678901", FingerprintHash: "sha-256", Fingerprint: "00"}
	for _, role := range []Role{{Controlling: true}, {DTLSClient: true}} {
		e := endOn(t, e.on)
		if err := e.conn.Start(remote, role); err != nil {
			t.Fatal(err)
		}
		e.want(Failed)
		e.conn.Close()
	}
	for _, dtlsClient := range []bool{false, true} {
		e := endOn(t, e.on)
		agent := rawAgent(t, e, Role{Controlling: true, DTLSClient: dtlsClient})
		e.wantAtLast(Failed)
		_ = agent.GracefulClose()
		e.conn.Close()
	}
	e.conn.Close()
	wantEntries(t, e.on, 0)
}

// rawAgent is a client that does ICE and nothing else.
func rawAgent(t *testing.T, e *end, role Role) *ice.Agent {
	t.Helper()
	a, err := ice.NewAgentWithOptions(
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithIncludeLoopback(), ice.WithLoggerFactory(quiet{}),
		ice.WithIPFilter(func(ip net.IP) bool { return ip.IsLoopback() }),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.GracefulClose() })
	gathered := make(chan struct{})
	_ = a.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(gathered)
		}
	})
	if err := a.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	<-gathered
	ufrag, password, err := a.GetLocalUserCredentials()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.conn.Start(Remote{Ufrag: ufrag, Password: password, FingerprintHash: "sha-256", Fingerprint: "00"}, role); err != nil {
		t.Fatal(err)
	}
	l, err := e.conn.Local()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.StartAccept(l.Ufrag, l.Password); err != nil {
		t.Fatal(err)
	}
	for _, text := range l.Candidates {
		c, err := ice.UnmarshalCandidate(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.AddRemoteCandidate(c); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// checkFromClient waits for a packet of the client.
func checkFromClient(t *testing.T, e *end, p *peer) {
	t.Helper()
	for len(e.rtp) > 0 {
		<-e.rtp
	}
	until(t, func() bool {
		_ = p.track.WriteRTP(&rtp.Packet{
			Header: rtp.Header{Version: 2, SequenceNumber: clientSequence()}, Payload: []byte("more"),
		})
		select {
		case <-e.rtp:
			return true
		case <-time.After(5 * time.Millisecond):
			return false
		}
	})
}

var lastSequence atomic.Uint32

// clientSequence never repeats, so that nothing is taken for a replay.
func clientSequence() uint16 { return uint16(lastSequence.Add(1)) }

// wantAtLast skips other states.
func (e *end) wantAtLast(s State) {
	e.t.Helper()
	for get(e.t, e.states) != s {
	}
}

// A handler that closes its own connection is told so, and one that stops it
// is not kept.
func TestCloseFromHandler(t *testing.T) {
	e := listenAt(t, loopback)
	stopped := make(chan struct{})
	h := &stopper{end: e, stopped: stopped}
	conn, err := e.on.New(h)
	if err != nil {
		t.Fatal(err)
	}
	h.conn = conn
	e.conn.Close()
	e.conn = conn
	p := newPeer(t)
	meet(t, e, p, shape{})
	get(t, stopped)
	conn.Close()
}

type stopper struct {
	*end
	conn    *Transport
	stopped chan struct{}
}

func (s *stopper) StateChanged(State) {
	s.conn.Stop()
	close(s.stopped)
}
