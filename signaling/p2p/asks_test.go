package p2p

import (
	"fmt"
	"testing"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// Members who join and answer nothing cost each of them a bounded memory, also
// after they have left.
func TestUnansweredAsksAreBoundedPerMember(t *testing.T) {
	p := New()
	id := func(i int) protocol.MemberID { return protocol.MemberID(fmt.Sprint("m", i)) }
	const crowd = 3 * maxAsks
	for i := range crowd {
		p.Attach(id(i), media.Profile{Stage: true})
	}
	asked := 0
	for _, e := range p.Drain() {
		if _, ok := e.Msg.(*protocol.GetOffer); ok {
			asked++
		}
	}
	if want := crowd * (crowd - 1) / 2; asked != want {
		t.Errorf("%d getOffers, want %d: the bound is on what is remembered", asked, want)
	}
	for who, list := range p.asks.of {
		if len(list) > maxAsks {
			t.Errorf("%d asks of %s are remembered, want at most %d", len(list), who, maxAsks)
		}
	}
	if last := id(crowd - 1); !p.asks.open(id(0), last) {
		t.Error("the newest ask is forgotten")
	}
	for i := range crowd {
		p.Detach(id(i), nil)
	}
	if n := len(p.asks.of); n > maxDeparted {
		t.Errorf("asks of %d members who left are remembered, want at most %d", n, maxDeparted)
	}
}

// A getOffer to a newcomer is one message, so that the room encodes it once for
// everybody.
func TestNewcomersGetOfferIsShared(t *testing.T) {
	p := New()
	for _, id := range []protocol.MemberID{"a", "b", "c"} {
		p.Attach(id, media.Profile{Stage: true})
	}
	events := p.Drain()
	if n := len(events); n != 3 || events[1].Msg != events[2].Msg {
		t.Errorf("%d events; the last two are not the same message", n)
	}
}
