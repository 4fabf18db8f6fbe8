package engine

import (
	"bytes"
	"testing"

	"lectern/signaling/budget"
)

func FuzzBody(f *testing.F) {
	for _, s := range []string{"", "4hello", "4a\x1e4b", "2", "2probe", "3", "1", "5", "6", "bAQID", "\x1e", "4\xff", "4\x1e\x1e4"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var packets [][]byte
		split(body, func(packet []byte) bool {
			packets = append(packets, packet)
			if check(packet) == nil && (packet[0] == packetOpen || packet[0] == packetPing) {
				t.Errorf("%q passes", packet)
			}
			return true
		})
		if !bytes.Equal(join(frames(packets)), body) {
			t.Errorf("%q comes back as %q", body, join(frames(packets)))
		}
	})
}

func frames(packets [][]byte) []budget.Frame {
	list := make([]budget.Frame, 0, len(packets))
	for _, p := range packets {
		list = append(list, budget.Frame{Head: p})
	}
	return list
}
