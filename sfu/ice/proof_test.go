package ice

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

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
