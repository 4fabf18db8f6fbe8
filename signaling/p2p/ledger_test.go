package p2p_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

func offer(c protocol.ConnectorID, to protocol.MemberID, stream protocol.StreamType) *protocol.Offer {
	return &protocol.Offer{Connector: c, Member: to, StreamType: stream, Offer: protocol.Description{Type: "offer"}}
}

func answer(remote protocol.ConnectorID, to protocol.MemberID, own protocol.ConnectorID) *protocol.Answer {
	return &protocol.Answer{Remote: remote, Connector: own, Member: to, Answer: protocol.Description{Type: "answer"}}
}

func signal(t *testing.T, p *p2p.Plane, from protocol.MemberID, s protocol.Signal) {
	t.Helper()
	if err := p.Signal(from, s); err != nil {
		t.Fatal(err)
	}
}

// asked gives who is asked for an offer, as "who>to".
func asked(events []media.Event) []string {
	var list []string
	for _, e := range events {
		if g, ok := e.Msg.(*protocol.GetOffer); ok {
			list = append(list, string(e.To)+">"+string(g.Member))
		}
	}
	return list
}

func TestKnows(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	know := func(want bool, from protocol.MemberID, s protocol.Signal) {
		t.Helper()
		if got := p.Knows(from, s); got != want {
			t.Errorf("Knows(%s, %s %+v) = %v, want %v", from, s.Event(), s, got, want)
		}
	}
	know(true, "a", offer("x", "b", "user"))
	know(false, "b", offer("x", "a", "user")) // nobody asked it
	signal(t, p, "a", offer("x", "b", "user"))
	know(true, "a", offer("x", "b", "user"))   // the same connector again
	know(false, "a", offer("x2", "b", "user")) // the getOffer is answered

	know(true, "b", answer("x", "a", "y"))
	know(false, "b", answer("z", "a", "y"))
	know(false, "a", answer("x", "a", "y"))
	candidate := &protocol.ICECandidate{Remote: "x", Member: "a", Candidate: json.RawMessage(`{}`)}
	know(true, "b", candidate)
	know(false, "a", candidate)
	work := &protocol.ReconnectWork{Type: "getOffer", Connector: "y", Member: "a"}
	know(false, "b", work)
	signal(t, p, "b", answer("x", "a", "y"))
	know(true, "b", work)

	// A getOffer that a connector has made needless waits for no offer.
	p.AskAgain("a")
	know(false, "a", offer("x3", "b", "user"))
	p.Detach("a", nil)
	know(true, "b", candidate) // it has just ended
	know(false, "b", work)
}

func TestScreenIsOfferedOnlyWhenAsked(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true, Shares: true})
	if got, want := asked(p.Drain()), []string{"b>a"}; !slices.Equal(got, want) {
		t.Errorf("asked %v, want %v: the one who shares offers", got, want)
	}
	if p.Shares("a") || !p.Shares("b") {
		t.Error("b is the one who shares")
	}
	p.Attach("c", media.Profile{Stage: true, Shares: true})
	if got, want := asked(p.Drain()), []string{"c>a", "b>c", "c>b"}; !slices.Equal(got, want) {
		t.Errorf("asked %v, want %v: two who share are both asked", got, want)
	}
	signal(t, p, "a", offer("d", "b", "display"))
	if !p.Shares("a") {
		t.Error("a offers its screen")
	}
}

// Of two offers that cross, one connector is left.
func TestOffersThatCross(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true, Shares: true})
	p.Attach("b", media.Profile{Stage: true, Shares: true})
	p.Drain()
	signal(t, p, "a", offer("x", "b", "user"))
	signal(t, p, "b", offer("y", "a", "user"))
	events := p.Drain()
	gone, ok := events[1].Msg.(*protocol.ConnectorGone)
	if len(events) != 2 || !ok || events[1].To != "b" || gone.Connector != "y" {
		t.Errorf("got %+v, want the surplus connector ended", events)
	}
}

func TestReportsOfConnectors(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	signal(t, p, "a", offer("x", "b", "user"))
	if p.Answered("a", "b") {
		t.Error("nobody answered yet")
	}
	signal(t, p, "b", answer("x", "a", "y"))
	if !p.Answered("a", "b") || !p.Answered("b", "a") {
		t.Error("it is answered, seen from both ends")
	}
	say := func(id protocol.MemberID, c protocol.ConnectorID, state string) {
		p.Report(id, &protocol.Report{Connector: c, State: state})
	}
	say("a", "y", protocol.ReportFailed) // not its own
	say("a", "x", protocol.ReportConnected)
	if !p.Connected("a", "b") || p.Connected("b", "a") {
		t.Error("only a said that it is connected")
	}
	if _, _, ok := p.Failed(); ok {
		t.Error("nobody said that its own connector failed")
	}
	say("b", "y", protocol.ReportFailed)
	if a, b, ok := p.Failed(); !ok || a != "a" || b != "b" {
		t.Errorf("Failed() = %s, %s, %v", a, b, ok)
	}
	say("b", "y", protocol.ReportConnected)
	if _, _, ok := p.Failed(); ok {
		t.Error("b took it back")
	}
}

func TestFirefox(t *testing.T) {
	for sdp, want := range map[string]bool{
		"v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 1 0 IN IP4 0.0.0.0\r\n":       true,
		"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=max-message-size:262144\r\n":     false,
		"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=max-message-size:1073741823\r\n": true,
		"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\na=max-message-size:0\r\n":          true,
		"v=0\r\ns=o=mozilla\r\n": false,
		"":                       false,
	} {
		if got := p2p.Firefox(protocol.Description{SDP: sdp}); got != want {
			t.Errorf("Firefox(%q) = %v", strings.TrimSpace(sdp), got)
		}
	}
}
