package p2p_test

import (
	"fmt"
	"strings"
	"testing"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

// The rules of the relay are in the transcripts of signaling/room; here stand
// its bounds and its one edit.

func TestMessageSizeIsEdited(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"Chromium's":              {"262144", "262144"},
		"Firefox's":               {"1073741823", "262144"},
		"none":                    {"0", "262144"},
		"just at the limit":       {"15728640", "15728640"},
		"just over":               {"15728641", "262144"},
		"too many digits":         {strings.Repeat("9", 30), "262144"},
		"small":                   {"65536", "65536"},
		"not a number is theirs":  {"x", "x"},
		"nothing is theirs":       {"", ""},
		"a negative one is their": {"-1", "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			const sdp = "v=0\r\na=x a=max-message-size:1073741823\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=max-message-size:%s\r\na=sctp-port:5000\r\n"
			p := p2p.New()
			p.Attach("a", media.Profile{Stage: true})
			p.Attach("b", media.Profile{Stage: true})
			p.Drain()
			d := protocol.Description{Type: "offer", SDP: fmt.Sprintf(sdp, c.in)}
			if err := p.Signal("a", &protocol.Offer{Connector: "c", Member: "b", StreamType: "user", Offer: d}); err != nil {
				t.Fatal(err)
			}
			got := p.Drain()[0].Msg.(*protocol.RelayedOffer).Offer.SDP
			if want := fmt.Sprintf(sdp, c.want); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestOfferToOneself(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	if p.Signal("a", &protocol.Offer{Connector: "c", Member: "a", StreamType: "user"}) == nil || len(p.Drain()) != 0 {
		t.Error("an offer to oneself is relayed")
	}
}

// A client that offers without end costs a bounded ledger, and its newest
// connectors still end properly.
func TestLedgerIsBounded(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	const offers = 5000
	for i := range offers {
		c := protocol.ConnectorID(fmt.Sprint("c", i))
		if err := p.Signal("a", &protocol.Offer{Connector: c, Member: "b", StreamType: "user"}); err != nil {
			t.Fatal(err)
		}
	}
	p.Drain()
	p.Detach("b", nil)
	ended := p.Drain()
	if len(ended) == 0 || len(ended) > 1024 {
		t.Fatalf("%d connectors are ended, want between 1 and 1024", len(ended))
	}
	last := ended[len(ended)-1].Msg.(*protocol.ConnectorGone)
	if last.Connector != protocol.ConnectorID(fmt.Sprint("c", offers-1)) {
		t.Errorf("the last connector ended is %s, want the newest", last.Connector)
	}
}

func BenchmarkRelay(b *testing.B) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	o := &protocol.Offer{Connector: "c", Member: "b", StreamType: "user",
		Offer: protocol.Description{Type: "offer", SDP: strings.Repeat("a=candidate\r\n", 300)}}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Signal("a", o); err != nil {
			b.Fatal(err)
		}
		p.Drain()
	}
}
