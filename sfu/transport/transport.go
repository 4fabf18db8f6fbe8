package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// The patience of a connection.
const (
	disconnectedAfter = 5 * time.Second  // without a sign of life
	failedAfter       = 10 * time.Second // more
	keepaliveEvery    = 2 * time.Second
	handshakeTime     = 30 * time.Second // for ICE and DTLS together
	maxCandidates     = 64               // of one client, in one ICE generation
)

// maxPacket is the largest UDP payload that is read or written, in bytes.
const maxPacket = 1500

// State is how a connection fares.
type State uint8

// The states of a connection.
const (
	Connecting   State = iota
	Connected          // handshakes done; packets flow
	Disconnected       // no sign of life lately; may come back
	Failed             // gave up; only Restart or Close helps
)

// Handler takes what comes. RTP and RTCP are called by one goroutine, Open,
// Message and Shut by another one; StateChanged by either or a third.
type Handler interface {
	StateChanged(State)
	// RTP and RTCP take one packet in the clear, valid during the call.
	// arrived is monotonic, in nanoseconds.
	RTP(packet []byte, arrived int64)
	RTCP(packet []byte, arrived int64)
	// Open says that the data channel is open, Shut that it is no more.
	Open(*Channel)
	// Message takes one message of the data channel, valid during the call.
	// While it blocks, the client is slowed down.
	Message(data []byte, isText bool)
	Shut()
}

// Role says who starts what.
type Role struct {
	Controlling bool // of ICE: the side that made the offer
	DTLSClient  bool // begins the handshake
	OpenChannel bool // opens the data channel, else waits for the client's
	NoChannel   bool // no SCTP at all
}

// Local is this side of a connection, for a description.
type Local struct {
	Ufrag, Password string
	Candidates      []string // as in a=candidate, without "a="
}

// Remote is the client's side, from its description.
type Remote struct {
	Ufrag, Password string
	FingerprintHash string // "sha-256" and so on
	Fingerprint     string
	MaxMessageSize  uint32 // bytes; 0: not said, which means 65,536 (RFC 8841 section 6.1)
}

// Transport is one connection. Its methods may be called concurrently.
type Transport struct {
	endpoint *Endpoint
	handler  Handler
	agent    *ice.Agent
	closed   chan struct{}
	running  sync.WaitGroup // reader and runner

	secured atomic.Pointer[contexts]

	mu sync.Mutex
	// Guarded by mu.
	started    bool
	ending     bool
	candidates int
	conn       *ice.Conn
	secureConn *dtls.Conn
	channel    *Channel
	state      State
}

// contexts are the SRTP states of a connection.
type contexts struct {
	in       *srtp.Context // the reader's
	inHeader rtp.Header

	mu sync.Mutex
	// Guarded by mu.
	out       *srtp.Context
	outHeader rtp.Header
	scratch   []byte
}

// New makes one side of a connection and gathers its candidates, which takes
// no network. Nothing happens before Start.
func (e *Endpoint) New(h Handler) (*Transport, error) {
	agent, err := ice.NewAgentWithOptions(
		ice.WithUDPMux(e.mux),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisconnectedTimeout(disconnectedAfter),
		ice.WithFailedTimeout(failedAfter),
		ice.WithKeepaliveInterval(keepaliveEvery),
		// A client's address that is learnt from its first check is as good as
		// one it names: most existing clients' candidates never arrive.
		ice.WithHostAcceptanceMinWait(0),
		ice.WithPrflxAcceptanceMinWait(0),
		ice.WithSrflxAcceptanceMinWait(0),
		ice.WithRelayAcceptanceMinWait(0),
		ice.WithIncludeLoopback(),
		ice.WithLoggerFactory(e.loggers),
	)
	if err != nil {
		return nil, fmt.Errorf("transport: make an ICE agent: %w", err)
	}
	t := &Transport{endpoint: e, handler: h, agent: agent, closed: make(chan struct{})}
	if err := agent.OnConnectionStateChange(t.iceChanged); err != nil {
		_ = agent.Close()
		return nil, fmt.Errorf("transport: watch ICE: %w", err)
	}
	if err := t.gather(); err != nil {
		_ = agent.Close()
		return nil, err
	}
	return t, nil
}

// gather collects the candidates: the endpoint's addresses.
func (t *Transport) gather() error {
	done := make(chan struct{})
	err := t.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(done)
		}
	})
	if err == nil {
		err = t.agent.GatherCandidates()
	}
	if err != nil {
		return fmt.Errorf("transport: gather candidates: %w", err)
	}
	select {
	case <-done:
		return nil
	case <-time.After(handshakeTime):
		return errors.New("transport: gathering candidates takes for ever")
	}
}

// Local describes this side as it is now.
func (t *Transport) Local() (Local, error) {
	ufrag, password, err := t.agent.GetLocalUserCredentials()
	if err != nil {
		return Local{}, fmt.Errorf("transport: local credentials: %w", err)
	}
	list, err := t.agent.GetLocalCandidates()
	if err != nil {
		return Local{}, fmt.Errorf("transport: local candidates: %w", err)
	}
	l := Local{Ufrag: ufrag, Password: password}
	for _, c := range list {
		l.Candidates = append(l.Candidates, "candidate:"+c.Marshal())
	}
	return l, nil
}

// Start connects to the client. A second call changes the client's ICE
// credentials if they are new, and nothing else.
func (t *Transport) Start(remote Remote, role Role) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ending:
		return errClosed
	case t.started:
		return t.restarted(remote)
	}
	var err error
	if role.Controlling {
		t.conn, err = t.agent.StartDial(remote.Ufrag, remote.Password)
	} else {
		t.conn, err = t.agent.StartAccept(remote.Ufrag, remote.Password)
	}
	if err != nil {
		return fmt.Errorf("transport: start ICE: %w", err)
	}
	t.started = true
	pipe := newDTLSPipe(t.conn)
	t.running.Add(2)
	go t.read(t.conn, pipe)
	go t.run(pipe, remote, role)
	return nil
}

// restarted applies the client's half of an ICE restart; t.mu is held.
func (t *Transport) restarted(remote Remote) error {
	ufrag, password, err := t.agent.GetRemoteUserCredentials()
	if err == nil && ufrag == remote.Ufrag && password == remote.Password {
		return nil
	}
	if err := t.agent.SetRemoteCredentials(remote.Ufrag, remote.Password); err != nil {
		return fmt.Errorf("transport: restart ICE: %w", err)
	}
	return nil
}

// Restart begins an ICE restart: Local is new after it, and the client's answer
// goes to Start.
func (t *Transport) Restart() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending {
		return errClosed
	}
	t.candidates = 0
	if err := t.agent.Restart("", ""); err != nil {
		return fmt.Errorf("transport: restart ICE: %w", err)
	}
	return t.gather()
}

// AddCandidate tries another address of the client. What cannot be used, a
// name, TCP, or one more than anybody has, is ignored.
func (t *Transport) AddCandidate(candidate string) error {
	c, err := ice.UnmarshalCandidate(strings.TrimPrefix(candidate, "candidate:"))
	if err != nil {
		return fmt.Errorf("transport: candidate: %w", err)
	}
	if !c.NetworkType().IsUDP() || strings.HasSuffix(c.Address(), ".local") {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending || t.candidates >= maxCandidates {
		return nil
	}
	t.candidates++
	if err := t.agent.AddRemoteCandidate(c); err != nil {
		return fmt.Errorf("transport: candidate: %w", err)
	}
	return nil
}

var errClosed = errors.New("transport: closed")

// iceChanged is called by the agent.
func (t *Transport) iceChanged(s ice.ConnectionState) {
	switch s {
	case ice.ConnectionStateConnected, ice.ConnectionStateCompleted:
		if t.secured.Load() != nil {
			t.become(Connected)
		}
	case ice.ConnectionStateDisconnected:
		t.become(Disconnected)
	case ice.ConnectionStateFailed:
		t.become(Failed)
	}
}

func (t *Transport) become(s State) {
	t.mu.Lock()
	changed := t.state != s && !t.ending
	t.state = s
	t.mu.Unlock()
	if changed {
		t.handler.StateChanged(s)
	}
}

// Close ends the connection and returns when nothing calls the handler any
// more, so it must not be called from there.
func (t *Transport) Close() {
	t.mu.Lock()
	if t.ending {
		t.mu.Unlock()
		t.running.Wait()
		return
	}
	t.ending = true
	close(t.closed)
	secure, channel := t.secureConn, t.channel
	t.mu.Unlock()
	if channel != nil {
		channel.close()
	}
	if secure != nil {
		_ = secure.Close() // says goodbye
	}
	_ = t.agent.GracefulClose()
	t.running.Wait()
}

// verify compares the client's certificate with the fingerprint of its
// description (RFC 8122 section 6.2).
func verify(remote Remote) func([][]byte, [][]*x509.Certificate) error {
	return func(raw [][]byte, _ [][]*x509.Certificate) error {
		if len(raw) == 0 {
			return errors.New("transport: the client has no certificate")
		}
		if !strings.EqualFold(remote.FingerprintHash, "sha-256") {
			return fmt.Errorf("transport: fingerprint by %.20q is not supported", remote.FingerprintHash)
		}
		if !strings.EqualFold(fingerprint(raw[0]), remote.Fingerprint) {
			return errors.New("transport: the client's certificate is not the one it described")
		}
		return nil
	}
}

// handshake does DTLS and derives the SRTP keys (RFC 5764 section 4.2).
func (t *Transport) handshake(pipe *dtlsPipe, remote Remote, role Role) error {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = pipe.Close() })
	defer stop()
	conn, err := t.openDTLS(ctx, pipe, remote, role)
	if err != nil {
		return fmt.Errorf("transport: DTLS: %w", err)
	}
	t.mu.Lock()
	ending := t.ending
	t.secureConn = conn
	t.mu.Unlock()
	if ending {
		_ = conn.Close()
		return errClosed
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("transport: DTLS: %w", err)
	}
	return t.secure(conn, role)
}

// openDTLS makes the DTLS connection; the handshake is still to be done.
func (t *Transport) openDTLS(ctx context.Context, pipe *dtlsPipe, remote Remote, role Role) (*dtls.Conn, error) {
	options := []dtls.Option{
		dtls.WithCertificates(t.endpoint.certificate),
		dtls.WithSRTPProtectionProfiles(profiles()...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // verify does it, by fingerprint
		dtls.WithVerifyPeerCertificate(verify(remote)),
		dtls.WithLoggerFactory(t.endpoint.loggers),
		dtls.WithMTU(1200),
	}
	if role.DTLSClient {
		if err := t.agent.AwaitConnect(ctx); err != nil {
			return nil, fmt.Errorf("transport: ICE: %w", err)
		}
		return dtls.ClientWithOptions(pipe, pipe.RemoteAddr(), sided[dtls.ClientOption](options)...)
	}
	server := append(sided[dtls.ServerOption](options), dtls.WithClientAuth(dtls.RequireAnyClientCert))
	return dtls.ServerWithOptions(pipe, pipe.RemoteAddr(), server...)
}

// sided widens the shared options to those of one side.
func sided[T any](shared []dtls.Option) []T {
	out := make([]T, 0, len(shared)+1)
	for _, o := range shared {
		out = append(out, o.(T))
	}
	return out
}

func (t *Transport) secure(conn *dtls.Conn, role Role) error {
	state, ok := conn.ConnectionState()
	profile, chosen := conn.SelectedSRTPProtectionProfile()
	if !ok || !chosen {
		return errors.New("transport: DTLS without SRTP")
	}
	var config srtp.Config
	config.Profile = srtp.ProtectionProfile(profile)
	if err := config.ExtractSessionKeysFromDTLS(&state, role.DTLSClient); err != nil {
		return fmt.Errorf("transport: SRTP keys: %w", err)
	}
	c := &contexts{scratch: make([]byte, 0, maxPacket)}
	var err error
	if c.in, err = srtp.CreateContext(config.Keys.RemoteMasterKey, config.Keys.RemoteMasterSalt, config.Profile,
		srtp.SRTPReplayProtection(1024), srtp.SRTCPReplayProtection(128)); err != nil {
		return fmt.Errorf("transport: SRTP: %w", err)
	}
	if c.out, err = srtp.CreateContext(config.Keys.LocalMasterKey, config.Keys.LocalMasterSalt, config.Profile); err != nil {
		return fmt.Errorf("transport: SRTP: %w", err)
	}
	t.secured.Store(c)
	return nil
}
