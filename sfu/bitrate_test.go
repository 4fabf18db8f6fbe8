package sfu

import (
	"log/slog"
	"strings"
	"testing"

	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// TestClientsAreToldTheirBitrate: where a client may send a picture, and nowhere
// else, the description says how much of it is taken, in the order of RFC 8866
// section 5.
func TestClientsAreToldTheirBitrate(t *testing.T) {
	p := newPlane(slog.New(slog.DiscardHandler), identity{strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), 8_000_000},
		func(e events, _ *outlet, _ []*box) link {
			e.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword"}, nil)
			return idleLink{}
		})
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	p.Attach("c", media.Profile{Events: true}) // an existing client may begin to send
	offers := 0
	for _, e := range p.Drain() {
		m, ok := e.Msg.(*protocol.RelayedOffer)
		if !ok {
			continue
		}
		offers++
		want := 0
		if e.To == "b" {
			want = 1
		}
		if n := strings.Count(m.Offer.SDP, "c=IN IP4 0.0.0.0\r\nb=AS:8000\r\nb=TIAS:8000000\r\na="); n != want {
			t.Errorf("%s is told its bitrate %d times, want %d:\n%s", e.To, n, want, m.Offer.SDP)
		}
	}
	if offers == 0 {
		t.Error("nothing was offered")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
