package downlink

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

// checkEvery is the time between two checks of the same address, until one
// passed.
const checkEvery = 100 * time.Millisecond

// priority is that of a peer reflexive candidate (RFC 8445 section 5.1.2), as
// a check says it.
const priority = 110<<24 | 65535<<8 | 255

// find checks the addresses of the other side until packets pass.
func (p *Peer) find(ctx context.Context) error {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		p.check()
		select {
		case <-p.up:
			return nil
		case <-ticker.C:
		case <-ctx.Done():
			return errors.New("downlink: no address of the other side answers")
		}
	}
}

// check asks every address of the other side whether it is there. It is never
// needed, as the other side checks too; but it lets that one know at once where
// this one is.
func (p *Peer) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, to := range p.candidates {
		p.checkOne(to)
	}
}

// checkOne asks one address; mu is held.
func (p *Peer) checkOne(to netip.AddrPort) {
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID,
		stun.NewUsername(p.remote.ufrag+":"+p.local.ufrag), ice.AttrControlled(p.ssrc), ice.PriorityAttr(priority),
		stun.NewShortTermIntegrity(p.remote.password), stun.Fingerprint)
	if err == nil {
		p.socket.write(m.Raw, to)
	}
}

// takeSTUN takes a check of the other side, or its answer to one; mu is held.
func (p *Peer) takeSTUN(b []byte, from netip.AddrPort) {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if m.Decode() != nil {
		return
	}
	switch m.Type {
	case stun.BindingRequest:
		p.takeCheck(m, from)
	case stun.BindingSuccess:
		if stun.NewShortTermIntegrity(p.remote.password).Check(m) == nil {
			p.reach(from, false)
		}
	}
}

// takeCheck answers a check; mu is held. Until the other side has nominated an
// address it is checked in turn (RFC 8445 section 7.3.1.4), which has pion
// nominate it now and not at its next beat.
func (p *Peer) takeCheck(m *stun.Message, from netip.AddrPort) {
	var name stun.Username
	if name.GetFrom(m) != nil {
		return
	}
	ufrag, _, _ := strings.Cut(name.String(), ":")
	of := p.local
	if ufrag == p.before.ufrag && ufrag != "" {
		of = p.before
	}
	integrity := stun.NewShortTermIntegrity(of.password)
	if ufrag != of.ufrag || integrity.Check(m) != nil {
		return
	}
	answer, err := stun.Build(m, stun.BindingSuccess,
		&stun.XORMappedAddress{IP: from.Addr().AsSlice(), Port: int(from.Port())}, integrity, stun.Fingerprint)
	if err != nil {
		return
	}
	p.socket.write(answer.Raw, from)
	nominated := m.Contains(stun.AttrUseCandidate)
	p.reach(from, nominated)
	if p.nominated = p.nominated || nominated; !p.nominated {
		p.checkOne(from)
	}
}

// reach notes that packets pass between here and an address; mu is held. The
// one that the controlling side nominates is used.
func (p *Peer) reach(at netip.AddrPort, nominated bool) {
	if nominated || !p.to.IsValid() {
		p.to = at
	}
	if !p.isUp {
		p.isUp = true
		close(p.up)
	}
}
