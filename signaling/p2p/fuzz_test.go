package p2p

import (
	"strconv"
	"strings"
	"testing"

	"lectern/signaling/protocol"
)

// FuzzSized holds that the edit of a description changes nothing but the number
// of a size line, and leaves no number that a client would not send to.
func FuzzSized(f *testing.F) {
	for _, sdp := range []string{
		"", "a=max-message-size:0\r\n", "v=0\r\na=max-message-size:1073741823\r\na=max-message-size:262144\r\n", "a=max-message-size:\r\n",
		"xa=max-message-size:0\r\n", "a=max-message-size:99999999999999999999999\n", "a=max-message-size:a=max-message-size:0", "a=max-message-size:15728640x",
	} {
		f.Add(sdp)
	}
	f.Fuzz(func(t *testing.T, sdp string) {
		got := sized(protocol.Description{Type: "offer", SDP: sdp}).SDP
		if again := sized(protocol.Description{SDP: got}).SDP; again != got {
			t.Fatalf("%q became %q, and that %q", sdp, got, again)
		}
		before, after := strings.Split(sdp, "\n"), strings.Split(got, "\n")
		if len(before) != len(after) {
			t.Fatalf("%q became %q", sdp, got)
		}
		for i, line := range after {
			number, is := strings.CutPrefix(line, sizeLine)
			if !is {
				if line != before[i] {
					t.Fatalf("the line %q became %q", before[i], line)
				}
				continue
			}
			digits := number[:len(number)-len(strings.TrimLeft(number, "0123456789"))]
			if n, err := strconv.ParseUint(digits, 10, 64); digits != "" && (err != nil || n == 0 || n > sizeLimit) {
				t.Fatalf("the line %q stayed", line)
			}
		}
	})
}
