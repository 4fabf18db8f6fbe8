package ice

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

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
	const beat = 100 * time.Millisecond
	for _, c := range []struct {
		name        string
		controlling bool // the server
		options     []option
		stays       bool // the client, at home as well
		every       time.Duration
		after       time.Duration
	}{
		{"nominates what it prefers", false, []option{nominating, preferring(9)}, true, beat, 100 * time.Millisecond},
		{"nominates what it prefers less", false, []option{nominating, preferring(0)}, true, beat, 2 * time.Second},
		{"is elsewhere, and says nothing", false, nil, false, beat, 5 * time.Second},
		{"is elsewhere, and the server nominates", true, nil, false, beat, 3 * time.Second},
		{"is elsewhere, says so seldom, and the server nominates", true, nil, false, 2500 * time.Millisecond, 3 * time.Second},
	} {
		w := connected(t, c.controlling)
		begun := w.now
		for w.agent.Selected() != mobile && w.now-begun < 10*time.Second {
			if (w.now-begun)%c.every == 0 {
				w.request(mobile, c.options...)
			}
			if c.stays {
				w.live(beat, home, mobile)
			} else {
				w.live(beat, mobile)
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
