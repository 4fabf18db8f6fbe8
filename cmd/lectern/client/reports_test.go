package client

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// TestReports sends for a minute, and holds the sender reports to what was sent.
func TestReports(t *testing.T) {
	for name, c := range map[string]struct {
		kind          codec.Kind
		every         time.Duration // between packets
		size          int
		fewest, most  int
		first, latest time.Duration // of the first report
	}{
		"video of 1.5 Mbit/s": {codec.Video, 6 * time.Millisecond, 1150, 200, 300, 400 * time.Millisecond, 600 * time.Millisecond},
		"video of 100 kbit/s": {codec.Video, 40 * time.Millisecond, 500, 50, 75, 400 * time.Millisecond, 600 * time.Millisecond},
		"audio":               {codec.Audio, 20 * time.Millisecond, 80, 9, 16, 2 * time.Second, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var list [][]rtcp.Packet
			r := &reports{cname: "me", send: func(p []rtcp.Packet) error { list = append(list, p); return nil }}
			start, sent, first := time.Now(), uint32(0), time.Duration(0)
			for at := time.Duration(0); at < time.Minute; at += c.every {
				before := len(list)
				r.count(c.kind, &rtp.Header{SSRC: 7}, c.size, start.Add(at))
				sent++
				if len(list) == before {
					continue
				}
				if before == 0 {
					first = at
				}
				sr, ok := list[before][0].(*rtcp.SenderReport)
				if !ok || sr.SSRC != 7 || sr.PacketCount != sent || sr.OctetCount != sent*uint32(c.size) || //nolint:gosec // small
					sr.RTPTime != rtpTime(c.kind, start.Add(at)) || sr.NTPTime != ntpTime(start.Add(at)) {
					t.Fatalf("after %d packets it reports %v", sent, list[before][0])
				}
			}
			if len(list) < c.fewest || len(list) > c.most || first < c.first || first > c.latest {
				t.Errorf("%d reports in a minute, the first after %v", len(list), first)
			}
			if b, err := rtcp.Marshal(list[0]); err != nil || len(b) == 0 {
				t.Errorf("it cannot be sent: %v", err)
			}
			r.count(c.kind, &rtp.Header{SSRC: 8}, c.size, start)
			if r.packets != 1 {
				t.Errorf("another stream begins with %d packets", r.packets)
			}
		})
	}
}

// TestNTPTime holds the time of reports to the calendar.
func TestNTPTime(t *testing.T) {
	at := time.Now().Add(time.Duration(rand.Int64N(int64(time.Second))))
	n := ntpTime(at)
	back := time.Unix(int64(n>>32)-2_208_988_800, int64(n&0xffffffff*1e9>>32)) //nolint:gosec // after 1970
	if d := back.Sub(at); d < -time.Second || d > time.Second {
		t.Errorf("%v is reported as %v", at, back)
	}
	if d := int64(ntpTime(at.Add(1500*time.Millisecond))-n) - 3<<31; d < -8 || d > 8 { //nolint:gosec // small
		t.Errorf("a second and a half is off by %d", d)
	}
}

// TestReportsReachTheServer holds that the server has what it needs to report
// itself: it tells a viewer the time only once the publisher told it.
func TestReportsReachTheServer(t *testing.T) {
	s := newServer(t, room.Policy{Mode: room.ModeSFU})
	ann, bob := s.join(t, "ann", both), s.join(t, "bob", Media{}, light, role(protocol.RoleAudience))
	sees(t, bob, ann)
	look, deadline := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for s.engine.Counters().Reports == 0 {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("no sender report comes")
		}
	}
}
