package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
)

// The beat of ICE.
const (
	// A check is sent again every 50 ms (RFC 8445 section 14.2) while there is
	// no pair, and a pair is given up after 2.5 s. Pion nominates in the same
	// beat.
	checkEvery     = 50 * time.Millisecond
	checksOfPair   = 50
	gatherPatience = 5 * time.Second // gathering takes no network
)

// path is one ICE session of a transport: its first, and one more for each
// restart. A restart has an agent of its own, because pion's Restart drops the
// pair that packets use; so they go on over the old path until the new one is
// there (RFC 8445 section 9: "continues to send media on the previously
// validated pair").
type path struct {
	t     *Transport
	agent *ice.Agent

	ufrag, password string // local

	// Guarded by t.mu.
	started     bool
	remoteUfrag string
	state       ice.ConnectionState
	to          netip.AddrPort // of the nominated pair
}

// newPath makes an ICE session and gathers its candidates.
func (t *Transport) newPath() (*path, error) {
	p := &path{t: t}
	e := t.endpoint
	var err error
	p.agent, err = ice.NewAgentWithOptions(
		ice.WithUDPMux(&agentMux{mux: e.mux, client: t.client, listen: e.bases}),
		ice.WithNet(e.net),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4, ice.NetworkTypeUDP6}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisconnectedTimeout(e.patience.disconnected),
		ice.WithFailedTimeout(e.patience.failed),
		ice.WithKeepaliveInterval(e.patience.keepalive),
		ice.WithCheckInterval(checkEvery),
		ice.WithMaxBindingRequests(checksOfPair),
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
	if err := p.prepare(); err != nil {
		_ = p.agent.GracefulClose()
		return nil, err
	}
	return p, nil
}

func (p *path) prepare() (err error) {
	gathered := make(chan struct{})
	if err = p.agent.OnConnectionStateChange(p.stateChanged); err != nil {
		return fmt.Errorf("transport: watch ICE: %w", err)
	}
	if err = p.agent.OnSelectedCandidatePairChange(p.nominated); err != nil {
		return fmt.Errorf("transport: watch ICE: %w", err)
	}
	err = p.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(gathered)
		}
	})
	if err == nil {
		err = p.agent.GatherCandidates()
	}
	if err != nil {
		return fmt.Errorf("transport: gather candidates: %w", err)
	}
	select {
	case <-gathered:
	case <-time.After(gatherPatience):
		return errors.New("transport: gathering candidates takes for ever")
	}
	if p.ufrag, p.password, err = p.agent.GetLocalUserCredentials(); err != nil {
		return fmt.Errorf("transport: local credentials: %w", err)
	}
	return nil
}

// start begins the checks; t.mu is held.
func (p *path) start(remote Remote, controlling bool) (err error) {
	if controlling {
		_, err = p.agent.StartDial(remote.Ufrag, remote.Password)
	} else {
		_, err = p.agent.StartAccept(remote.Ufrag, remote.Password)
	}
	if err != nil {
		return fmt.Errorf("transport: start ICE: %w", err)
	}
	p.started, p.remoteUfrag = true, remote.Ufrag
	return nil
}

// stateChanged is called by the agent, on a goroutine of its own.
func (p *path) stateChanged(s ice.ConnectionState) {
	p.t.pathChanged(func() {
		p.state = s
		if s == ice.ConnectionStateFailed {
			p.to = netip.AddrPort{}
		}
	})
}

// nominated is called by the agent, on another one.
func (p *path) nominated(_, remote ice.Candidate) {
	address, err := netip.ParseAddr(remote.Address())
	if err != nil {
		return // cannot be: it is where packets come from
	}
	to := netip.AddrPortFrom(address.Unmap(), uint16(remote.Port()))
	p.t.pathChanged(func() { p.to = to })
}

// up says that packets can take this path; t.mu is held.
func (p *path) up() bool {
	return p.to.IsValid() && (p.state == ice.ConnectionStateConnected || p.state == ice.ConnectionStateCompleted)
}
