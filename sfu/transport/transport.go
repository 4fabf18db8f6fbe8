package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"

	"lectern/sfu/egress"
)

const maxCandidates = 64 // of one client, in one ICE generation

// State is how a connection fares.
type State uint8

// The states of a connection.
const (
	Connecting   State = iota
	Connected          // handshakes done; packets flow
	Disconnected       // no sign of life for 5 s; may come back
	// Failed: no sign of life for 15 s, no handshake within 30 s of Start, or
	// the client hung up. If it was Connected before and only the network
	// failed, Restart may bring it back; else it is to be closed.
	Failed
)

// String is the state's name.
func (s State) String() string {
	names := [...]string{"connecting", "connected", "disconnected", "failed"}
	if int(s) >= len(names) {
		return fmt.Sprintf("State(%d)", uint8(s))
	}
	return names[s]
}

// Handler takes what comes. RTP, RTCP and Flush are called by the endpoint's
// readers, which read for everybody, and for one Handler by one at a time: so what
// they alone use needs no lock of its own, but Handlers of different connections
// are called at the same time, and what they share does. They must not wait for
// anything, nor for another connection's Handler. Open, Message and Shut are called
// by another goroutine; StateChanged by either or a third, but never by two at once,
// and in the order in which things happened. Nothing is called after Close returned.
// Handlers may call any method but Close, which would wait for them; Stop is for
// them.
type Handler interface {
	StateChanged(State)
	// RTP takes one packet in the clear, valid during the call, and its to
	// change. arrived is monotonic, in nanoseconds.
	RTP(packet []byte, arrived int64)
	// RTCP does, and may have packets sent with a batch.
	RTCP(packet []byte, arrived int64, into *egress.Batch)
	// Flush is called after one or more RTP, when nothing more is there to be
	// read, to send what came of them. Part may be held back: then it reports
	// true and is called again at that time. It sends all that there is to send,
	// whichever reader it came by: when the client's address changes, packets may
	// be taken by one and flushed by another, or be flushed twice.
	Flush(into *egress.Batch, now int64) (held bool, until int64)
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
	Candidates      []string // as in a=candidate, without "a="; best first
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
	client   *client
	closing  context.Context // done after Stop
	cancel   context.CancelFunc
	gone     chan struct{}  // closed when nothing is left
	up       chan struct{}  // closed when ICE is connected for the first time
	running  sync.WaitGroup // runner, and agents that close

	secured atomic.Pointer[contexts]
	to      atomic.Pointer[netip.AddrPort] // where the client is; nil: nowhere

	telling sync.Mutex // held while StateChanged runs; taken before mu
	told    State      // guarded by telling

	mu sync.Mutex
	// Guarded by mu.
	started    bool
	ending     bool
	broken     bool  // for good, unlike what ICE may restart
	why        error // it is broken
	wasUp      bool
	candidates int
	current    *path
	next       *path // of an ICE restart, until it is connected
	secureConn *dtls.Conn
	channel    *Channel
}

var errClosed = errors.New("transport: closed")

// New makes one side of a connection. Nothing happens before Start. The caller must Close it, also if
// the client never answers.
func (e *Endpoint) New(h Handler) (*Transport, error) {
	t := &Transport{
		endpoint: e, handler: h, gone: make(chan struct{}), up: make(chan struct{}),
	}
	t.client = newClient(t)
	t.closing, t.cancel = context.WithCancel(context.Background())
	p, err := t.newPath()
	if err != nil {
		t.cancel()
		e.mux.forget(t.client)
		return nil, err
	}
	t.current = p
	return t, nil
}

// Local describes this side as it is now: after Restart, as it is to be.
func (t *Transport) Local() (Local, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending {
		return Local{}, errClosed
	}
	p := t.latest()
	return Local{
		Ufrag: p.ufrag, Password: p.password,
		Candidates: candidates(t.endpoint.advertised, t.endpoint.mux.port, p.ufrag),
	}, nil
}

// latest is the path of the last description; mu is held.
func (t *Transport) latest() *path {
	if t.next != nil {
		return t.next
	}
	return t.current
}

// Start connects to the client. Later calls, for its later descriptions, change
// nothing but ICE: after Restart, new credentials of the client begin the
// checks of the new path, in the role given. Without a Restart they replace the
// old ones, but see Restarts.
func (t *Transport) Start(remote Remote, role Role) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ending:
		return errClosed
	case t.started:
		return t.renew(remote, role)
	}
	if err := t.current.start(remote, role.Controlling); err != nil {
		return err
	}
	t.started = true
	t.running.Add(1)
	go t.run(remote, role)
	return nil
}

// renew applies a later description of the client; mu is held.
func (t *Transport) renew(remote Remote, role Role) error {
	p := t.latest()
	switch {
	case remote.Ufrag == t.current.remoteUfrag, p.started && remote.Ufrag == p.remoteUfrag:
		return nil // nothing new, or about an earlier offer
	case p == t.next && !p.started:
		return p.start(remote, role.Controlling)
	}
	if err := p.agent.SetRemoteCredentials(remote.Ufrag, remote.Password); err != nil {
		return fmt.Errorf("transport: restart ICE: %w", err)
	}
	p.remoteUfrag = remote.Ufrag
	return nil
}

// Restarts reports whether an offer of the client begins an ICE restart: its
// credentials are new. Then call Restart before Start, and answer with the new
// Local (RFC 8839 section 4.4.3.1.1).
func (t *Transport) Restarts(offer Remote) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.latest()
	return t.started && p.started && offer.Ufrag != p.remoteUfrag && offer.Ufrag != t.current.remoteUfrag
}

// Restart begins an ICE restart: Local is new after it, and the client's answer
// goes to Start. Packets use the old path until the new one is connected. A
// restart that is not answered, or does not connect within 15 s, changes
// nothing; another one may be begun at any time.
func (t *Transport) Restart() error {
	p, err := t.newPath()
	if err != nil {
		return err
	}
	if !t.adopt(p) {
		_ = p.agent.GracefulClose()
		return errClosed
	}
	return nil
}

// adopt makes p the path of the next description.
func (t *Transport) adopt(p *path) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ending:
		return false
	case !t.started: // nobody knows the old one yet
		t.retire(t.current)
		t.current = p
	default:
		if t.next != nil {
			t.retire(t.next)
		}
		t.next = p
	}
	t.candidates = 0
	return true
}

// retire ends a path; mu is held, and ending is false. An agent waits for its
// callbacks when it closes, and may be in one.
func (t *Transport) retire(p *path) {
	t.running.Go(func() { _ = p.agent.GracefulClose() })
}

// AddCandidate tries another address of the client. What cannot be used is
// ignored: a name, TCP, another component than RTP, an empty candidate that
// only ends a list, and one more than anybody has.
func (t *Transport) AddCandidate(candidate string) error {
	c, err := parseCandidate(candidate)
	if c == nil || err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending || t.candidates >= maxCandidates {
		return nil
	}
	p := t.latest()
	if of, ok := c.GetExtension("ufrag"); ok && p != t.current && of.Value == t.current.remoteUfrag {
		p = t.current // a late one of the old generation
	}
	t.candidates++
	if err := p.agent.AddRemoteCandidate(c); err != nil {
		return fmt.Errorf("transport: candidate: %w", err)
	}
	return nil
}

// parseCandidate is nil for what is no error but of no use.
func parseCandidate(text string) (ice.Candidate, error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "candidate:")
	if text == "" {
		return nil, nil // the end of candidates (RFC 8838 section 8.2)
	}
	c, err := ice.UnmarshalCandidate(text)
	if err != nil {
		return nil, fmt.Errorf("transport: the client's candidate: %w", err)
	}
	if !c.NetworkType().IsUDP() || c.Component() != ice.ComponentRTP || !isAddress(c.Address()) || c.Port() == 0 {
		return nil, nil
	}
	return c, nil
}

func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && !a.IsUnspecified() && !a.IsMulticast()
}

// Stop begins to close the connection and does not wait. Handlers may call it;
// they may be called until Close returns.
func (t *Transport) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ending {
		return
	}
	t.ending = true
	t.cancel()
	go t.end(t.current, t.next, t.secureConn, t.channel)
}

// end is the goroutine that closes; gone waits for it.
func (t *Transport) end(current, next *path, secure *dtls.Conn, channel *Channel) {
	defer close(t.gone)
	if channel != nil {
		channel.close()
	}
	if secure != nil {
		_ = secure.Close() // says goodbye
	}
	t.to.Store(nil)
	_ = current.agent.GracefulClose()
	if next != nil {
		_ = next.agent.GracefulClose()
	}
	t.running.Wait()
	t.endpoint.mux.forget(t.client)
}

// Close ends the connection and returns when nothing calls the handler any
// more. A handler that called it would wait for itself: after 10 s that is
// logged as an error, and so is a handler that does not return.
func (t *Transport) Close() {
	t.Stop()
	slow := time.NewTimer(t.endpoint.patience.closing)
	defer slow.Stop()
	select {
	case <-t.gone:
	case <-slow.C:
		t.endpoint.log.Error("closing a connection waits for its handler; does the handler call Close?")
		<-t.gone
	}
}
