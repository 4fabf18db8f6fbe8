package description

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lectern/sfu/codec"
)

var update = flag.Bool("update", false, "rewrite testdata/written")

func audioCodecs() []codec.Codec {
	return slices.DeleteFunc(codec.Preferred(), func(c codec.Codec) bool { return c.Kind != codec.Audio })
}

func videoCodecs() []codec.Codec {
	return slices.DeleteFunc(codec.Preferred(), func(c codec.Codec) bool { return c.Kind != codec.Video })
}

// ours is a description of this server's with these sections.
func ours(sections ...Section) *Description {
	return &Description{
		SessionID: 4711, Version: 1,
		Ufrag: "lctn", Password: "0123456789abcdefghijklmn",
		FingerprintHash: "sha-256",
		Fingerprint:     strings.TrimSuffix(strings.Repeat("0A:1B:2C:3D:", 8), ":"),
		Candidates: []string{
			"candidate:1 1 udp 2130706431 192.0.2.1 7000 typ host",
			"candidate:2 1 udp 1694498815 2001:db8::1 7000 typ srflx raddr 192.0.2.1 rport 7000",
		},
		EndOfCandidates: true,
		Sections:        sections,
	}
}

var oursExtensions = []Extension{{1, URIMID}, {2, URIAbsSendTime}, {3, URITransportCC}}

func video(mid string, d Direction) Section {
	return media(Video, mid, d, Offered(codec.Video, videoCodecs()), 1000)
}

func audio(mid string, d Direction) Section {
	return media(Audio, mid, d, Offered(codec.Audio, audioCodecs()), 2000)
}

func media(kind Kind, mid string, d Direction, formats []Format, ssrc uint32) Section {
	s := Section{Kind: kind, MID: mid, Direction: d, Formats: formats, Extensions: oursExtensions, ExtMapAllowMixed: true}
	if !d.Sends() {
		return s
	}
	s.StreamID, s.TrackID, s.CNAME = "lectern-a", "track-"+mid, "lectern-a"
	source := Source{SSRC: ssrc}
	if formats[0].RTX != 0 {
		source.RTX = ssrc + 1
	}
	s.Sources = []Source{source}
	return s
}

func application(mid string) Section { return Section{Kind: Application, MID: mid} }

// offers are the shapes of offer the SFU makes.
func offers() map[string]*Description {
	bare := func(s Section) Section {
		s.Formats, s.Extensions, s.ExtMapAllowMixed = s.Formats[:1], nil, false
		return s
	}
	rejected := func(s Section) Section {
		s.Rejected = true
		return s
	}
	lite := ours(media(Video, "0", SendRecv, Offered(codec.Video, videoCodecs()), 1000))
	lite.Lite = true
	layers := video("0", RecvOnly)
	layers.RIDs = []RID{{"h", RecvOnly}, {"m", RecvOnly}, {"l", RecvOnly}}
	layers.Extensions = []Extension{{1, URIMID}, {10, URIRID}, {11, URIRepairedRID}}
	return map[string]*Description{
		"sendrecv":     ours(video("0", SendRecv), audio("1", SendRecv), application("2")),
		"sendonly":     ours(video("0", SendOnly), audio("1", SendOnly), application("2")),
		"recvonly":     ours(video("0", RecvOnly), audio("1", RecvOnly), application("2")),
		"inactive":     ours(video("0", Inactive), audio("1", Inactive), application("2")),
		"bare":         ours(bare(video("0", SendRecv)), bare(audio("1", SendRecv)), application("2")),
		"channel":      ours(application("0")),
		"grown":        ours(application("0"), video("1", SendOnly), audio("2", SendOnly)),
		"grown-uplink": ours(application("0"), video("1", SendOnly), audio("2", SendOnly), video("3", RecvOnly), audio("4", RecvOnly)),
		"grown-rejected": ours(application("0"), video("1", SendOnly), audio("2", SendOnly), video("3", RecvOnly),
			rejected(audio("4", RecvOnly))),
		"lite":   lite,
		"layers": ours(layers),
	}
}

// answerTo is an answer to a whole offer, with directions as wide as wanted.
func answerTo(offer *Description, widest Direction) *Description {
	d := ours()
	d.Setup = Passive
	for _, o := range offer.Sections {
		s := Section{Kind: o.Kind, MID: o.MID, Rejected: o.Rejected}
		kind, isMedia := o.Kind.CodecKind()
		if !isMedia || o.Rejected {
			s.Formats = o.Formats
			d.Sections = append(d.Sections, s)
			continue
		}
		wanted := videoCodecs()
		if kind == codec.Audio {
			wanted = audioCodecs()
		}
		s = media(o.Kind, o.MID, o.Direction.Reverse()&widest, Negotiate(o, wanted), 1000*uint32(len(d.Sections)+1))
		s.ExtMapAllowMixed = o.ExtMapAllowMixed
		s.Extensions = nil
		for _, e := range o.Extensions {
			if e.URI == URIMID || e.URI == URIRID || e.URI == URITransportCC {
				s.Extensions = append(s.Extensions, e)
			}
		}
		for _, r := range o.RIDs {
			s.RIDs = append(s.RIDs, RID{r.ID, r.Direction.Reverse()})
		}
		d.Sections = append(d.Sections, s)
	}
	return d
}

// answers are answers to the captured offers of the browsers.
func answers(t *testing.T) map[string]*Description {
	all := map[string]*Description{}
	for _, browser := range []string{"chromium", "firefox"} {
		for _, name := range []string{"user", "recvonly", "inactive", "channel", "maxbundle", "simulcast"} {
			offer := parseFile(t, filepath.Join("testdata", browser, "offer-"+name+".sdp"))
			all[browser+"-"+name] = answerTo(offer, SendRecv)
			if name == "user" {
				all[browser+"-user-inactive"] = answerTo(offer, Inactive)
				offer.Sections[0].Rejected = true
				all[browser+"-user-rejected"] = answerTo(offer, SendRecv)
			}
		}
	}
	return all
}

// TestWritten compares what String writes with testdata/written, which
// testdata/capture.mjs has shown to browsers: show them a new text before you
// keep it.
func TestWritten(t *testing.T) {
	all := map[string]*Description{}
	for name, d := range offers() {
		all["offer-"+name] = d
	}
	for name, d := range answers(t) {
		all["answer-"+name] = d
	}
	for name, d := range all {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", "written", name+".sdp")
			if *update {
				if err := os.WriteFile(file, []byte(d.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.String(); got != string(want) {
				t.Errorf("wrote:\n%s\nwant:\n%s", got, want)
			}
			again, err := Parse(d.String())
			if err != nil {
				t.Fatal(err)
			}
			checkRoundTrip(t, again)
		})
	}
	checkComplete(t, all)
}

// checkComplete wants no file in testdata/written that nothing writes.
func checkComplete(t *testing.T, all map[string]*Description) {
	files, err := filepath.Glob("testdata/written/*.sdp")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".sdp"); all[name] == nil {
			t.Errorf("%s is written by no case", file)
		}
	}
}

func parseFile(t testing.TB, name string) *Description {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}
