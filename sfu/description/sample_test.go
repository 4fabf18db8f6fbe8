package description

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// samples are the captured and the written descriptions.
func samples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.sdp")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d samples (%v)", len(files), err)
	}
	return files
}

// outline is a section as a line, without what differs between captures.
func outline(s Section) string {
	if s.Rejected {
		return fmt.Sprintf("%v %s rejected", s.Kind, s.MID)
	}
	if s.Kind == Application {
		return fmt.Sprintf("%v %s %d %d", s.Kind, s.MID, s.SCTPPort, s.MaxMessageSize)
	}
	var formats []string
	for _, f := range s.Formats {
		formats = append(formats, fmt.Sprintf("%d/%d=%s", f.PayloadType, f.RTX, f.Codec.Name))
	}
	line := fmt.Sprintf("%v %s %v %s", s.Kind, s.MID, s.Direction, strings.Join(formats, " "))
	for _, r := range s.RIDs {
		line += " " + r.ID + ":" + r.Direction.String()
	}
	rtx := slices.ContainsFunc(s.Sources, func(s Source) bool { return s.RTX != 0 })
	return line + fmt.Sprintf(" sources=%d,%v msid=%v,%v", len(s.Sources), rtx, s.StreamID != "", s.TrackID != "")
}

// What the samples name, as outline writes it.
const (
	chromiumVideo = "96/97=VP8 102/103=H264 104/107=H264 108/109=H264 114/115=H264 116/117=H264 39/40=H264 45/46=AV1 98/99=VP9 100/101=VP9 118/119=red 120/0=ulpfec"
	// What it only receives comes on top where it does not send.
	chromiumMore  = chromiumVideo + " 35/36=VP9 37/38=VP9 41/42=H264 43/44=H264 47/48=AV1 49/0=flexfec-03"
	chromiumAudio = "111/0=opus 63/0=red 9/0=G722 0/0=PCMU 8/0=PCMA 13/0=CN 110/0=telephone-event 126/0=telephone-event"
	firefoxVideo  = "120/124=VP8 121/125=VP9 99/100=AV1 123/0=ulpfec 122/119=red"
	firefoxAudio  = "109/0=opus 9/0=G722 0/0=PCMU 8/0=PCMA 101/0=telephone-event"
	oursVideo     = "96/97=VP8 108/109=H264 102/103=H264 98/99=VP9 45/46=AV1"
	oursAudio     = "111/0=opus 63/0=red"
	sampleOneRTX  = " sources=1,true msid=true,true"
	sampleOne     = " sources=1,false msid=true,true"
	sampleNothing = " sources=0,false msid=false,false"
)

// sampleOutlines are the sections of samples.
var sampleOutlines = map[string][]string{
	"chromium/offer-user": {
		"video 0 sendrecv " + chromiumVideo + sampleOneRTX, "audio 1 sendrecv " + chromiumAudio + sampleOne, "application 2 5000 262144",
	},
	"chromium/offer-muted": {
		"video 0 recvonly " + chromiumMore + sampleNothing, "audio 1 sendrecv " + chromiumAudio + sampleOne, "application 2 5000 262144",
	},
	"chromium/offer-unmuted": {
		"video 0 recvonly " + chromiumMore + sampleNothing, "audio 1 sendrecv " + chromiumAudio + sampleOne, "application 2 5000 262144",
		"video 3 sendrecv " + chromiumVideo + sampleOneRTX, "video 4 sendrecv " + chromiumVideo + " sources=1,true msid=false,true",
	},
	"chromium/offer-stopped": {
		"video 0 recvonly " + chromiumMore + sampleNothing, "audio 1 sendrecv " + chromiumAudio + sampleOne, "application 2 5000 262144",
		"video 3 sendrecv " + chromiumVideo + sampleOneRTX, "video 4 rejected",
	},
	"chromium/offer-maxbundle": {
		"video 0 sendrecv " + chromiumVideo + sampleOneRTX, "audio 1 sendrecv " + chromiumAudio + sampleOne, "application 2 5000 262144",
	},
	"chromium/offer-simulcast": {
		"video 0 sendrecv " + chromiumVideo + " h:sendonly m:sendonly l:sendonly sources=0,false msid=true,true",
	},
	"chromium/offer-channel":       {"application 0 5000 262144"},
	"chromium/offer-inactive":      {"video 0 inactive " + chromiumVideo + sampleNothing, "audio 1 inactive " + chromiumAudio + sampleNothing},
	"chromium/answer-our-uplink":   {"video 0 sendrecv " + oursVideo + sampleOneRTX, "audio 1 sendrecv " + oursAudio + sampleOne, "application 2 5000 262144"},
	"chromium/answer-our-viewer":   {"video 0 recvonly " + oursVideo + sampleNothing, "audio 1 recvonly " + oursAudio + sampleNothing, "application 2 5000 262144"},
	"chromium/answer-our-dark":     {"video 0 inactive " + oursVideo + sampleNothing, "audio 1 inactive " + oursAudio + sampleNothing, "application 2 5000 262144"},
	"chromium/answer-our-taker":    {"video 0 sendonly " + oursVideo + sampleOneRTX, "audio 1 sendonly " + oursAudio + sampleOne, "application 2 5000 262144"},
	"chromium/answer-our-nodevice": {"video 0 recvonly " + oursVideo + sampleNothing, "audio 1 recvonly " + oursAudio + sampleNothing, "application 2 5000 262144"},
	"chromium/answer-our-channel":  {"application 0 5000 262144"},
	"chromium/answer-our-grown-rejected": {
		"application 0 5000 262144", "video 1 recvonly " + oursVideo + sampleNothing, "audio 2 recvonly " + oursAudio + sampleNothing,
		"video 3 sendonly " + oursVideo + sampleOneRTX, "audio 4 rejected",
	},
	"firefox/offer-user-gathered": {
		"video 0 sendrecv " + firefoxVideo + sampleOneRTX, "audio 1 sendrecv " + firefoxAudio + sampleOne, "application 2 5000 1073741823",
	},
	"firefox/offer-muted": {
		"video 0 recvonly " + firefoxVideo + sampleNothing, "audio 1 sendrecv " + firefoxAudio + sampleOne, "application 2 5000 1073741823",
	},
	"firefox/answer-our-viewer": {
		"video 0 recvonly 96/97=VP8 98/99=VP9 45/46=AV1" + sampleNothing, "audio 1 recvonly 111/0=opus" + sampleNothing, "application 2 5000 1073741823",
	},
	"firefox/answer-our-layers": {
		"video 0 sendonly 96/97=VP8 98/99=VP9 45/46=AV1 h:sendonly m:sendonly l:sendonly sources=3,true msid=true,true",
	},
	"firefox/answer-our-grown-rejected": {
		"application 0 5000 1073741823", "video 1 recvonly 96/97=VP8 98/99=VP9 45/46=AV1" + sampleNothing, "audio 2 recvonly 111/0=opus" + sampleNothing,
		"video 3 sendonly 96/97=VP8 98/99=VP9 45/46=AV1" + sampleOneRTX, "audio 4 rejected",
	},
}

// TestSamples reads what browsers wrote.
func TestSamples(t *testing.T) {
	for name, want := range sampleOutlines {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range parseFile(t, "testdata/"+name+".sdp").Sections {
				got = append(got, outline(s))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestRoundTrip holds Parse and String to each other, and finds in every sample
// what a connection cannot do without.
func TestRoundTrip(t *testing.T) {
	for _, name := range samples(t) {
		t.Run(name, func(t *testing.T) {
			d := parseFile(t, name)
			if d.Ufrag == "" || d.Password == "" || d.FingerprintHash != "sha-256" || len(d.Fingerprint) != 95 || d.SessionID == 0 {
				t.Errorf("transport %+v", d)
			}
			checkRoundTrip(t, d)
		})
	}
}

func TestTransport(t *testing.T) {
	d := parseFile(t, "testdata/firefox/offer-user-gathered.sdp")
	if d.Setup != ActPass || !d.EndOfCandidates || d.Lite {
		t.Errorf("setup %v, end %v, lite %v", d.Setup, d.EndOfCandidates, d.Lite)
	}
	// At least UDP and TCP of both address families; how many more depends on how
	// far the gathering of the sections apart had come.
	if len(d.Candidates) < 4 || len(slices.Compact(slices.Sorted(slices.Values(d.Candidates)))) != len(d.Candidates) {
		t.Errorf("%d candidates: %q", len(d.Candidates), d.Candidates)
	}
	for _, c := range d.Candidates {
		if !strings.HasPrefix(c, "candidate:") || strings.Fields(c)[1] != "1" {
			t.Errorf("candidate %q", c)
		}
	}
	if d := parseFile(t, "testdata/chromium/answer-user.sdp"); d.Setup != Active {
		t.Errorf("answer's setup %v", d.Setup)
	}
	if d := parseFile(t, "testdata/written/offer-lite.sdp"); !d.Lite {
		t.Error("not lite")
	}
}

func TestFormats(t *testing.T) {
	d := parseFile(t, "testdata/chromium/offer-user.sdp")
	vp8, opus, red := d.Sections[0].Formats[0].Codec, d.Sections[1].Formats[0].Codec, d.Sections[1].Formats[1].Codec
	if vp8.ClockRate != 90000 || vp8.Fmtp != "" ||
		!slices.Equal(vp8.Feedback, []string{"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"}) {
		t.Errorf("VP8 %+v", vp8)
	}
	if opus.Channels != 2 || opus.ClockRate != 48000 || opus.Fmtp != "minptime=10;useinbandfec=1" {
		t.Errorf("opus %+v", opus)
	}
	if red.Fmtp != "111/111" {
		t.Errorf("red %+v", red)
	}
	if id := d.Sections[0].ExtensionID(URIMID); id != 9 {
		t.Errorf("mid extension %d", id)
	}
	if id := d.Sections[1].ExtensionID(URIVideoOrientation); id != 0 {
		t.Errorf("video orientation of audio %d", id)
	}
	if !d.Sections[0].ExtMapAllowMixed {
		t.Error("a=extmap-allow-mixed of the session is lost")
	}
}
