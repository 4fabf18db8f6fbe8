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
