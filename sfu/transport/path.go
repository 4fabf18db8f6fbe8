package transport

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
)

// The beat of ICE.
const (
	// A check of a pair is sent again every 100 ms, and given up after 3 s,
	// while no pair is selected. Pion nominates in the same beat, unless a check
	// of the client comes before, as one usually does. Its default of 200 ms is
	// felt; RFC 8445 section 14.2 has 50 ms for one check of any pair, and a
	// client may name many.
	checkEvery   = 100 * time.Millisecond
	checksOfPair = 30
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

// newPath makes an ICE session. It gathers nothing: its candidates are the
// endpoint's, one for each address family, as there is one socket. What else is
// advertised leads to that one as well.
func (t *Transport) newPath() (*path, error) {
	e := t.endpoint
	p := &path{t: t}
	var err error
	p.agent, err = ice.NewAgentWithOptions(
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
	if p.ufrag, p.password, err = p.agent.GetLocalUserCredentials(); err != nil {
		return fmt.Errorf("transport: local credentials: %w", err)
	}
	conns, err := p.t.endpoint.mux.connect(p.t.client, p.ufrag, p.t.endpoint.bases)
	if err != nil {
		return err
	}
	for i, conn := range conns {
		if err := p.add(conn); err != nil {
			for _, unused := range conns[i:] {
				_ = unused.Close()
			}
			return err
		}
	}
	// Last, so that a path that comes to nothing is not heard of.
	if err = p.agent.OnConnectionStateChange(p.stateChanged); err == nil {
		err = p.agent.OnSelectedCandidatePairChange(p.nominated)
	}
	if err != nil {
		return fmt.Errorf("transport: watch ICE: %w", err)
	}
	return nil
}

// add makes one socket a candidate, and the agent's.
func (p *path) add(conn *agentConn) error {
	c, err := ice.NewCandidateHost(&ice.CandidateHostConfig{
		Network: "udp", Address: conn.local.IP.String(), Port: conn.local.Port, Component: ice.ComponentRTP,
	})
	if err == nil {
		err = p.agent.AddVirtualCandidate(c, conn)
	}
	if err != nil {
		return fmt.Errorf("transport: candidate: %w", err)
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
