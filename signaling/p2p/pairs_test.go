package p2p_test

import (
	"slices"
	"testing"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

// gone gives the connectors that members are told have ended, as "who:connector".
func gone(events []media.Event) []string {
	var list []string
	for _, e := range events {
		if g, ok := e.Msg.(*protocol.ConnectorGone); ok {
			list = append(list, string(e.To)+":"+string(g.Connector))
		}
	}
	slices.Sort(list)
	return list
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestPartedUntilTheyMeet: two members who are parted have no connector with
// each other, whatever they were asked for before or miss; others keep theirs.
func TestPartedUntilTheyMeet(t *testing.T) {
	p := p2p.New()
	for _, id := range []protocol.MemberID{"a", "b", "c"} {
		p.Attach(id, media.Profile{Stage: true})
	}
	signal(t, p, "a", offer("ab", "b", "user"))
	signal(t, p, "b", answer("ab", "a", "ba"))
	signal(t, p, "a", offer("abs", "b", "display"))
	signal(t, p, "b", answer("abs", "a", "bas"))
	signal(t, p, "a", offer("ac", "c", "user"))
	signal(t, p, "c", answer("ac", "a", "ca"))
	p.Drain()
	if got := p.Connector("b", "a"); got != "ba" {
		t.Errorf("b's connector to a is %q, want ba", got)
	}

	p.Part("b", "a")
	wantList(t, "parted", gone(p.Drain()), "a:ab", "a:abs", "b:ba", "b:bas")
	if p.Answered("a", "b") || !p.Answered("a", "c") {
		t.Error("a and b are connected, or a and c are not any more")
	}

	p.Part("b", "c") // b has been asked and has not offered yet
	p.Drain()
	if o := offer("bc", "c", "user"); !p.Knows("b", o) {
		t.Error("an offer that was asked for before the two were parted is not known")
	} else {
		signal(t, p, "b", o)
	}
	events := p.Drain()
	wantList(t, "a late offer", gone(events), "b:bc")
	if len(events) != 1 {
		t.Errorf("a late offer is relayed: %v", events)
	}
	p.Return("b", media.Return{})
	wantList(t, "one returns", asked(p.Drain()))

	p.Meet("b", "a")
	p.Meet("a", "b")
	wantList(t, "they meet", asked(p.Drain()), "b>a")
	signal(t, p, "b", offer("ba2", "a", "user"))
	signal(t, p, "a", answer("ba2", "b", "ab2"))
	if !p.Answered("a", "b") {
		t.Error("they met, and are not connected")
	}
}

// TestPartedOneLeaves: a member that comes back under the same id is a stranger.
func TestPartedOneLeaves(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	p.Part("a", "b")
	p.Detach("b", nil)
	p.Drain()
	p.Attach("b", media.Profile{Stage: true})
	wantList(t, "it comes again", asked(p.Drain()), "a>b")
	signal(t, p, "a", offer("ab", "b", "user"))
	signal(t, p, "b", answer("ab", "a", "ba"))
	if !p.Answered("a", "b") {
		t.Error("they are not connected")
	}
}
