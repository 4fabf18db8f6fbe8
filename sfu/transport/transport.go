package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"

	"lectern/sfu/egress"
	"lectern/sfu/ice"
	"lectern/signaling/fault"
)

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
// anything, nor for another connection's Handler, and nor must StateChanged, which
// the endpoint's clock calls for everybody, or another goroutine, but never two at
// once, and in the order in which things happened. Open, Message and Shut are called
// by a goroutine of the connection's. Nothing is called after Close returned.
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
	running  sync.WaitGroup // the runner
	budget   *ice.Budget    // of checks that are not answered

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
		budget: ice.NewBudget(connectionLimits, e.budget),
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
		Ufrag: p.local.Ufrag, Password: p.local.Password,
		Candidates: candidates(t.endpoint.advertised, t.endpoint.mux.port, p.local.Ufrag),
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
	return p.setRemote(remote)
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
		p.end()
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
		t.current.end()
		t.current = p
	default:
		if t.next != nil {
			t.next.end()
		}
		t.next = p
	}
	return true
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
	defer fault.Contain(t.endpoint.log, "closing a connection", nil)
	if channel != nil {
		channel.close()
	}
	if secure != nil {
		_ = secure.Close() // says goodbye
	}
	t.to.Store(nil)
	current.end()
	if next != nil {
		next.end()
	}
	t.running.Wait()
	t.endpoint.mux.forget(t.client)
	t.telling.Lock() // until the handler has heard what it is being told
	defer t.telling.Unlock()
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
