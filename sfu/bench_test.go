//go:build unix

package sfu_test

import (
	"fmt"
	"sync"
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

// BenchmarkRooms is 16 rooms with a publisher and 8 viewers each, all of which send
// a frame of 6 packets as soon as the last one has been forwarded: how much the
// server takes when its port has one socket, and several. The viewers do not read,
// and what is sent to them is thrown away by the kernel; the publishers take their
// part of the cores.
//
// packets/s are those that are sent to viewers, cpu-µs/packet the CPU time of the
// whole process for each.
func BenchmarkRooms(b *testing.B) {
	const rooms, viewers = 16, 8
	for _, sockets := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("sockets=%d", sockets), func(b *testing.B) {
			in := build(b, sockets, true)
			in.deaf = true
			var halls []*hall
			for range rooms {
				halls = append(halls, in.open(viewers))
			}
			var sending sync.WaitGroup
			before := cpuTime(b)
			b.ResetTimer()
			for _, h := range halls {
				sending.Go(func() {
					for range b.N {
						if err := h.try(false); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			sending.Wait()
			b.StopTimer()
			used := cpuTime(b) - before
			packets := float64(b.N) * rooms * viewers * burst
			b.ReportMetric(packets/b.Elapsed().Seconds(), "packets/s")
			b.ReportMetric(float64(used.Nanoseconds())/1e3/packets, "cpu-µs/packet")
			b.ReportMetric(used.Seconds()/b.Elapsed().Seconds(), "cores")
		})
	}
}

// TestRooms: several rooms at a time, whose publishers and viewers have different
// readers. Nobody misses a packet.
func TestRooms(t *testing.T) {
	const rooms, viewers, frames = 4, 6, 200
	for _, sockets := range []int{1, 4} {
		t.Run(fmt.Sprint(sockets), func(t *testing.T) {
			in := build(t, sockets, false)
			var halls []*hall
			for range rooms {
				halls = append(halls, in.open(viewers))
			}
			var sending sync.WaitGroup
			for _, h := range halls {
				sending.Go(func() {
					for range frames {
						if err := h.try(false); err != nil {
							t.Error(err)
							return
						}
						if !h.await(h.sent - ahead) {
							break
						}
					}
					if !h.await(h.sent) {
						t.Errorf("%d packets of %d arrived", h.arrived.Load(), h.sent)
					}
				})
			}
			sending.Wait()
		})
	}
}

// TestForwardAllocates: from the publisher's socket to those of ten viewers a
// packet costs no allocation.
func TestForwardAllocates(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector has sync.Pool drop what it is given")
	}
	for _, sockets := range []int{1, 2} {
		t.Run(fmt.Sprint(sockets), func(t *testing.T) { testForwardAllocates(t, sockets) })
	}
}

func testForwardAllocates(t *testing.T, sockets int) {
	const viewers = 10
	h := build(t, sockets, true).open(viewers)
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
