package description

import (
	"os"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

// pionClient is a pion client that has both kinds to send.
func pionClient(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, mime := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeOpus} {
		kind, _, _ := strings.Cut(mime, "/")
		track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: mime}, kind, "stream")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTrack(track); err != nil {
			t.Fatal(err)
		}
	}
	return pc
}

// gathered is the description with all candidates in it.
func gathered(t *testing.T, pc *webrtc.PeerConnection, set webrtc.SessionDescription) *Description {
	t.Helper()
	done := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(set); err != nil {
		t.Fatal(err)
	}
	<-done
	d, err := Parse(pc.LocalDescription().SDP)
	if err != nil {
		t.Fatalf("%v in\n%s", err, pc.LocalDescription().SDP)
	}
	checkRoundTrip(t, d)
	if len(d.Candidates) == 0 || !d.EndOfCandidates {
		t.Errorf("candidates %q, end %v", d.Candidates, d.EndOfCandidates)
	}
	return d
}

// TestPionAnswers has a pion client answer each of our offers.
func TestPionAnswers(t *testing.T) {
	for name, want := range map[string][]Direction{
		"sendrecv": {SendRecv, SendRecv, Inactive}, "sendonly": {RecvOnly, RecvOnly, Inactive},
		"recvonly": {SendOnly, SendOnly, Inactive}, "inactive": {Inactive, Inactive, Inactive},
		"channel": {Inactive}, "lite": {SendRecv}, "bare": {SendRecv, SendRecv, Inactive},
		"grown": {Inactive, RecvOnly, RecvOnly},
	} {
		t.Run(name, func(t *testing.T) {
			pc := pionClient(t)
			offer := offers()[name]
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.String()}); err != nil {
				t.Fatal(err)
			}
			answer, err := pc.CreateAnswer(nil)
			if err != nil {
				t.Fatal(err)
			}
			d := gathered(t, pc, answer)
			if d.Setup == ActPass || len(d.Sections) != len(want) {
				t.Fatalf("answer %+v", d)
			}
			for i, s := range d.Sections {
				if s.MID != offer.Sections[i].MID || s.Rejected || s.Direction != want[i] {
					t.Errorf("section %d: %+v", i, s)
				}
				if len(s.Formats) > 0 && s.Formats[0].PayloadType != offer.Sections[i].Formats[0].PayloadType {
					t.Errorf("section %d: formats %v", i, listed(s.Formats))
				}
			}
		})
	}
}

// TestPionOffers gives a pion client our answers to its offer.
func TestPionOffers(t *testing.T) {
	for _, widest := range []Direction{SendRecv, RecvOnly, Inactive} {
		t.Run(widest.String(), func(t *testing.T) {
			pc := pionClient(t)
			if _, err := pc.CreateDataChannel("chat", nil); err != nil {
				t.Fatal(err)
			}
			offer, err := pc.CreateOffer(nil)
			if err != nil {
				t.Fatal(err)
			}
			d := gathered(t, pc, offer)
			answer := answerTo(d, widest)
			for i, s := range answer.Sections[:2] {
				if len(s.Formats) == 0 || d.Sections[i].Direction != SendRecv || len(d.Sections[i].Sources) != 1 {
					t.Errorf("offered %+v, answered %v", d.Sections[i], listed(s.Formats))
				}
			}
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.String()}); err != nil {
				t.Fatal(err)
			}
			for _, tr := range pc.GetTransceivers() {
				if got := tr.Receiver().GetParameters(); widest.Sends() && len(got.Codecs) == 0 {
					t.Errorf("%v has no codec", tr.Kind())
				}
			}
		})
	}
}

// TestCandidatesOnce writes candidates into the first live section only.
func TestCandidatesOnce(t *testing.T) {
	text, err := os.ReadFile("testdata/written/answer-chromium-user-rejected.sdp")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(text), "\r\nm=")
	for i, want := range []int{0, 0, 2, 0} {
		if got := strings.Count(sections[i], "a=candidate:"); got != want {
			t.Errorf("part %d has %d candidates, want %d", i, got, want)
		}
	}
}
