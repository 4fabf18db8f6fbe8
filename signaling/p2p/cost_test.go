package p2p_test

import (
	"runtime"
	"strings"
	"testing"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

// Relaying a description makes its text once from what came and once for what goes;
// the rest is small. Memory is what a server that relays spends its time on.
func TestRelayingADescriptionCopiesItTwice(t *testing.T) {
	p := p2p.New()
	p.Attach("a", media.Profile{Stage: true})
	p.Attach("b", media.Profile{Stage: true})
	sdp := strings.Repeat(`a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\n`, 100) + `a=max-message-size:262144\r\n`
	frame := []byte(`{"connectorId":"c","memberId":"b","offer":{"type":"offer","sdp":"` + sdp + `"},"streamType":"user"}`)
	relay := func() {
		data, _ := protocol.Check(frame)
		m, err := protocol.Decode(protocol.EventOffer, data)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Signal("a", m.(*protocol.Offer)); err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Drain() {
			if _, err := protocol.Encode(e.Msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	relay()
	const times = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		relay()
	}
	runtime.ReadMemStats(&after)
	// Text and JSON are made in a buffer each, and the text is copied once more to be a
	// string.
	if got, most := int(after.TotalAlloc-before.TotalAlloc)/times, 4*len(frame); got > most {
		t.Errorf("relaying %d bytes makes %d, want at most %d", len(frame), got, most)
	}
}
