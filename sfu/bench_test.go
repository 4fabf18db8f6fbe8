//go:build unix

package sfu_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpuTime is that of this process, user and system.
func cpuTime(tb testing.TB) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkFanout is a frame of 6 packets with 1,150 bytes of payload each, from a
// publisher's socket through the server to the sockets of viewers: received,
// decrypted, rewritten, encrypted and sent to each.
//
// ns/packet is the time for one packet that a viewer gets, cpu-µs/packet the CPU
// time of the whole process for it. So the latter is not what a server spends: the
// kernel's delivery to the viewers' sockets and their reading them is in it, and,
// spread over all viewers, what the publisher spends. lectern bench tells the
// server's part. From 256 viewers on the frame is split over the cores.
func BenchmarkFanout(b *testing.B) {
	for _, viewers := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(viewers), func(b *testing.B) {
			h := open(b, viewers, false)
			each := int64(burst * viewers)
			before := cpuTime(b)
			b.ReportAllocs()
			for b.Loop() {
				h.send(false)
				if !h.await(h.sent - ahead) {
					break
				}
			}
			if !h.await(h.sent) {
				b.Fatalf("%d packets of %d arrived", h.arrived.Load(), h.sent)
			}
			used := cpuTime(b) - before
			packets := float64(b.N) * float64(each)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/packets, "ns/packet")
			b.ReportMetric(float64(used.Nanoseconds())/1e3/packets, "cpu-µs/packet")
			b.ReportMetric(float64(each), "packets/op")
		})
	}
}

// TestForwardAllocates: from the publisher's socket to those of ten viewers a
// packet costs no allocation.
func TestForwardAllocates(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector has sync.Pool drop what it is given")
	}
	const viewers = 10
	h := open(t, viewers, true)
	frame := func() {
		if h.send(false); !h.await(h.sent) {
			t.Fatalf("%d packets of %d arrived", h.arrived.Load(), h.sent)
		}
	}
	// What setting up the connections leaves to be done is soon over; what a frame
	// costs would be there each time.
	n := 1.0
	for tries := 0; n != 0 && tries < 20; tries++ {
		n = testing.AllocsPerRun(500, frame)
	}
	if n != 0 {
		t.Errorf("%v allocations for a frame of %d packets to %d viewers", n, burst, viewers)
	}
	for _, s := range h.senders {
		if st := s.Stats(); st.Total.Packets != uint64(h.sent/viewers) {
			t.Errorf("a viewer was sent %d packets, want %d", st.Total.Packets, h.sent/viewers)
		}
	}
}
