package description

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"chromium/offer-user", "chromium/answer-our-uplink", "firefox/answer-our-viewer"} {
		text, err := os.ReadFile("testdata/" + name + ".sdp")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			s := string(text)
			for b.Loop() {
				if _, err := Parse(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParseHostile reads the most that Parse takes.
func BenchmarkParseHostile(b *testing.B) {
	lines := map[string]string{
		"candidate": "a=candidate:1 1 udp 1 192.0.2.1 %05d typ host",
		"extmap":    "a=extmap:1 urn:%05d",
		"ssrc":      "a=ssrc:%05d cname:x",
		"feedback":  "a=rtcp-fb:96 %05d",
		"long":      "a=simulcast:send %05d" + strings.Repeat(";x", 35),
	}
	for name, line := range lines {
		text := []string{"m=video 9 RTP/SAVPF 96", "a=rid:x send"}
		for i := range maxLines - 10 {
			text = append(text, fmt.Sprintf(line, i))
		}
		s := minimal(text...)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Parse(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkString(b *testing.B) {
	d := offers()["sendrecv"]
	b.ReportAllocs()
	for b.Loop() {
		_ = d.String()
	}
}
