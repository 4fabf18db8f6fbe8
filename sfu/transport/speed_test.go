package transport

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// connectTime is the least of 20 times from both sides' knowing each other's
// description to Connected.
func connectTime(t *testing.T, s shape) time.Duration {
	t.Helper()
	var times []time.Duration
	on, err := Listen(loopback)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		e := endOn(t, on)
		p := newPeer(t)
		if s.clientOpens && !s.noChannel {
			p.openChannel()
		}
		var theirs string
		if s.clientOffers {
			theirs = p.gathered(p.pc.CreateOffer(nil))
		} else {
			p.hear(webrtc.SDPTypeOffer, describe(t, e, s, "actpass", true))
			theirs = p.gathered(p.pc.CreateAnswer(nil))
		}
		begun := time.Now()
		if s.clientOffers {
			p.hear(webrtc.SDPTypeAnswer, describe(t, e, s, s.setup, true))
		}
		take(t, e, theirs, s.role())
		e.want(Connected)
		times = append(times, time.Since(begun))
		p.close()
		e.conn.Close()
	}
	slices.Sort(times)
	t.Logf("%+v: %v median, %v to %v", s, times[10], times[0], times[19])
	return times[0]
}

func TestConnectTime(t *testing.T) {
	for _, s := range []shape{{}, {clientOffers: true, setup: "active", clientOpens: true}, {clientOffers: true, setup: "passive", clientOpens: true}} {
		// A busy machine delays some of them, a wait that is not needed delays all.
		if least := connectTime(t, s); least > 100*time.Millisecond {
			t.Errorf("it takes %v", least)
		}
	}
}

// Sending costs no allocation.
func TestWriteAllocates(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	b.discard.Store(true) // it would keep a copy of each
	connect(t, a, b)
	packet := rtpPacket(0)
	seq := uint16(0)
	into := a.on.NewBatch()
	n := testing.AllocsPerRun(1000, func() {
		seq++
		binary.BigEndian.PutUint16(packet[2:], seq)
		slot := a.conn.Reserve(into, len(packet))
		if !a.conn.Seal(into, slot[:copy(slot, packet)]) {
			t.Error("not sent")
		}
		into.Flush()
	})
	// What else runs, ICE and the reader at the other end, allocates a little,
	// which AllocsPerRun counts; it is far from one for each packet.
	if n >= 1 {
		t.Errorf("%v allocations a packet", n)
	}
}

// BenchmarkSend is one packet of 1,000 bytes encrypted and sent over
// loopback, and received and decrypted by another core.
func BenchmarkSend(b *testing.B) {
	x, y := newEnd(b), newEnd(b)
	y.discard.Store(true)
	connect(b, x, y)
	packet := append(rtpPacket(0), make([]byte, 966)...)
	b.SetBytes(int64(len(packet)))
	b.ReportAllocs()
	seq := uint16(0)
	for b.Loop() {
		seq++
		binary.BigEndian.PutUint16(packet[2:], seq)
		if !writeRTP(x.conn, packet) {
			b.Fatal("not sent")
		}
	}
}
