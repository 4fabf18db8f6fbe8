package p2p_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

// couple makes a plane with two members, who come from two addresses, and a
// connector that a offered and b answered.
func couple(t *testing.T, a, b string) *p2p.Plane {
	t.Helper()
	p := p2p.New()
	for id, text := range map[protocol.MemberID]string{"a": a, "b": b} {
		profile := media.Profile{Stage: true}
		if text != "" {
			profile.Address = netip.MustParseAddr(text)
		}
		p.Attach(id, profile)
	}
	say(t, p, "a", &protocol.Offer{Connector: "ca", Member: "b", StreamType: "user"})
	say(t, p, "b", &protocol.Answer{Connector: "cb", Remote: "ca", Member: "a"})
	p.Drain()
	return p
}

func say(t *testing.T, p *p2p.Plane, from protocol.MemberID, s protocol.Signal) {
	t.Helper()
	if err := p.Signal(from, s); err != nil {
		t.Fatal(err)
	}
}

// candidate has b name an address, and reports whether a hears of it.
func candidate(t *testing.T, p *p2p.Plane, init string) bool {
	t.Helper()
	data, _ := protocol.Check([]byte(`{"remoteConnectorId":"ca","memberId":"a","candidate":` + init + `}`))
	m, err := protocol.Decode(protocol.EventICECandidate, data)
	if err != nil {
		t.Fatal(err)
	}
	say(t, p, "b", m.(*protocol.ICECandidate))
	return len(p.Drain()) == 1
}

func at(address string) string {
	return fmt.Sprintf("candidate:1 1 udp 2122194687 %s 5000 typ host", address)
}

// An address that means another host in each network is relayed only between clients
// that share it, as a candidate and in a description; one that is no host's never.
func TestSpecialAddressesPassOnlyBetweenClientsThatShareThem(t *testing.T) {
	const far, near, lan, lan2, here = "203.0.113.5", "198.51.100.7", "192.168.1.5", "10.0.0.9", "127.0.0.1"
	type from struct{ a, b string }
	everywhere := []from{{far, near}, {far, far}, {lan, lan2}, {here, here}, {far, lan}, {"", far}}
	for _, c := range []struct {
		address string
		passes  []from
	}{
		{"203.0.113.99", everywhere},
		{"2001:db8::9", everywhere},
		{"4d1b3b9f-0b3e-4f1e-8a51-d9a2e3c7f001.local", everywhere},
		{"192.168.1.1", []from{{far, far}, {lan, lan2}, {here, here}, {"", far}}},
		{"100.64.0.1", []from{{far, far}, {lan, lan2}, {here, here}, {"", far}}},
		{"fd12::1", []from{{far, far}, {lan, lan2}, {here, here}, {"", far}}},
		{"169.254.1.1", []from{{far, far}, {lan, lan2}, {here, here}, {"", far}}},
		{"127.0.0.1", []from{{far, far}, {here, here}, {"", far}}},
		{"::ffff:127.0.0.1", []from{{far, far}, {here, here}, {"", far}}},
		{"169.254.169.254", nil},
		{"fd00:ec2::254", nil},
		{"224.0.0.1", nil},
		{"255.255.255.255", nil},
		{"0.0.0.0", nil},
		{"router.example.org", nil}, // whose address could be any
		{"2130706433", nil},         // 127.0.0.1 to some
	} {
		for _, f := range everywhere {
			want := false
			for _, p := range c.passes {
				want = want || p == f
			}
			p := couple(t, f.a, f.b)
			init, err := json.Marshal(map[string]any{"candidate": at(c.address), "sdpMid": "0"})
			if err != nil {
				t.Fatal(err)
			}
			if got := candidate(t, p, string(init)); got != want {
				t.Errorf("%s between %q and %q: relayed %v", c.address, f.a, f.b, got)
			}
			line := "a=" + at(c.address) + "\r\n"
			before, after := "v=0\r\nm=audio 9 x 0\r\n", "a=mid:0\r\na=candidate:2 1 udp 1 203.0.113.98 5000 typ host\r\n"
			sdp := protocol.Description{Type: "offer", SDP: before + line + after}
			say(t, p, "a", &protocol.ReconnectWork{Type: protocol.EventOffer, Offer: &sdp, Connector: "ca"})
			say(t, p, "a", &protocol.Offer{Connector: "c2", Member: "b", StreamType: "display", Offer: sdp})
			say(t, p, "b", &protocol.Answer{Connector: "c3", Remote: "c2", Member: "a", Answer: sdp})
			for _, e := range p.Drain() {
				text, err := protocol.Encode(e.Msg)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Contains(string(text), " "+c.address+" "); got != want {
					t.Errorf("%s in %T between %q and %q: relayed %v", c.address, e.Msg, f.a, f.b, got)
				}
				if !strings.Contains(string(text), "203.0.113.98") || !strings.Contains(string(text), `m=audio 9 x 0\r\n`) {
					t.Errorf("%T is relayed as %s", e.Msg, text)
				}
			}
		}
	}
}

// A candidate is read as a browser reads it.
func TestCandidatesAreReadAsBrowsersDo(t *testing.T) {
	bad := at("169.254.169.254")
	for init, want := range map[string]bool{
		`{"candidate":"` + bad + `"}`:                                                false,
		`{"candidate":"a=` + bad + `"}`:                                              false,
		`{"candidate":"` + bad + `","Candidate":"` + at("203.0.113.99") + `"}`:       false,
		`{"candidate":"` + at("203.0.113.99") + `","candidate":"` + bad + `"}`:       false,
		`{"candidate":"` + strings.ReplaceAll(bad, " ", "  ") + `"}`:                 false,
		`{"candidate":"","sdpMid":"0"}`:                                              true, // the end of candidates
		`{"candidate":"candidate:0 1 TCP 1 203.0.113.99 9 typ host tcptype active"}`: true,
	} {
		if got := candidate(t, couple(t, "203.0.113.5", "198.51.100.7"), init); got != want {
			t.Errorf("%s is relayed: %v", init, got)
		}
	}
}

// One connector relays a bounded number of addresses of each client, over all
// its candidates, descriptions and ICE restarts; saying one again is free.
func TestCandidatesAreCappedPerConnector(t *testing.T) {
	p := couple(t, "203.0.113.5", "198.51.100.7")
	named := func(i int) string { return at(fmt.Sprintf("203.0.%d.%d", i/250, i%250+1)) }
	relayed := 0
	for i := range 1000 {
		for range 2 { // existing clients say each twice
			if candidate(t, p, `{"candidate":"`+named(i)+`"}`) {
				relayed++
			}
		}
	}
	if relayed != 2*128 {
		t.Errorf("%d candidates are relayed", relayed)
	}
	sdp := "v=0\r\n"
	for i := range 1000 {
		sdp += "a=" + named(i) + "\r\n"
	}
	for range 3 {
		say(t, p, "b", &protocol.ReconnectWork{Type: protocol.EventAnswer, Answer: &protocol.Description{Type: "answer", SDP: sdp}, Connector: "cb"})
		text, err := protocol.Encode(p.Drain()[0].Msg)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "a=candidate:"); n != 128 {
			t.Errorf("a description is relayed with %d candidates", n)
		}
	}
}

// A client that comes back from another network has the addresses of that one.
func TestCandidatesFollowTheClient(t *testing.T) {
	p := couple(t, "192.168.1.5", "192.168.1.6")
	if !candidate(t, p, `{"candidate":"`+at("192.168.1.6")+`"}`) {
		t.Error("in one network an address of it is not relayed")
	}
	p.Return("b", media.Return{Moved: true, Address: netip.MustParseAddr("198.51.100.7")})
	p.Drain()
	if candidate(t, p, `{"candidate":"`+at("192.168.1.7")+`"}`) {
		t.Error("from elsewhere an address of the network is relayed")
	}
}
