package transport

import (
	"net/netip"
	"sync"
	"time"

	"lectern/sfu/ice"
)

// What the checks of one connection may cost that are never answered, over all its
// ICE restarts, and those of all connections of an endpoint. A browser with four
// interfaces costs four, until it answers a round trip later; these it always has:
// they are fewer bytes than the description that makes a connection.
var (
	connectionLimits = ice.Limits{Each: 32, EachForgive: time.Second, All: 64, AllForgive: time.Second, Own: 4}
	endpointLimits   = ice.Limits{Each: 256, EachForgive: 50 * time.Millisecond, All: 4096, AllForgive: 2 * time.Millisecond}
)

// path is one ICE session of a transport: its first, and one more for each
// restart. A restart has an agent of its own, so that packets go on over the old
// path until the new one is there (RFC 8445 section 9: "continues to send media on
// the previously validated pair").
type path struct {
	t     *Transport
	route *route
	local ice.Credentials

	mu sync.Mutex
	// Guarded by mu.
	agent  *ice.Agent
	ended  bool
	told   ice.State      // what the clock was told
	toldTo netip.AddrPort // of the address in use

	// Guarded by t.mu.
	started     bool
	remoteUfrag string
	state       ice.State
	to          netip.AddrPort // of the address in use
}

// newPath makes an ICE session.
func (t *Transport) newPath() (*path, error) {
	e := t.endpoint
	p := &path{t: t, local: ice.NewCredentials()}
	p.mu.Lock() // as a check may come at once
	defer p.mu.Unlock()
	var err error
	if p.route, err = e.mux.connect(t.client, p.local.Ufrag, p); err != nil {
		return nil, err
	}
	p.agent = ice.New(ice.Config{
		Local: p.local, Key: p.route.key, Clients: e.clients, Budget: t.budget,
		Timing: ice.Timing{Disconnected: e.patience.disconnected, Failed: e.patience.failed, Keepalive: e.patience.keepalive},
	})
	e.clock.add(p)
	return p, nil
}

// start begins; t.mu is held.
func (p *path) start(remote Remote, controlling bool) (err error) {
	p.change(func(now time.Duration) (out ice.Outcome) {
		out, err = p.agent.Start(ice.Credentials{Ufrag: remote.Ufrag, Password: remote.Password}, controlling, now)
		return out
	})
	if err == nil {
		p.started, p.remoteUfrag = true, remote.Ufrag
	}
	return err
}

// setRemote replaces the client's credentials; t.mu is held.
func (p *path) setRemote(remote Remote) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.agent.SetRemote(ice.Credentials{Ufrag: remote.Ufrag, Password: remote.Password}); err != nil {
		return err
	}
	p.remoteUfrag = remote.Ufrag
	return nil
}

// takeSTUN is called by the endpoint's readers.
func (p *path) takeSTUN(message []byte, from netip.AddrPort) {
	defer p.contain("taking a client's check")
	p.change(func(now time.Duration) ice.Outcome { return p.agent.Take(message, from, now) })
}

// tick is called by the clock. It says when it is to be called again.
func (p *path) tick() (due time.Duration) {
	defer p.contain("checking a client's address")
	due = ice.Never
	p.change(func(now time.Duration) (out ice.Outcome) {
		out, due = p.agent.Tick(now)
		return out
	})
	return due
}

// change has the agent do something, and does what the agent then asks for.
func (p *path) change(do func(now time.Duration) ice.Outcome) {
	out, due, changed := p.apply(do)
	e := p.t.endpoint
	for _, at := range out.Proved { // before the client hears of it
		e.mux.prove(p.route, at)
	}
	for _, s := range out.Send {
		_, _ = e.mux.socket.Send(s.Data, s.To)
	}
	e.clock.expect(p, due, changed)
}

func (p *path) apply(do func(now time.Duration) ice.Outcome) (out ice.Outcome, due time.Duration, changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return ice.Outcome{}, ice.Never, false
	}
	out = do(time.Duration(Now()))
	state, to := p.agent.State(), p.agent.Selected()
	changed = state != p.told || to != p.toldTo
	p.told, p.toldTo = state, to
	return out, p.agent.Due(), changed
}

// tell is called by the clock when the agent's state is another.
func (p *path) tell() {
	defer p.t.contain("telling a connection's state")
	p.t.pathChanged(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.state, p.to = p.agent.State(), p.agent.Selected()
	})
}

// contain is deferred: it ends the session that panicked, and its connection.
func (p *path) contain(doing string) {
	if r := recover(); r != nil {
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.t.Fault(doing, r)
	}
}

// contain is deferred: it ends the connection for whose sake the caller panicked.
func (t *Transport) contain(doing string) {
	if p := recover(); p != nil {
		t.Fault(doing, p)
	}
}

// end ends the session. Nothing is called any more, but for what is called now.
func (p *path) end() {
	e := p.t.endpoint
	e.clock.remove(p)
	e.mux.remove(p.route)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
}

// up says that packets can take this path; t.mu is held.
func (p *path) up() bool { return p.to.IsValid() && p.state == ice.Connected }
