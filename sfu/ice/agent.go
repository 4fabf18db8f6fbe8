package ice

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/stun/v4"
)

// Bounds of one agent.
const (
	// maxSources is how many addresses are known: a browser has one for each
	// network interface, and each NAT or relay on the way makes one more. The one
	// that was silent for longest gives way.
	maxSources = 32
	// maxWaiting is how many requests wait for Start.
	maxWaiting = 16
	maxUfrag   = 256 // characters (RFC 8839 section 5.4)
	remembered = 4   // checks of one address whose answer still counts
)

// The times of checks.
const (
	// checkTries is how often an address is checked that never answered.
	checkTries = 6
	// checkAfter is the time from the first check to the second; it doubles
	// each time. RFC 8445 section 14.3 has 500 ms, which is felt when one is lost.
	checkAfter = 100 * time.Millisecond
	// yieldAfter is how long a client says nothing of its better address until
	// one that it nominates since, and that it prefers less, is used.
	yieldAfter = time.Second
)

// growthLimit bounds what goes to an address that is not proved: so many times
// the bytes that came from it.
const growthLimit = 2

// Credentials are one side's user name fragment and password.
type Credentials struct{ Ufrag, Password string }

// NewCredentials makes the server's (RFC 8445 section 5.3: at least 24 and 128
// random bits; these have 50 and 130).
func NewCredentials() Credentials { return Credentials{rand.Text()[:10], rand.Text()} }

// Timing is how long a client may be silent.
type Timing struct {
	Disconnected time.Duration // without an answer, until the state says so
	Failed       time.Duration // more, until it has failed
	Keepalive    time.Duration // between checks of the address in use
}

// State is how an agent fares.
type State uint8

// The states of an agent.
const (
	Checking     State = iota // no address is in use
	Connected                 // Selected is in use
	Disconnected              // it does not answer; it may again
	Failed                    // for good: the agent does nothing any more
)

// Packet is a message to be sent.
type Packet struct {
	Data []byte
	To   netip.AddrPort
}

// Outcome is what came of something.
type Outcome struct {
	Send   []Packet         // in this order
	Proved []netip.AddrPort // the client is there, from now on
}

// Agent is one ICE session of the server with one client. Its methods are called
// by one goroutine at a time; now is of a monotonic clock and never goes back.
type Agent struct {
	local, remote Credentials
	key           uint32
	clients       Addresses
	timing        Timing
	budget        *Budget

	role     role
	started  bool
	begun    time.Duration // Start
	state    State
	waiting  []Packet // requests that came before Start, and where from
	sources  []*source
	selected *source
	out      Outcome
}

// Config is what an agent needs.
type Config struct {
	Local   Credentials
	Key     uint32    // which finds the agent: KeyOf of an answer to one of its checks
	Clients Addresses // where a client can be
	Timing  Timing
	Budget  *Budget // of the connection
}

// New makes an agent, which answers nothing before Start.
func New(c Config) *Agent {
	var b [8]byte
	_, _ = rand.Read(b[:]) // which does not fail
	return &Agent{
		local: c.Local, key: c.Key, clients: c.Clients, timing: c.Timing, budget: c.Budget,
		role: role{tieBreaker: binary.BigEndian.Uint64(b[:])},
	}
}

// State is how the agent fares, as of the last call.
func (a *Agent) State() State { return a.state }

// Selected is the address in use; not valid while there is none.
func (a *Agent) Selected() netip.AddrPort {
	if a.selected == nil || a.state == Failed {
		return netip.AddrPort{}
	}
	return a.selected.at
}

// Start begins with the client's credentials: requests are answered now, also
// those that came before. The side that made the offer is the controlling one.
func (a *Agent) Start(remote Credentials, controlling bool, now time.Duration) (Outcome, error) {
	if remote.Ufrag == "" || remote.Password == "" || len(remote.Ufrag) > maxUfrag {
		return Outcome{}, errors.New("ice: the client's credentials are missing or too long")
	}
	a.remote, a.role.controlling = remote, controlling
	a.started, a.begun = true, now
	waiting := a.waiting
	a.waiting = nil
	for _, p := range waiting {
		a.take(p.Data, p.To, now)
	}
	return a.outcome(), nil
}

// SetRemote replaces the client's credentials.
func (a *Agent) SetRemote(remote Credentials) error {
	if remote.Ufrag == "" || remote.Password == "" || len(remote.Ufrag) > maxUfrag {
		return errors.New("ice: the client's credentials are missing or too long")
	}
	a.remote = remote
	return nil
}

// Take takes a STUN message, which it may change and does not keep.
func (a *Agent) Take(message []byte, from netip.AddrPort, now time.Duration) Outcome {
	a.take(message, from, now)
	return a.outcome()
}

func (a *Agent) outcome() Outcome {
	out := a.out
	a.out = Outcome{}
	return out
}

func (a *Agent) take(message []byte, from netip.AddrPort, now time.Duration) {
	m := &stun.Message{Raw: message}
	if a.state == Failed || !a.clients.MayBeClient(from) || m.Decode() != nil || m.Type.Method != stun.MethodBinding {
		return
	}
	switch m.Type.Class {
	case stun.ClassRequest:
		if stun.NewShortTermIntegrity(a.local.Password).Check(m) != nil {
			return
		}
		if !a.started {
			a.wait(message, from)
			return
		}
		a.takeRequest(m, from, now)
	case stun.ClassSuccessResponse, stun.ClassErrorResponse:
		if a.started && stun.NewShortTermIntegrity(a.remote.Password).Check(m) == nil {
			a.takeAnswer(m, from, now)
		}
	}
}

// wait keeps a request until Start: the latest of each address.
func (a *Agent) wait(message []byte, from netip.AddrPort) {
	p := Packet{slices.Clone(message), from}
	if i := slices.IndexFunc(a.waiting, func(w Packet) bool { return w.To == from }); i >= 0 {
		a.waiting[i] = p
	} else if len(a.waiting) < maxWaiting {
		a.waiting = append(a.waiting, p)
	}
}

// takeRequest deals with a request that knew the password.
func (a *Agent) takeRequest(m *stun.Message, from netip.AddrPort, now time.Duration) {
	s := a.source(from)
	s.heard, s.in, s.priority = now, s.in+len(m.Raw), priorityOf(m)
	if theirs, ok := roleOf(m); ok && theirs.controlling == a.role.controlling {
		// The greater tie-breaker controls (RFC 8445 section 7.3.1.1).
		if a.role.controlling == (a.role.tieBreaker >= theirs.tieBreaker) {
			a.answer(s, a.buildConflict(m))
			return
		}
		a.role.controlling = !a.role.controlling
	}
	// The check goes first: when the client has the answer it begins DTLS, which
	// is taken once the check is answered.
	nominates := m.Contains(stun.AttrUseCandidate)
	if nominates {
		s.nominated, s.wanted = now, true
	}
	if s != a.selected && (!s.proved || !a.isAlive(s, now) && (nominates || a.isSilent(now))) {
		a.checkIfDue(s, now)
	}
	a.answer(s, a.buildAnswer(m, from))
	if nominates {
		a.follow(s, now)
	}
}

// answer sends the answer to a request.
func (a *Agent) answer(s *source, message []byte) {
	if message != nil && s.allows(len(message)) {
		a.send(s, message)
	}
}

func (a *Agent) send(s *source, message []byte) {
	s.out += len(message)
	a.out.Send = append(a.out.Send, Packet{message, s.at})
}

// takeAnswer deals with the answer to a check of ours.
func (a *Agent) takeAnswer(m *stun.Message, from netip.AddrPort, now time.Duration) {
	i := slices.IndexFunc(a.sources, func(s *source) bool { return s.at == from })
	if i < 0 {
		return // RFC 8445 section 7.2.5.2.1: it comes from where the check went
	}
	s := a.sources[i]
	sent := s.answered(m.TransactionID)
	if sent == nil {
		return
	}
	first := !s.proved
	if first {
		s.proved = true
		a.budget.earn(s.at.Addr(), s.tries)
		a.out.Proved = append(a.out.Proved, s.at)
	}
	s.alive, s.tries, s.due = now, 0, now
	if m.Type.Class == stun.ClassErrorResponse {
		var code stun.ErrorCodeAttribute
		if code.GetFrom(m) == nil && code.Code == stun.CodeRoleConflict && sent.controlling == a.role.controlling {
			a.role.controlling = !a.role.controlling
			s.due = now + checkAfter
		}
		return
	}
	switch {
	case s == a.selected:
	case !a.role.controlling:
		if s.wanted || a.isSilent(now) {
			a.follow(s, now)
		} else if first && a.selected == nil {
			// Some clients nominate when they are checked, or else at their next
			// beat: pion's, 200 ms later. The first check came before our answer.
			a.check(s, false, now)
		}
	case a.selected != nil && !a.isSilent(now):
	case sent.nominates:
		a.selected = s
	default:
		a.check(s, true, now)
	}
	a.settle(now)
}

// follow uses an address that the client nominated, or moved to, once an answer
// came from there.
func (a *Agent) follow(s *source, now time.Duration) {
	was := a.selected
	if a.role.controlling || s == was || !s.proved || !a.isAlive(s, now) {
		return
	}
	// One nomination is all that RFC 8445 section 8.1.1 has. Browsers go on to
	// nominate when they move; those of RFC 5245 may nominate several addresses
	// at once, and mean the best.
	if was == nil || s.priority >= was.priority || now-was.nominated > yieldAfter || a.isSilent(now) {
		a.selected = s
		a.settle(now)
	}
}

// source finds an address, or makes room for a new one.
func (a *Agent) source(at netip.AddrPort) *source {
	for _, s := range a.sources {
		if s.at == at {
			return s
		}
	}
	if len(a.sources) >= maxSources {
		oldest := -1
		for i, s := range a.sources {
			if s != a.selected && (oldest < 0 || s.heard < a.sources[oldest].heard) {
				oldest = i
			}
		}
		a.sources = slices.Delete(a.sources, oldest, oldest+1)
	}
	s := &source{at: at}
	a.sources = append(a.sources, s)
	return s
}
