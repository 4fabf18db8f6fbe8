package ice

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

var (
	victim   = netip.MustParseAddrPort("203.0.113.9:5000")
	home     = netip.MustParseAddrPort("198.51.100.1:1000")
	mobile   = netip.MustParseAddrPort("198.51.100.2:2000")
	ownPort  = uint16(7882)
	ownAddrs = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.168.1.1")}
	timing   = Timing{Disconnected: 5 * time.Second, Failed: 10 * time.Second, Keepalive: time.Second}
	client   = Credentials{"clnt", "passwordpasswordpassword"}
	amply    = Limits{Each: 1000, EachForgive: time.Second, All: 1000, AllForgive: time.Second}
)

// world is an agent, its client and the time.
type world struct {
	t     *testing.T
	agent *Agent
	now   time.Duration
	sent  []Packet // by the agent, ever
	seen  int      // of them, by the client
	// proved are the addresses, in order.
	proved []netip.AddrPort
}

func newWorld(t *testing.T, budget *Budget) *world {
	return &world{t: t, now: time.Hour, agent: New(Config{
		Local: NewCredentials(), Key: 77, Clients: NewAddresses(ownAddrs, ownPort), Timing: timing, Budget: budget,
	})}
}

// started is a world whose agent has the client's credentials.
func started(t *testing.T, controlling bool) *world {
	w := newWorld(t, NewBudget(amply, nil))
	w.start(controlling)
	return w
}

func (w *world) start(controlling bool) {
	out, err := w.agent.Start(client, controlling, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.note(out)
}

func (w *world) note(out Outcome) {
	w.sent = append(w.sent, out.Send...)
	w.proved = append(w.proved, out.Proved...)
}

// pass lets time pass, as the endpoint's clock does.
func (w *world) pass(d time.Duration) {
	end := w.now + d
	for {
		due := w.agent.Due()
		if due > end {
			break
		}
		w.now = max(due, w.now+time.Millisecond)
		out, next := w.agent.Tick(w.now)
		w.note(out)
		if next <= w.now {
			w.t.Fatalf("at %v the agent wants to be called again at %v", w.now, next)
		}
	}
	w.now = max(end, w.now)
}

// option changes a client's request.
type option func(m *stun.Message)

func nominating(m *stun.Message) { m.Add(stun.AttrUseCandidate, nil) }

func preferring(priority uint32) option {
	return func(m *stun.Message) { m.Add(stun.AttrPriority, binary.BigEndian.AppendUint32(nil, priority)) }
}

func as(r role) option { return func(m *stun.Message) { _ = r.AddTo(m) } }

// request sends a client's request; it gives its size.
func (w *world) request(from netip.AddrPort, options ...option) int {
	m := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(w.agent.local.Ufrag+":"+client.Ufrag))
	for _, o := range options {
		o(m)
	}
	if !m.Contains(stun.AttrPriority) {
		preferring(1)(m)
	}
	_ = stun.NewShortTermIntegrity(w.agent.local.Password).AddTo(m)
	_ = stun.Fingerprint.AddTo(m)
	w.note(w.agent.Take(slices.Clone(m.Raw), from, w.now))
	return len(m.Raw)
}

// answer has the client at some addresses answer the checks that came there since
// the last time.
func (w *world) answer(at ...netip.AddrPort) {
	for ; w.seen < len(w.sent); w.seen++ {
		p := w.sent[w.seen]
		if slices.Contains(at, p.To) {
			w.reply(p, p.To, stun.BindingSuccess)
		}
	}
}

// reply answers a packet, if it is a check.
func (w *world) reply(p Packet, from netip.AddrPort, kind stun.MessageType, more ...stun.Setter) {
	m := decode(w.t, p.Data)
	if m.Type != stun.BindingRequest {
		return
	}
	if err := stun.NewShortTermIntegrity(client.Password).Check(m); err != nil {
		w.t.Fatalf("a check: %v", err)
	}
	parts := append([]stun.Setter{m, kind}, more...)
	reply := stun.MustBuild(append(parts, stun.NewShortTermIntegrity(client.Password), stun.Fingerprint)...)
	w.note(w.agent.Take(reply.Raw, from, w.now))
}

func decode(t *testing.T, data []byte) *stun.Message {
	t.Helper()
	m := &stun.Message{Raw: slices.Clone(data)}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	return m
}

// checks counts the checks that were sent to an address, bytes all bytes.
func (w *world) checks(to netip.AddrPort) (n, bytes int) {
	for _, p := range w.sent {
		if p.To == to {
			bytes += len(p.Data)
			if decode(w.t, p.Data).Type == stun.BindingRequest {
				n++
			}
		}
	}
	return n, bytes
}

// connected is a world with a client that is at home.
func connected(t *testing.T, controlling bool) *world {
	w := started(t, controlling)
	if controlling {
		w.request(home)
		w.answer(home) // the check
		w.answer(home) // the nomination
	} else {
		w.request(home, nominating)
		w.answer(home)
	}
	if w.agent.State() != Connected || w.agent.Selected() != home {
		t.Fatalf("the agent is %v, at %v", w.agent.State(), w.agent.Selected())
	}
	return w
}

// live has time pass for a client that is at some addresses.
func (w *world) live(d time.Duration, at ...netip.AddrPort) {
	for end := w.now + d; w.now < end; {
		w.pass(50 * time.Millisecond)
		w.answer(at...)
	}
}

// The server sends nothing before a client's request came, however long it waits.
func TestNeverCallsFirst(t *testing.T) {
	for _, controlling := range []bool{true, false} {
		w := started(t, controlling)
		w.pass(time.Minute)
		if len(w.sent) > 0 {
			t.Errorf("it sends %d packets", len(w.sent))
		}
		if w.agent.State() != Failed {
			t.Errorf("a client that never comes: %v", w.agent.State())
		}
	}
}

// A request with the right password from a forged address draws one answer for each
// request, a handful of checks, and never more than twice its bytes. It proves
// nothing.
func TestForgedRequestGetsLittle(t *testing.T) {
	for _, many := range []int{1, 10, 1000} {
		w := started(t, many%2 == 0)
		in := 0
		for range many {
			in += w.request(victim, nominating)
			w.pass(3 * time.Millisecond)
			if s := w.agent.sources[0]; s.out > growthLimit*in {
				t.Fatalf("%d bytes for %d", s.out, in)
			}
		}
		w.pass(10 * time.Second)
		n, out := w.checks(victim)
		if n < 1 || n > checkTries || out > growthLimit*in || many > 100 && out > in {
			t.Errorf("%d requests of %d bytes draw %d checks and %d bytes", many, in, n, out)
		}
		if len(w.proved) > 0 || w.agent.Selected().IsValid() {
			t.Errorf("%v is proved, %v selected", w.proved, w.agent.Selected())
		}
	}
}

// Checks that are not answered come further and further apart.
func TestChecksBackOff(t *testing.T) {
	w := started(t, true)
	w.request(home)
	var gaps []time.Duration
	last, n := w.now, 1
	for range 1000 {
		w.pass(10 * time.Millisecond)
		if now, _ := w.checks(home); now > n {
			gaps, last, n = append(gaps, w.now-last), w.now, now
		}
		w.request(home) // it goes on to ask, and is not heard
	}
	if len(gaps) != checkTries-1 {
		t.Fatalf("%d checks", len(gaps)+1)
	}
	for i, gap := range gaps {
		if want := checkAfter << i; gap < want || gap > want+20*time.Millisecond {
			t.Errorf("check %d comes %v after the one before, want %v", i+2, gap, want)
		}
	}
}

// Only an answer that could not be guessed, from where the check went and by the
// client, proves an address.
func TestOnlyAnAnswerProves(t *testing.T) {
	w := started(t, true)
	w.request(home)
	check := w.sent[0]
	wrong := decode(t, check.Data)
	wrong.TransactionID[11]++
	for name, message := range map[string][]byte{
		"another transaction": stun.MustBuild(wrong, stun.BindingSuccess, stun.NewShortTermIntegrity(client.Password)).Raw,
		"another password":    stun.MustBuild(decode(t, check.Data), stun.BindingSuccess, stun.NewShortTermIntegrity("x")).Raw,
		"no password":         stun.MustBuild(decode(t, check.Data), stun.BindingSuccess).Raw,
	} {
		if w.note(w.agent.Take(message, home, w.now)); len(w.proved) > 0 {
			t.Errorf("%s proves an address", name)
		}
	}
	if w.reply(check, mobile, stun.BindingSuccess); len(w.proved) > 0 {
		t.Error("an answer from elsewhere proves an address")
	}
	w.reply(check, home, stun.BindingSuccess)
	if !slices.Equal(w.proved, []netip.AddrPort{home}) {
		t.Errorf("%v is proved", w.proved)
	}
	if key, ok := KeyOf(check.Data); !ok || key != 77 {
		t.Errorf("the check's key is %d", key)
	}
}

// The check goes before the answer, so that what a client sends when it has the
// answer comes from a proved address.
func TestCheckGoesBeforeTheAnswer(t *testing.T) {
	w := newWorld(t, NewBudget(amply, nil))
	w.request(home) // before the client's description has come
	w.request(mobile)
	if len(w.sent) > 0 {
		t.Fatal("an agent without the client's password answers")
	}
	w.start(false)
	if len(w.sent) != 4 {
		t.Fatalf("%d packets", len(w.sent))
	}
	for i, want := range []stun.MessageType{stun.BindingRequest, stun.BindingSuccess, stun.BindingRequest, stun.BindingSuccess} {
		if got := decode(t, w.sent[i].Data).Type; got != want {
			t.Errorf("packet %d is a %v", i, got)
		}
	}
}

// A forged request neither moves nor keeps alive what a client has.
func TestForgedRequestMovesNothing(t *testing.T) {
	for _, controlling := range []bool{true, false} {
		w := connected(t, controlling)
		for range 40 {
			w.request(victim, nominating, preferring(1<<31))
			w.live(100*time.Millisecond, home)
		}
		if w.agent.Selected() != home || w.agent.State() != Connected {
			t.Errorf("it moved to %v, %v", w.agent.Selected(), w.agent.State())
		}
		for range 200 { // the client goes, and its requests are forged
			w.request(home, nominating)
			w.pass(100 * time.Millisecond)
		}
		if w.agent.State() != Failed {
			t.Errorf("without an answer for 20 s it is %v", w.agent.State())
		}
	}
}

// ICE restarts do not renew what a connection may spend on addresses that never
// answer, and many connections share a bound for one host and one for all.
func TestBudgetsHold(t *testing.T) {
	limits := Limits{Each: 5, EachForgive: time.Second, All: 8, AllForgive: time.Second}
	spent := func(budgets ...*Budget) (one, all int) {
		for i, b := range budgets {
			w := newWorld(t, b)
			w.start(i%2 == 0)
			for _, at := range []netip.AddrPort{victim, home} {
				for port := range uint16(20) {
					w.request(netip.AddrPortFrom(at.Addr(), 1000+port))
				}
			}
			for _, p := range w.sent {
				if decode(t, p.Data).Type == stun.BindingRequest {
					all++
					if p.To.Addr() == victim.Addr() {
						one++
					}
				}
			}
		}
		return one, all
	}
	connection := NewBudget(limits, NewBudget(amply, nil))
	if one, all := spent(connection, connection, connection); one != limits.Each || all != limits.All {
		t.Errorf("three ICE sessions of one connection send %d checks to one host, %d in all", one, all)
	}
	server := NewBudget(limits, nil)
	if one, all := spent(NewBudget(amply, server), NewBudget(amply, server), NewBudget(amply, server)); one != limits.Each || all != limits.All {
		t.Errorf("three connections send %d checks to one host, %d in all", one, all)
	}
}

// Addresses that answer cost nothing, so that a crowd behind one NAT comes in.
func TestAnsweredChecksAreFree(t *testing.T) {
	budget := NewBudget(Limits{Each: 2, EachForgive: time.Hour, All: 2, AllForgive: time.Hour}, nil)
	for range 100 {
		w := newWorld(t, NewBudget(amply, budget))
		w.start(false)
		w.request(home, nominating)
		w.answer(home)
		if w.agent.State() != Connected {
			t.Fatal("a client that answers is refused")
		}
	}
	if len(budget.each) > 0 || budget.all.checks != 0 {
		t.Errorf("%v and %v are left", budget.each, budget.all)
	}
}

// What is not answered is forgiven with time.
func TestBudgetForgives(t *testing.T) {
	b := NewBudget(Limits{Each: 4, EachForgive: time.Second, All: 6, AllForgive: time.Second}, nil)
	take := func(at netip.Addr, now time.Duration) (n int) {
		for b.spend(at, now) {
			n++
		}
		return n
	}
	if n := take(home.Addr(), 0); n != 4 {
		t.Errorf("%d at first", n)
	}
	if n := take(home.Addr(), 2500*time.Millisecond); n != 2 {
		t.Errorf("%d after 2.5 s", n)
	}
	if n := take(mobile.Addr(), 3*time.Second); n != 3 {
		t.Errorf("%d of another host after 3 s", n)
	}
	if n := take(home.Addr(), time.Hour); n != 4 {
		t.Errorf("%d after an hour", n)
	}
}

// Where a client can be.
func TestAddresses(t *testing.T) {
	lan := NewAddresses(ownAddrs, ownPort)
	public := NewAddresses(ownAddrs[:1], ownPort)
	for _, c := range []struct {
		at          string
		lan, public bool
	}{
		{"203.0.113.9:5000", true, true},
		{"[2001:db8::9]:5000", true, true},
		{"192.168.7.9:5000", true, false},
		{"10.1.2.3:5000", true, false},
		{"100.64.0.1:5000", true, false},
		{"127.0.0.1:5000", true, false},
		{"[::ffff:127.0.0.1]:5000", true, false},
		{"169.254.7.9:5000", false, false},
		{"169.254.169.254:80", false, false},
		{"[fd00:ec2::254]:80", false, false},
		{"[fe80::1]:5000", false, false},
		{"[fd12::1]:5000", false, false}, // it has IPv4 ones only
		{"[::1]:5000", false, false},
		{"224.0.0.1:5000", false, false},
		{"[ff02::1]:5000", false, false},
		{"255.255.255.255:5000", false, false},
		{"0.0.0.0:5000", false, false},
		{"203.0.113.9:0", false, false},
		{"192.0.2.1:7882", false, false}, // the server's own port
		{"192.0.2.1:7883", true, true},   // a client on its machine
	} {
		at := netip.MustParseAddrPort(c.at)
		if got := lan.MayBeClient(at); got != c.lan {
			t.Errorf("a server with a private address: %s may be a client's: %v", at, got)
		}
		if got := public.MayBeClient(at); got != c.public {
			t.Errorf("a server with public addresses: %s may be a client's: %v", at, got)
		}
	}
	w := started(t, true)
	for _, at := range []string{"169.254.169.254:80", "255.255.255.255:9", "224.0.0.1:9", "192.0.2.1:7882"} {
		w.request(netip.MustParseAddrPort(at))
	}
	if len(w.sent) > 0 {
		t.Errorf("%v is sent to", w.sent[0].To)
	}
}

// A connection costs one check each keepalive interval, and lives as long as they
// are answered.
func TestConsent(t *testing.T) {
	for _, controlling := range []bool{true, false} {
		w := connected(t, controlling)
		before, _ := w.checks(home)
		w.live(10*time.Second, home)
		if after, _ := w.checks(home); after-before < 9 || after-before > 10 {
			t.Errorf("%d checks in 10 s", after-before)
		}
		w.pass(timing.Disconnected)
		if s := w.agent.State(); s != Disconnected || w.agent.Selected() != home {
			t.Errorf("after 5 s without an answer it is %v", s)
		}
		w.live(2*time.Second, home)
		if s := w.agent.State(); s != Connected {
			t.Errorf("with an answer it is %v", s)
		}
		w.pass(timing.Disconnected + timing.Failed)
		if s := w.agent.State(); s != Failed || w.agent.Selected().IsValid() {
			t.Errorf("after 15 s without an answer it is %v", s)
		}
		before = len(w.sent)
		w.request(home)
		w.pass(time.Minute)
		if len(w.sent) > before || w.agent.Due() != Never {
			t.Error("an agent that failed goes on")
		}
	}
}

// A client that moves is followed: at once if it says so and the old address is
// worse or no more, and without a word when the old address is silent.
func TestClientMoves(t *testing.T) {
	for _, c := range []struct {
		name        string
		controlling bool // the server
		options     []option
		stays       bool // the client, at home as well
		after       time.Duration
	}{
		{"nominates what it prefers", false, []option{nominating, preferring(9)}, true, 100 * time.Millisecond},
		{"nominates what it prefers less", false, []option{nominating, preferring(0)}, true, 2 * time.Second},
		{"is elsewhere, and says nothing", false, nil, false, 5 * time.Second},
		{"is elsewhere, and the server nominates", true, nil, false, 5 * time.Second},
	} {
		w := connected(t, c.controlling)
		begun := w.now
		for w.agent.Selected() != mobile && w.now-begun < 10*time.Second {
			w.request(mobile, c.options...)
			if c.stays {
				w.live(100*time.Millisecond, home, mobile)
			} else {
				w.live(100*time.Millisecond, mobile)
			}
		}
		if d := w.now - begun; d > c.after || w.agent.Selected() != mobile {
			t.Errorf("%s: it is followed after %v, to %v", c.name, d, w.agent.Selected())
		}
		if w.agent.State() != Connected {
			t.Errorf("%s: then it is %v", c.name, w.agent.State())
		}
	}
	// An address that is only tried is not moved to.
	for _, controlling := range []bool{true, false} {
		w := connected(t, controlling)
		for range 100 {
			w.request(mobile)
			w.live(100*time.Millisecond, home, mobile)
		}
		if w.agent.Selected() != home {
			t.Error("it moves to an address that was not nominated")
		}
	}
}

// Both sides think that they control: the greater tie-breaker does.
func TestRoleConflict(t *testing.T) {
	for _, controlling := range []bool{true, false} {
		for _, theirs := range []uint64{0, 1<<64 - 1} {
			w := started(t, controlling)
			w.request(home, as(role{controlling, theirs}))
			wins := theirs == 0 // the server
			first := w.sent[len(w.sent)-1]
			conflict := decode(t, first.Data).Type == stun.BindingError
			if want := controlling == wins; conflict != want {
				t.Errorf("controlling %v, wins %v: refused %v", controlling, wins, conflict)
			}
			if !conflict && w.agent.role.controlling != wins {
				t.Errorf("the server controls: %v", w.agent.role.controlling)
			}
		}
		// The client refuses.
		w := started(t, controlling)
		w.request(home, nominating)
		w.reply(w.sent[0], home, stun.BindingError, stun.CodeRoleConflict)
		if w.agent.role.controlling == controlling {
			t.Error("a refusal changes nothing")
		}
		w.live(time.Second, home)
		if w.request(home, nominating); w.agent.State() != Connected {
			t.Errorf("after a role conflict it is %v", w.agent.State())
		}
	}
}

// A client that controls is checked once more when the server has proof, so that it
// can nominate then.
func TestClientIsCheckedAgainWhenItHasTheAnswer(t *testing.T) {
	w := started(t, false)
	w.request(home)
	w.answer(home)
	types := []stun.MessageType{stun.BindingRequest, stun.BindingSuccess, stun.BindingRequest}
	if len(w.sent) != len(types) {
		t.Fatalf("%d packets", len(w.sent))
	}
	for i, want := range types {
		if got := decode(t, w.sent[i].Data).Type; got != want {
			t.Errorf("packet %d is a %v", i, got)
		}
	}
	w.answer(home)
	if len(w.sent) != len(types) {
		t.Error("and again, without end")
	}
	if w.request(home, nominating); w.agent.Selected() != home {
		t.Error("its nomination is not taken")
	}
}

// What one agent keeps is bounded, whatever comes.
func TestAgentIsBounded(t *testing.T) {
	w := newWorld(t, NewBudget(amply, nil))
	for port := range uint16(1000) {
		w.request(netip.AddrPortFrom(victim.Addr(), port+1))
		w.request(home)
	}
	if len(w.agent.waiting) != maxWaiting {
		t.Errorf("%d requests wait", len(w.agent.waiting))
	}
	w.start(false)
	w.request(home, nominating)
	w.answer(home)
	for port := range uint16(1000) {
		w.request(netip.AddrPortFrom(victim.Addr(), port+1))
	}
	if len(w.agent.sources) != maxSources || w.agent.Selected() != home {
		t.Errorf("%d addresses are known, %v is in use", len(w.agent.sources), w.agent.Selected())
	}
	for _, bad := range []Credentials{{}, {"x", ""}, {"", "x"}, {string(make([]byte, maxUfrag+1)), "x"}} {
		if _, err := New(Config{}).Start(bad, true, 0); err == nil {
			t.Error("an agent begins without credentials")
		}
		if w.agent.SetRemote(bad) == nil {
			t.Error("an agent goes on without credentials")
		}
	}
}

// No message does harm, or draws more bytes than twice its own.
func FuzzTake(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false)
	f.Add(stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername("a:b"), useCandidateIs(true), role{true, 1}).Raw, true)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		w := started(t, false)
		if sign { // by a client that means harm
			m := &stun.Message{Raw: slices.Clone(data)}
			if m.Decode() != nil {
				return
			}
			m.Raw = m.Raw[:20+m.Length]
			_ = stun.NewShortTermIntegrity(w.agent.local.Password).AddTo(m)
			data = m.Raw
		}
		in := len(data)
		w.note(w.agent.Take(slices.Clone(data), victim, w.now))
		w.pass(10 * time.Second)
		if _, out := w.checks(victim); out > growthLimit*in || len(w.proved) > 0 {
			t.Errorf("%d bytes draw %d, and prove %v", in, out, w.proved)
		}
	})
}
