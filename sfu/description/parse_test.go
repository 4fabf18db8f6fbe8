package description

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// old is the form of old Safari and Chromium: mids that are words, the first
// draft of SCTP, tracks told by their sources only.
const old = `v=0
o=- 18446744073709551616 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE audio video data
a=fingerprint:sha-1 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13
a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:1f
a=setup:passive
a=inactive
m=audio 53171/1 RTP/SAVPF 111
c=IN IP4 192.0.2.5
a=candidate:1 1 udp 2113937151 192.0.2.5 53171 typ host generation 0 network-cost 50
a=candidate:1 2 udp 2113937150 192.0.2.5 53172 typ host generation 0 network-cost 50
a=ice-ufrag:5wyY
a=ice-pwd:ajvC1o4yPqwdsrKdnUtbdfgI
a=mid:audio
a=rtpmap:111 OPUS/48000/2
a=ssrc:7 cname:c
a=ssrc:7 msid:stream track
a=ssrc:7 mslabel:stream
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99
a=ice-ufrag:zzzz
a=ice-pwd:zzzzzzzzzzzzzzzzzzzzzzzz
a=candidate:1 1 udp 2113937151 192.0.2.5 53171 typ host generation 0 network-cost 50
a=sendonly
a=mid:video
a=rtcp-fb:* nack
a=rtpmap:97 rtx/90000
a=fmtp:97 rtx-time=3000; APT=96
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=100
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=ssrc-group:FEC-FR 1 3
a=ssrc-group:FID 1 2
a=ssrc:3 cname:c
a=ssrc:2 cname:c
a=ssrc:1 cname:c
m=application 9 DTLS/SCTP 5001
a=mid:data
a=sctpmap:5001 webrtc-datachannel 1024
`

func TestTolerance(t *testing.T) {
	got, err := Parse(old)
	if err != nil {
		t.Fatal(err)
	}
	digest := "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
	audio := Section{
		Kind: Audio, MID: "audio", Direction: SendRecv, StreamID: "stream", TrackID: "track", CNAME: "c", Sources: []Source{{SSRC: 7}},
		Formats: []Format{{PayloadType: 111}},
	}
	audio.Formats[0].Codec.Name, audio.Formats[0].Codec.ClockRate, audio.Formats[0].Codec.Channels = "OPUS", 48000, 2
	video := Section{
		Kind: Video, MID: "video", Direction: SendOnly, CNAME: "c", Sources: []Source{{SSRC: 1, RTX: 2}},
		Formats: []Format{{PayloadType: 96, RTX: 97}, {PayloadType: 98}},
	}
	for i := range video.Formats {
		video.Formats[i].Codec.Kind = 1
	}
	video.Formats[0].Codec.Name, video.Formats[0].Codec.ClockRate = "VP8", 90000
	video.Formats[0].Codec.Feedback = []string{"nack pli", "nack"}
	video.Formats[1].Codec.Feedback = []string{"nack"}
	want := &Description{
		Version: 2, Ufrag: "5wyY", Password: "ajvC1o4yPqwdsrKdnUtbdfgI", FingerprintHash: "sha-256", Fingerprint: digest, Setup: Passive,
		Candidates: []string{"candidate:1 1 udp 2113937151 192.0.2.5 53171 typ host generation 0 network-cost 50"},
		Sections:   []Section{audio, video, {Kind: Application, MID: "data", SCTPPort: 5001, MaxMessageSize: 65536}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	checkRoundTrip(t, got)
}

// minimal is a description with these lines behind a session level that has all
// a transport needs.
func minimal(lines ...string) string {
	return "v=0\no=- 1 1 IN IP4 127.0.0.1\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n" +
		"a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("00:", 32), ":") + "\n" + strings.Join(lines, "\n") + "\n"
}

func TestMID(t *testing.T) {
	d, err := Parse(minimal("m=audio 0 RTP/SAVPF 0", "m=audio 9 RTP/SAVPF 0", "a=mid:0", "m=video 9 RTP/SAVPF 96", "a=mid:x0",
		"m=video 9 RTP/SAVPF 96"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range d.Sections {
		got = append(got, s.MID)
	}
	if want := []string{"xx0", "0", "x0", "3"}; !slices.Equal(got, want) {
		t.Errorf("mids %q, want %q", got, want)
	}
}

// TestBundle takes the transport of the group's first live section.
func TestBundle(t *testing.T) {
	d, err := Parse(minimal("a=group:BUNDLE gone 0 2 1", "a=group:BUNDLE 1",
		"m=audio 0 RTP/SAVPF 0", "a=mid:0", "a=ice-ufrag:zero",
		"m=audio 9 RTP/SAVPF 0", "a=mid:1", "a=ice-ufrag:first", "a=setup:passive",
		"m=audio 0 RTP/SAVPF 0", "a=mid:2", "a=ice-ufrag:second", "a=setup:active", "a=bundle-only"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Ufrag != "second" || d.Password != "0123456789012345678901" || d.Setup != Active {
		t.Errorf("transport of another section: %+v", d)
	}
	if !d.Sections[0].Rejected || d.Sections[2].Rejected {
		t.Errorf("rejected: %+v", d.Sections)
	}
}

func TestSimulcast(t *testing.T) {
	d, err := Parse(minimal("m=video 9 RTP/SAVPF 96", "a=rid:a send pt=96;max-width=1280", "a=rid:b send", "a=rid:c send",
		"a=rid:b recv", "a=rid:no;no send", "a=rid:d sideways", "a=simulcast:recv b send ~c,x;a"))
	if err != nil {
		t.Fatal(err)
	}
	want := []RID{{"a", SendOnly}, {"c", SendOnly}, {"b", RecvOnly}}
	if got := d.Sections[0].RIDs; !slices.Equal(got, want) {
		t.Errorf("RIDs %v, want %v", got, want)
	}
	if text := d.String(); !strings.Contains(text, "a=simulcast:send a;c recv b\r\n") {
		t.Errorf("wrote\n%s", text)
	}
}

func TestMaxMessageSize(t *testing.T) {
	for text, want := range map[string]uint32{
		"0": 1<<32 - 1, "1200": 1200, "4294967296": 1<<32 - 1, "99999999999999999999": 1<<32 - 1,
	} {
		d, err := Parse(minimal("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=max-message-size:"+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Sections[0].MaxMessageSize; got != want {
			t.Errorf("%s is read as %d", text, got)
		}
		if !strings.Contains(d.String(), "a=sctp-port:5000\r\na=max-message-size:262144\r\n") {
			t.Errorf("wrote\n%s", d)
		}
	}
}

func TestErrors(t *testing.T) {
	const audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111"
	many := func(n int, line string) string { return strings.Repeat(line+"\n", n) }
	tests := []struct{ name, text, want string }{
		{"empty", "", "no section"},
		{"no description", "<html>", "begins with"},
		{"no section", minimal(), "no section"},
		{"all rejected", minimal("m=audio 0 RTP/SAVPF 0"), "every section is rejected"},
		{"no such line", minimal("m:audio"), "line 6: \"m:audio\" is no line"},
		{"control character", minimal("a=x\x00"), "control character 0x00"},
		{"CR inside", minimal("a=x\ry"), "control character 0x0d"},
		{"media", minimal("m=text 9 RTP/SAVPF 98"), "media \"text\""},
		{"protocol", minimal("m=audio 9 TCP 98"), "protocol \"TCP\""},
		{"application protocol", minimal("m=application 9 TCP/BFCP *"), "protocol \"TCP/BFCP\""},
		{"port", minimal("m=audio 99999 RTP/SAVPF 0"), "port \"99999\""},
		{"no format", minimal("m=audio 9 RTP/SAVPF"), "without a payload type"},
		{"only RTX", minimal("m=audio 9 RTP/SAVPF 97", "a=rtpmap:97 rtx/8000"), "has no format"},
		{"payload type", minimal("m=audio 9 RTP/SAVPF 128"), "payload type \"128\""},
		{"negative payload type", minimal(audio, "a=fmtp:-1 x"), "payload type \"-1\""},
		{"rtpmap", minimal(audio, "a=rtpmap:111 opus"), "a=rtpmap:"},
		{"clock rate", minimal(audio, "a=rtpmap:111 opus/0"), "a=rtpmap:"},
		{"channels", minimal(audio, "a=rtpmap:111 opus/48000/x"), "a=rtpmap:"},
		{"extension 0", minimal(audio, "a=extmap:0 urn:x"), "header extension id \"0\""},
		{"extension 256", minimal(audio, "a=extmap:256 urn:x"), "header extension id \"256\""},
		{"extension without URI", minimal(audio, "a=extmap:1"), "header extension 1 has no URI"},
		{"SSRC", minimal(audio, "a=ssrc:4294967296 cname:x"), "SSRC \"4294967296\""},
		{"group's SSRC", minimal(audio, "a=ssrc-group:FID 1"), "SSRC \"\""},
		{"SCTP port", minimal("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=sctp-port:0"), "SCTP port \"0\""},
		{"message size", minimal("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=max-message-size:x"), "a=max-message-size"},
		{"mid twice", minimal(audio, "a=mid:0", audio, "a=mid:0"), "mid \"0\" stands in two sections"},
		{"mid of two words", minimal(audio, "a=mid:a b"), "a=mid:"},
		{"outside the bundle", minimal("a=group:BUNDLE 0", audio, "a=mid:0", audio, "a=mid:1"), "mid \"1\", is not in the BUNDLE group"},
		{"setup", minimal(audio, "a=setup:holdconn"), "a=setup:\"holdconn\""},
		{"short ufrag", minimal(audio, "a=ice-ufrag:abc"), "a=ice-ufrag"},
		{"short password", minimal(audio, "a=ice-pwd:012345678901234567890"), "a=ice-pwd"},
		{"short fingerprint", minimal(audio, "a=fingerprint:sha-256 00:01"), "a=fingerprint"},
		{"odd fingerprint", minimal(audio, "a=fingerprint:sha-1 "+strings.TrimSuffix(strings.Repeat("0x:", 20), ":")), "a=fingerprint"},
		{"no ufrag", "v=0\n" + audio + "\n", "no a=ice-ufrag"},
		{"no password", "v=0\na=ice-ufrag:abcd\n" + audio + "\n", "no a=ice-pwd"},
		{"no fingerprint", "v=0\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=fingerprint:md5 00\n" + audio + "\n", "no a=fingerprint"},
		{"sections", minimal(many(65, audio)), "more than 64 sections"},
		{"lines", minimal(many(10_000, "a=x")), "more than 10000 lines"},
		{"bytes", minimal(strings.Repeat("a", maxSize)), "bytes, more than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := Parse(test.text)
			if err == nil {
				t.Fatalf("no error, read %+v", d)
			}
			if !strings.HasPrefix(err.Error(), "description: ") || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 200 {
				t.Errorf("error %q, want %q", err, test.want)
			}
		})
	}
}

// TestBounds reads more of everything than is kept.
func TestBounds(t *testing.T) {
	lines := []string{"m=video 9 UDP/TLS/RTP/SAVPF"}
	for i := range 128 {
		lines[0] += fmt.Sprintf(" %d %d", i, i)
	}
	for i := 1; i < 256; i++ {
		lines = append(lines,
			fmt.Sprintf("a=extmap:%d urn:%d", i, i),
			fmt.Sprintf("a=extmap:%d urn:other", i),
			fmt.Sprintf("a=ssrc-group:FID %d %d", i, i+1000), fmt.Sprintf("a=ssrc:%d cname:x", i), fmt.Sprintf("a=ssrc:%d cname:x", i+1000),
			fmt.Sprintf("a=candidate:%d 1 udp 1 192.0.2.1 9 typ host", i),
			fmt.Sprintf("a=rid:%d send", i),
			fmt.Sprintf("a=rtcp-fb:1 x%d", i), fmt.Sprintf("a=rtcp-fb:* y%d", i),
		)
	}
	lines = append(lines, "a=extmap:4096 urn:later", "a=candidate:1 1 "+strings.Repeat("x", maxCandidate))
	d, err := Parse(minimal(lines...))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Sections[0]
	got := []int{len(s.Formats), len(s.Extensions), len(s.Sources), len(d.Candidates), len(s.RIDs), len(s.Formats[1].Codec.Feedback)}
	if want := []int{64, 32, 16, 128, 8, 16}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	if s.Sources[15] != (Source{16, 1016}) {
		t.Errorf("sources %v", s.Sources)
	}
	checkRoundTrip(t, d)
}

func TestDirection(t *testing.T) {
	for d, want := range map[Direction]string{
		Inactive: "inactive false false inactive", SendOnly: "sendonly true false recvonly",
		RecvOnly: "recvonly false true sendonly", SendRecv: "sendrecv true true sendrecv",
	} {
		if got := fmt.Sprint(d, d.Sends(), d.Receives(), d.Reverse()); got != want || MakeDirection(d.Sends(), d.Receives()) != d {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
