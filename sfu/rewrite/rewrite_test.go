package rewrite

import (
	"math/rand/v2"
	"testing"
)

const (
	ms   = int64(1_000_000)
	rate = 90000
)

// mustMap maps a packet and fails the test unless it comes out as wanted.
func mustMap(t *testing.T, s *Stream, now int64, seq uint16, ts uint32, wantSeq uint16, wantTS uint32) {
	t.Helper()
	gotSeq, gotTS, ok := s.Map(now, seq, ts)
	if !ok || gotSeq != wantSeq || gotTS != wantTS {
		t.Fatalf("Map(%d, %d) = %d, %d, %v; want %d, %d", seq, ts, gotSeq, gotTS, ok, wantSeq, wantTS)
	}
}

func mustNot(t *testing.T, s *Stream, now int64, seq uint16) {
	t.Helper()
	if got, _, ok := s.Map(now, seq, 0); ok {
		t.Fatalf("Map(%d) = %d; want none", seq, got)
	}
}

func TestIdentity(t *testing.T) {
	var s Stream
	mustMap(t, &s, 0, 65534, 4294967290, 65534, 4294967290)
	mustMap(t, &s, ms, 0, 10, 0, 10) // 65535 is late
	mustMap(t, &s, ms, 65535, 2, 65535, 2)
	mustMap(t, &s, ms, 0, 10, 0, 10) // a duplicate
	mustNot(t, &s, ms, 65533)        // before the first
}

func TestSwitch(t *testing.T) {
	var s Stream
	s.Switch(0, 100, 5000, rate)
	mustMap(t, &s, 0, 100, 5000, 100, 5000)
	mustMap(t, &s, 5*ms, 101, 5000, 101, 5000) // the same frame
	mustMap(t, &s, 6*ms, 103, 5000, 103, 5000) // 102 is lost

	// 50 ms after the last frame began.
	s.Switch(50*ms, 65535, 77, rate)
	mustMap(t, &s, 50*ms, 65535, 77, 104, 5000+4500)
	mustMap(t, &s, 51*ms, 1, 77+3000, 106, 5000+4500+3000)
	mustMap(t, &s, 52*ms, 0, 77+3000, 105, 5000+4500+3000)
	mustNot(t, &s, 53*ms, 65534)

	// At the same moment, and with the clock gone back: one tick.
	s.Switch(51*ms, 9, 1000, rate)
	mustMap(t, &s, 51*ms, 9, 1000, 107, 12501)
	s.Switch(0, 9, 1000, rate)
	s.Switch(0, 20, 2000, rate) // a switch that nothing followed leaves no trace
	mustMap(t, &s, 0, 20, 2000, 108, 12502)
}

func TestSwitchAfterLongPause(t *testing.T) {
	for _, hours := range []int64{1, 7, 14, 24 * 365} {
		var s Stream
		s.Switch(0, 1, 0, rate)
		mustMap(t, &s, 0, 1, 0, 1, 0)
		s.Switch(hours*3600*1000*ms, 1, 123, rate)
		_, ts, ok := s.Map(hours*3600*1000*ms, 1, 123)
		if !ok || ts == 0 || ts >= 1<<31 {
			t.Errorf("after %d h the timestamp moved by %d", hours, ts)
		}
		if hours == 1 && ts != 3600*rate {
			t.Errorf("after an hour %d", ts)
		}
	}
}

func TestRestart(t *testing.T) {
	for _, seq := range []uint16{100 + 3001, 65536 - 3001 + 100, 30000, 100 + 1<<15} {
		var s Stream
		s.Switch(0, 100, 0, rate)
		mustMap(t, &s, 0, 100, 0, 100, 0)
		mustMap(t, &s, 100*ms, seq, 99, 101, 9000)
		mustMap(t, &s, 100*ms, seq+1, 99, 102, 9000)
		mustNot(t, &s, 100*ms, seq-1)
	}
	// At the limit it is a loss, or late.
	var s Stream
	mustMap(t, &s, 0, 100, 0, 100, 0)
	mustMap(t, &s, 0, 3100, 9, 3100, 9)
	mustMap(t, &s, 0, 101, 1, 101, 1)
	mustMap(t, &s, 0, 100, 0, 100, 0)
}

func TestRestartWhileDropping(t *testing.T) {
	var s Stream
	mustMap(t, &s, 0, 100, 0, 100, 0)
	s.Drop(20000)
	if _, ok := s.Source(100); ok {
		t.Error("the source before the restart is still known")
	}
	mustMap(t, &s, 0, 20001, 0, 101, 1)
}

func TestDrop(t *testing.T) {
	var s Stream
	s.Drop(5) // before anything: nothing
	mustMap(t, &s, 0, 65530, 0, 65530, 0)
	s.Drop(65531)
	s.Drop(65532)
	s.Drop(65532)
	mustMap(t, &s, 0, 65534, 1, 65532, 1) // 65533 is late
	mustMap(t, &s, 0, 65533, 1, 65531, 1)
	mustNot(t, &s, 0, 65531)
	s.Drop(1)
	s.Drop(0) // out of order, but nothing behind them was mapped
	mustMap(t, &s, 0, 2, 2, 65534, 2)
	mustMap(t, &s, 0, 65535, 2, 65533, 2)
	s.Drop(3)
	mustMap(t, &s, 0, 5, 3, 0, 3)
	s.Drop(4) // too late: its number is spent
	mustMap(t, &s, 0, 6, 3, 1, 3)
	for out, want := range map[uint16]uint16{1: 6, 0: 5, 65535: 4, 65534: 2, 65533: 65535, 65532: 65534, 65531: 65533, 65530: 65530} {
		if got, ok := s.Source(out); !ok || got != want {
			t.Errorf("Source(%d) = %d, %v; want %d", out, got, ok, want)
		}
	}
	for _, out := range []uint16{2, 65529} {
		if got, ok := s.Source(out); ok {
			t.Errorf("Source(%d) = %d; want none", out, got)
		}
	}
	s.Drop(7)
	s.Switch(0, 300, 0, rate)
	if _, ok := s.Source(1); ok {
		t.Error("a number of the source before")
	}
	mustMap(t, &s, 0, 300, 0, 2, 4)
}

// TestDropIsForgotten holds that what was dropped of one source does not count for
// the next, whose packets are remembered in the same places.
func TestDropIsForgotten(t *testing.T) {
	var s Stream
	mustMap(t, &s, 0, 9, 0, 9, 0)
	s.Drop(10)
	s.Switch(0, 10, 0, rate)
	mustMap(t, &s, 0, 10, 0, 10, 1)
	s.Drop(11)
	mustMap(t, &s, 0, 12, 1, 11, 2)
	mustMap(t, &s, 0, 10, 0, 10, 1)
}

// TestDropBeyondWindow holds that nothing is mapped wrong when it comes later
// than is remembered.
func TestDropBeyondWindow(t *testing.T) {
	var s Stream
	mustMap(t, &s, 0, 0, 0, 0, 0)
	for seq := uint16(2); seq < 70; seq++ {
		s.Drop(seq)
	}
	mustMap(t, &s, 0, 2000, 1, 2000-68, 1)
	mustNot(t, &s, 0, 1)
	mustMap(t, &s, 0, 1900, 1, 1900-68, 1)

	s = Stream{}
	mustMap(t, &s, 0, 0, 0, 0, 0)
	mustMap(t, &s, 0, 1990, 0, 1990, 0)
	s.Drop(1991)
	mustMap(t, &s, 0, 2000, 1, 1999, 1)
	mustMap(t, &s, 0, 1, 0, 1, 0) // nothing was dropped before it
}

// TestAgainstModel compares with a plain account of what was sent, over random
// losses, reordering, duplicates, drops and switches.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var s Stream
		given := map[uint16]uint16{} // source to outgoing, of this source
		used := map[uint16]bool{}    // outgoing numbers of this source
		next, last, began := uint16(r.Uint32()), uint16(0), false
		now := int64(0)
		var lastTS uint32
		for range 3 {
			src := uint16(r.Uint32())
			s.Switch(now, src, r.Uint32(), rate)
			clear(given)
			clear(used)
			skipped := map[uint16]bool{}
			for i := range 700 {
				now += ms
				if i == 0 {
					next = src
				} else {
					next += 1 + uint16(r.IntN(10)/9) // one in ten lost
				}
				seq := next
				switch {
				case i > 0 && r.IntN(4) == 0:
					s.Drop(seq)
					skipped[seq] = true
					continue
				case i > 20 && r.IntN(10) == 0:
					seq -= uint16(r.IntN(15)) // late or twice
				}
				out, _, ok := s.Map(now, seq, lastTS+uint32(i))
				if skipped[seq] {
					if ok {
						t.Fatalf("seed %d: dropped %d mapped to %d", seed, seq, out)
					}
					continue
				}
				if !ok {
					t.Fatalf("seed %d: %d not mapped", seed, seq)
				}
				if before, twice := given[seq]; twice && before != out || !twice && used[out] {
					t.Fatalf("seed %d: %d mapped to %d, before to %d; that was given: %v", seed, seq, out, before, used[out])
				}
				if i == 0 && began && out != last+1 {
					t.Fatalf("seed %d: began with %d after %d", seed, out, last)
				}
				given[seq], used[out], began = out, true, true
				if int16(out-last) > 0 || i == 0 {
					last = out
				}
				if got, ok := s.Source(out); !ok || got != seq {
					t.Fatalf("seed %d: Source(%d) = %d, %v; want %d", seed, out, got, ok, seq)
				}
			}
			lastTS = r.Uint32()
		}
	}
}

func TestNoAllocation(t *testing.T) {
	var s Stream
	seq := uint16(0)
	n := testing.AllocsPerRun(1000, func() {
		s.Map(int64(seq)*ms, seq, uint32(seq))
		s.Drop(seq + 1)
		s.Source(seq)
		seq += 2
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzStream plays any sequence of calls; numbers given must not be given to
// another packet of the same source.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 1, 2, 1, 0, 1, 3, 200, 1, 7, 0, 4, 2, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var s Stream
		seq := uint16(65500)
		for i := 0; i+1 < len(ops); i += 2 {
			now := int64(i) * ms
			seq += uint16(int16(int8(ops[i+1])))
			switch ops[i] % 4 {
			case 0, 3:
				out, _, ok := s.Map(now, seq, uint32(i))
				if !ok {
					continue
				}
				if got, known := s.Source(out); known && got != seq {
					t.Fatalf("step %d: %d went out as %d, which is %d", i, seq, out, got)
				}
			case 1:
				s.Drop(seq)
			case 2:
				seq += uint16(ops[i+1]) << 8
				s.Switch(now, seq, uint32(ops[i+1])<<24, rate)
			}
		}
	})
}

func BenchmarkMap(b *testing.B) {
	var s Stream
	s.Switch(0, 0, 0, rate)
	b.ReportAllocs()
	seq := uint16(0)
	for b.Loop() {
		s.Map(int64(seq), seq, uint32(seq))
		seq++
	}
}

func BenchmarkMapWithDrops(b *testing.B) {
	var s Stream
	s.Switch(0, 0, 0, rate)
	b.ReportAllocs()
	seq := uint16(0)
	for b.Loop() {
		s.Map(int64(seq), seq, uint32(seq))
		s.Drop(seq + 1)
		seq += 2
	}
}

func BenchmarkSource(b *testing.B) {
	var s Stream
	for seq := uint16(0); seq < 2000; seq += 2 {
		s.Map(0, seq, 0)
		s.Drop(seq + 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Source(900)
	}
}

func TestDropSpent(t *testing.T) {
	var s Stream
	if s.Drop(9) {
		t.Error("spent before anything")
	}
	mustMap(t, &s, 0, 10, 0, 10, 0)
	for _, seq := range []uint16{11, 11, 9} { // the first, again, from before
		if s.Drop(seq) {
			t.Errorf("%d was not spent", seq)
		}
	}
	mustMap(t, &s, 0, 13, 1, 12, 1)
	if s.Drop(11) {
		t.Error("dropped in time, and spent")
	}
	if !s.Drop(12) {
		t.Error("its number has been passed over")
	}
	mustMap(t, &s, 0, 12, 1, 11, 1)
}

func TestOffset(t *testing.T) {
	var s Stream
	if _, ok := s.Offset(); ok {
		t.Error("an offset without a source")
	}
	s.Switch(0, 10, 5000, rate)
	s.Map(0, 10, 5000)
	s.Switch(100*ms, 70, 100, rate)
	_, ts, _ := s.Map(100*ms, 70, 100)
	if offset, ok := s.Offset(); !ok || 100+offset != ts {
		t.Errorf("offset %d, but 100 becomes %d", offset, ts)
	}
}
