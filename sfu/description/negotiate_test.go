package description

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lectern/sfu/codec"
)

// listed is formats as a line each: payload types, name, parameters, feedback.
func listed(formats []Format) []string {
	var list []string
	for _, f := range formats {
		list = append(list, fmt.Sprintf("%d/%d %s %q %q", f.PayloadType, f.RTX, f.Codec.Name, f.Codec.Fmtp, f.Codec.Feedback))
	}
	return list
}

func TestOffered(t *testing.T) {
	numbers := func(formats []Format) string {
		var b strings.Builder
		for _, f := range formats {
			fmt.Fprintf(&b, "%d/%d %s %s\n", f.PayloadType, f.RTX, f.Codec.Name, f.Codec.Fmtp)
		}
		return b.String()
	}
	want := `96/97 VP8 
108/109 H264 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
102/103 H264 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
98/99 VP9 profile-id=0
45/46 AV1 level-idx=5;profile=0;tier=0
`
	if got := numbers(Offered(codec.Video, codec.Preferred())); got != want {
		t.Errorf("video:\n%swant:\n%s", got, want)
	}
	want = "111/0 opus minptime=10;useinbandfec=1\n63/0 red 111/111\n"
	backwards := codec.Preferred()
	slices.Reverse(backwards)
	for _, allowed := range [][]codec.Codec{codec.Preferred(), backwards} {
		if got := numbers(Offered(codec.Audio, allowed)); got != want {
			t.Errorf("audio:\n%swant:\n%s", got, want)
		}
	}
	red := slices.DeleteFunc(codec.Preferred(), func(c codec.Codec) bool { return c.Name == "opus" })
	if got := Offered(codec.Audio, red); len(got) != 0 {
		t.Errorf("red without opus: %v", got)
	}
	if got := Offered(codec.Video, []codec.Codec{{Name: "VP7", Kind: codec.Video, ClockRate: 90000}}); len(got) != 0 {
		t.Errorf("unknown format: %v", got)
	}
}

// TestOrder offers in the order of what is allowed, each once.
func TestOrder(t *testing.T) {
	all := videoCodecs()
	got := Offered(codec.Video, []codec.Codec{all[3], all[0], all[3]})
	if len(got) != 2 || got[0].PayloadType != 98 || got[1].PayloadType != 96 {
		t.Errorf("offered %v", listed(got))
	}
}

func TestNegotiate(t *testing.T) {
	chromium := parseFile(t, "testdata/chromium/offer-user.sdp")
	firefox := parseFile(t, "testdata/firefox/offer-user.sdp")
	video := `["goog-remb" "transport-cc" "ccm fir" "nack" "nack pli"]`
	audio := `["transport-cc"]`
	tests := []struct {
		name    string
		offered Section
		wanted  []codec.Codec
		want    []string
	}{
		{"chromium video", chromium.Sections[0], videoCodecs(), []string{
			`96/97 VP8 "" ` + video,
			`108/109 H264 "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f" ` + video,
			`102/103 H264 "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f" ` + video,
			`98/99 VP9 "profile-id=0" ` + video,
			`45/46 AV1 "level-idx=5;profile=0;tier=0" ` + video,
		}},
		{"chromium audio", chromium.Sections[1], audioCodecs(), []string{
			`111/0 opus "minptime=10;useinbandfec=1" ` + audio, `63/0 red "111/111" []`,
		}},
		{"chromium audio without opus", chromium.Sections[1], audioCodecs()[1:], nil},
		{"firefox video", firefox.Sections[0], videoCodecs(), []string{
			`120/124 VP8 "" ` + video, `121/125 VP9 "profile-id=0" ` + video, `99/100 AV1 "level-idx=5;profile=0;tier=0" ` + video,
		}},
		{"firefox audio", firefox.Sections[1], audioCodecs(), []string{`109/0 opus "minptime=10;useinbandfec=1" ` + audio}},
		{"of the other kind", firefox.Sections[1], videoCodecs(), nil},
		{"application", firefox.Sections[2], videoCodecs(), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := listed(Negotiate(test.offered, test.wanted))
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestNegotiateH264 repeats the level of the offer, and what is not there stays
// away.
func TestNegotiateH264(t *testing.T) {
	offered := func(fmtp string) Section {
		f := Format{PayloadType: 100}
		f.Codec = codec.Codec{Name: "h264", Kind: codec.Video, ClockRate: 90000, Fmtp: fmtp, Feedback: []string{"nack pli", "x", "nack"}}
		return Section{Kind: Video, Formats: []Format{f}}
	}
	got := listed(Negotiate(offered("profile-level-id=42e034; packetization-mode=1;sprop-parameter-sets=x"), videoCodecs()))
	want := []string{`100/0 H264 "packetization-mode=1;profile-level-id=42e034" ["nack" "nack pli"]`}
	if !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Negotiate(offered("packetization-mode=1;profile-level-id=640c1f"), videoCodecs()); len(got) != 0 {
		t.Errorf("high profile is answered: %v", got)
	}
}

// TestNegotiateRED answers red only where it carries the opus of the answer.
func TestNegotiateRED(t *testing.T) {
	for fmtp, want := range map[string]int{"111/111": 2, "0/0": 1, "": 1, "111": 1} {
		d := parseFile(t, "testdata/chromium/offer-user.sdp")
		d.Sections[1].Formats[1].Codec.Fmtp = fmtp
		if got := Negotiate(d.Sections[1], audioCodecs()); len(got) != want || got[0].Codec.Name != "opus" {
			t.Errorf("red with %q: %v", fmtp, listed(got))
		}
	}
}

func TestFormatFor(t *testing.T) {
	s := parseFile(t, "testdata/chromium/offer-user.sdp").Sections[0]
	if f, ok := s.FormatFor(videoCodecs()[1]); !ok || f.PayloadType != 108 {
		t.Errorf("H264: %v, %v", f, ok)
	}
	if f, ok := s.FormatFor(audioCodecs()[0]); ok {
		t.Errorf("opus in a video section: %v", f)
	}
}
