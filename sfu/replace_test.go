package sfu

import (
	"log/slog"
	"strings"
	"testing"

	"lectern/sfu/description"
	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// A connector whose description has grown too large is replaced once, however
// much changes before its client has answered the offer of the new one, and
// also if the new one has to be replaced in turn.
func TestLargeConnectorIsReplacedOnce(t *testing.T) {
	var made []*connector
	p := newPlane(slog.New(slog.DiscardHandler), identity{fingerprint: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")},
		func(e events, _ *outlet, _ []*box) link {
			made = append(made, e.(*connector))
			e.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword"}, nil)
			return idleLink{}
		})
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	answerAll := func() {
		for _, e := range p.Drain() {
			if o, ok := e.Msg.(*protocol.RelayedOffer); ok {
				d, err := description.Parse(o.Offer.SDP)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Signal(e.To, &protocol.Answer{
					Remote: o.Remote, Connector: "x" + o.Remote, Member: o.Member,
					Answer: protocol.Description{Type: "answer", SDP: sdpOf("video sendrecv, audio sendrecv, app", d)},
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	answerAll()
	c := made[0]
	c.stateChanged(transport.Connected)
	c.channelOpened()
	p.Drain()
	for len(c.sections) <= maxSections {
		c.grow(description.Video)
	}
	before := len(p.connectors)
	c.pending = nowhere
	for range 10 {
		c.change()
	}
	if got := len(p.connectors) - before; got != 1 {
		t.Fatalf("%d connectors in its place, want 1", got)
	}
	p.replace(made[len(made)-1])
	if got := len(p.connectors) - before; got != 1 || c.ended {
		t.Fatalf("after the new one was replaced too: %d in its place, the old one ended: %v", got, c.ended)
	}
	answerAll()
	n := made[len(made)-1]
	n.stateChanged(transport.Connected)
	p.Drain()
	if !c.ended || n.ended || len(p.connectors) != before {
		t.Errorf("the old one ended: %v, the new one ended: %v, %d connectors, want %d", c.ended, n.ended, len(p.connectors), before)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
