package egress

import (
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ways are those to send, the dearest last.
var ways = []struct {
	name string
	o    Options
}{
	{"gso", Options{}},
	{"sendmmsg", Options{NoGSO: true}},
	{"single", Options{NoGSO: true, NoMulti: true}},
}

const (
	benchViewers = 100
	benchPerRun  = 6
	benchSize    = 1150
)

// threadTime is the CPU time of the goroutine that is locked to its thread: of
// the sender, and what the kernel does for it; not of the receivers.
func threadTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// durations have a median, which neighbours on the machine disturb least.
type durations []time.Duration

func (d durations) median() float64 {
	slices.Sort(d)
	return float64(d[len(d)/2])
}

// drained are sockets that somebody reads.
func drained(b *testing.B, n int) (list []netip.AddrPort, sockets []*Socket) {
	for range n {
		s := Wrap(listen(b, "127.0.0.1:0"), Options{})
		list, sockets = append(list, s.LocalAddr()), append(sockets, s)
		go func() {
			buffers := make([]Datagram, 16)
			for i := range buffers {
				buffers[i].Buffer = make([]byte, 1500)
			}
			for {
				if _, err := s.Receive(buffers); err != nil {
					return
				}
			}
		}()
	}
	return list, sockets
}

func sendFrame(b *Batch, to []netip.AddrPort) {
	for _, at := range to {
		for range benchPerRun {
			b.Reserve(at, benchSize)
			b.Commit(benchSize)
		}
	}
	b.Flush()
}

// sendPlain is what sendFrame does, by package net.
func sendPlain(conn *net.UDPConn, d []byte, to []netip.AddrPort) {
	for _, at := range to {
		for range benchPerRun {
			_, _ = conn.WriteToUDPAddrPort(d, at)
		}
	}
}

// BenchmarkFlush is a frame of 6 datagrams of 1,150 bytes for each of 100
// viewers, in each way and with package net by turns, so that neighbours on
// the machine disturb all alike. ns/op is of all together, pauses included.
func BenchmarkFlush(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	to, receivers := drained(b, benchViewers)
	var batches []*Batch
	for _, w := range ways {
		batches = append(batches, Wrap(listen(b, "[::]:0"), w.o).NewBatch())
		for range 5 { // their arenas grow
			sendFrame(batches[len(batches)-1], to)
		}
	}
	plain, d := listen(b, "[::]:0"), make([]byte, benchSize)
	used, took := make([]time.Duration, len(ways)+1), make([]durations, len(ways)+1)
	rounds := 0
	for b.Loop() {
		rounds++
		for i, batch := range batches {
			begun, at := threadTime(), time.Now()
			sendFrame(batch, to)
			took[i] = append(took[i], time.Since(at))
			used[i] += threadTime() - begun
			time.Sleep(2 * time.Millisecond) // the receivers' turn
		}
		begun, at := threadTime(), time.Now()
		sendPlain(plain, d, to)
		took[len(ways)] = append(took[len(ways)], time.Since(at))
		used[len(ways)] += threadTime() - begun
		time.Sleep(2 * time.Millisecond)
	}
	const frame = benchViewers * benchPerRun
	datagrams := float64(rounds * frame)
	arrived := uint64(0)
	for _, s := range receivers {
		arrived += s.Stats().Received
	}
	// A datagram that a full receiver drops costs less.
	if sent := uint64((rounds+5)*len(ways)*frame) + uint64(datagrams); arrived < sent*99/100 {
		b.Errorf("%d datagrams of %d arrived", arrived, sent)
	}
	for i, w := range ways {
		st := batches[i].socket.Stats()
		b.ReportMetric(float64(used[i])/datagrams, w.name+"-cpu-ns/datagram")
		b.ReportMetric(took[i].median()/frame, w.name+"-ns/datagram")
		b.ReportMetric(took[i].median()/took[len(ways)].median(), w.name+"/net")
		b.ReportMetric(float64(used[i])/float64(used[len(ways)]), w.name+"/net-cpu")
		b.ReportMetric(float64(st.SendCalls)/float64(st.Sent), w.name+"-calls/datagram")
		if st.Dropped > 0 || st.Refused > 0 {
			b.Errorf("%s: %+v", w.name, st)
		}
	}
	b.ReportMetric(float64(used[len(ways)])/datagrams, "net-cpu-ns/datagram")
	b.ReportMetric(took[len(ways)].median()/frame, "net-ns/datagram")
}

// BenchmarkReceive is a burst from one publisher who sends datagram by
// datagram, taken with recvmmsg, with recvmsg and with package net by turns.
func BenchmarkReceive(b *testing.B) {
	for _, burst := range []int{1, 6, 48} {
		b.Run(strconv.Itoa(burst), func(b *testing.B) { benchReceive(b, burst) })
	}
}

func benchReceive(b *testing.B, burst int) {
	from, d := listen(b, "127.0.0.1:0"), make([]byte, benchSize)
	many, single := Wrap(listen(b, "[::]:0"), Options{}), Wrap(listen(b, "[::]:0"), Options{NoMulti: true})
	plain := listen(b, "[::]:0")
	list := make([]Datagram, 16)
	for i := range list {
		list[i].Buffer = make([]byte, 1500)
	}
	through := func(s *Socket) func() {
		return func() {
			for n := 0; n < burst; {
				k, err := s.Receive(list)
				if err != nil {
					b.Fatal(err)
				}
				n += k
			}
		}
	}
	receivers := []struct {
		name string
		port uint16
		read func()
		took durations
	}{
		{"recvmmsg", many.LocalAddr().Port(), through(many), nil},
		{"recvmsg", single.LocalAddr().Port(), through(single), nil},
		{"net", addrOf(plain).Port(), func() {
			for range burst {
				if _, _, err := plain.ReadFromUDPAddrPort(list[0].Buffer); err != nil {
					b.Fatal(err)
				}
			}
		}, nil},
	}
	for b.Loop() {
		for i := range receivers {
			r := &receivers[i]
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), r.port)
			for range burst {
				_, _ = from.WriteToUDPAddrPort(d, to)
			}
			begun := time.Now()
			r.read()
			r.took = append(r.took, time.Since(begun))
		}
	}
	for _, r := range receivers {
		b.ReportMetric(r.took.median()/float64(burst), r.name+"-ns/datagram")
		b.ReportMetric(r.took.median()/receivers[2].took.median(), r.name+"/net")
	}
}
