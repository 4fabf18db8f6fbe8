package receive

import (
	"math/rand/v2"
	"slices"
	"testing"
)

const ms = int64(1_000_000)

func newStream() *Stream { return &Stream{Rate: 90000, Nack: true} }

// take records a packet and fails unless the verdict is as wanted.
func (s *Stream) take(t *testing.T, now int64, seq uint16, want Verdict) {
	t.Helper()
	if got := s.Record(now, seq, uint32(now/ms*90), false); got != want {
		t.Fatalf("packet %d: verdict %d, want %d", seq, got, want)
	}
}

// wantDue fails unless exactly these are to be asked for.
func (s *Stream) wantDue(t *testing.T, now int64, gaveUp bool, want ...uint16) {
	t.Helper()
	got, gave := s.Due(now, make([]uint16, 0, 64))
	if !slices.Equal(got, want) || gave != gaveUp {
		t.Fatalf("at %d ms due %v, %v; want %v, %v", now/ms, got, gave, want, gaveUp)
	}
}

func TestVerdicts(t *testing.T) {
	s := newStream()
	if _, ok := s.Highest(); ok || s.Record(0, 9, 0, true) != Late {
		t.Error("a stream began with a retransmission")
	}
	s.take(t, 0, 65534, Fresh)
	s.take(t, 0, 1, Fresh)
	s.take(t, 0, 65535, Fresh)
	s.take(t, 0, 65535, Duplicate)
	s.take(t, 0, 1, Duplicate)
	s.take(t, 0, 65533, Fresh) // from before the first
	if h, ok := s.Highest(); !ok || h != 65537 {
		t.Errorf("highest %d", h)
	}
	s.take(t, 0, 1025, Fresh)
	s.take(t, 0, 1, Late)
	s.take(t, 0, 2, Fresh)
}

func TestRestart(t *testing.T) {
	s := newStream()
	s.take(t, 0, 10000, Fresh)
	s.take(t, 0, 13000, Fresh)     // a loss
	s.take(t, 0, 16001, Restarted) // farther than a loss can be
	s.take(t, 0, 16000, Fresh)
	s.take(t, 0, 13000, Restarted)

	// Back, but not far: two in a row tell.
	s.take(t, 0, 11500, Late)
	s.take(t, 0, 11600, Late)
	s.take(t, 0, 13001, Fresh)
	s.take(t, 0, 11601, Late)
	s.take(t, 0, 11602, Restarted)
	s.take(t, 0, 11603, Fresh)
	if s.Record(0, 50000, 0, true) != Late {
		t.Error("a retransmission restarted the stream")
	}
	s.take(t, 0, 11604, Fresh)
}

func TestLossIsAskedFor(t *testing.T) {
	s := newStream()
	s.take(t, 0, 65534, Fresh)
	s.take(t, 0, 1, Fresh)
	s.wantDue(t, 0, false, 65535) // two have come after it, one after 0
	s.take(t, 1*ms, 2, Fresh)
	s.wantDue(t, 1*ms, false, 0)
	s.wantDue(t, 50*ms, false)
	s.take(t, 60*ms, 0, Fresh) // it took 59 ms
	s.wantDue(t, 73*ms, false)
	s.wantDue(t, 74*ms, false, 65535) // 59 and a quarter
	if s.RoundTrip() != 59*ms {
		t.Errorf("round trip %d", s.RoundTrip())
	}
	s.take(t, 80*ms, 65535, Fresh)
	s.wantDue(t, 1000*ms, false)
	if s.RoundTrip() != 59*ms {
		t.Error("an answer to one of two requests was measured")
	}

	// Overtaken, not lost.
	s.take(t, 100*ms, 4, Fresh)
	s.wantDue(t, 100*ms, false)
	s.take(t, 100*ms, 3, Fresh)
	s.wantDue(t, 200*ms, false)

	// Nothing more comes: time tells.
	s.take(t, 300*ms, 6, Fresh)
	s.wantDue(t, 309*ms, false)
	s.wantDue(t, 310*ms, false, 5)
}

func TestGiveUp(t *testing.T) {
	s := newStream()
	s.take(t, 0, 1, Fresh)
	s.take(t, 0, 3, Fresh)
	now := 10 * ms
	for range maxTries {
		s.wantDue(t, now, false, 2)
		now += firstRepeat
	}
	s.wantDue(t, now, true)
	s.wantDue(t, now+firstRepeat, false)

	s.take(t, now, 3+maxMissing+2, Fresh) // too many at once
	s.wantDue(t, now+second, true)

	s.take(t, now, 3+maxMissing+10, Fresh)
	s.Forget()
	s.wantDue(t, now+second, false)

	quiet := &Stream{Rate: 48000}
	quiet.take(t, 0, 1, Fresh)
	quiet.take(t, 0, 9, Fresh)
	quiet.wantDue(t, second, false)
}

func TestDueFitsItsRoom(t *testing.T) {
	s := newStream()
	s.take(t, 0, 0, Fresh)
	s.take(t, 0, 101, Fresh)
	first, _ := s.Due(second, make([]uint16, 0, 64))
	rest, _ := s.Due(second, make([]uint16, 0, 64))
	if len(first) != 64 || len(rest) != 36 || rest[0] != 65 {
		t.Errorf("asked for %d, then %d beginning with %d", len(first), len(rest), rest[0])
	}
}

func TestReport(t *testing.T) {
	s := newStream()
	if _, ok := s.Report(0); ok {
		t.Error("a report before the first packet")
	}
	base := uint16(65500)
	for seq := range uint16(100) {
		if seq%4 == 3 {
			continue // 25 lost
		}
		s.take(t, int64(seq)*10*ms, base+seq, Fresh)
	}
	last := base + 98
	s.take(t, 990*ms, last, Duplicate) // counts as received (RFC 3550 A.3)
	s.Record(990*ms, base+3, 0, true)  // does not: the network lost it
	s.SenderReport(500*ms, 0x1234_5678_9abc_def0)
	r, ok := s.Report(1000 * ms)
	want := Report{Fraction: uint8(23 * 256 / 99), Lost: 23, Highest: 65500 + 98, LSR: 0x5678_9abc, DLSR: 1 << 15}
	if !ok || r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
	if _, ok := s.Report(2000 * ms); ok {
		t.Error("a report though nothing came")
	}
	s.take(t, 1000*ms, last+2, Fresh)
	if r, _ := s.Report(3000 * ms); r.Lost != 24 || r.Fraction != 128 {
		t.Errorf("%+v: one of two was lost", r)
	}
}

// TestJitter follows appendix A.8: a sixteenth of each difference.
func TestJitter(t *testing.T) {
	s := newStream()
	r := func() uint32 { b, _ := s.Report(0); return b.Jitter }
	s.Record(0, 0, 0, false)
	s.Record(20*ms, 1, 1800, false)
	if j := r(); j != 0 {
		t.Errorf("jitter %d of an even stream", j)
	}
	s.Record(50*ms, 2, 3600, false) // 10 ms late: 900 ticks
	if j := r(); j != 900/16 {
		t.Errorf("jitter %d, want %d", j, 900/16)
	}
	s.Record(55*ms, 3, 3600, false) // of the same frame
	if j := r(); j != 900/16 {
		t.Errorf("jitter %d after the same frame", j)
	}
	for i := range uint16(500) {
		late := int64(i%2) * 10 * ms
		s.Record(int64(i+3)*20*ms+late, 4+i, 1800*(uint32(i)+3), false)
	}
	if j := r(); j < 850 || j > 950 {
		t.Errorf("jitter %d of a stream that is 900 ticks off each time", j)
	}
}

// TestAgainstModel compares verdicts with a plain set, and holds that each
// packet that is missing is asked for until it comes.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := newStream()
		start := uint16(r.Uint32())
		came, asked := map[uint16]bool{}, map[uint16]bool{}
		var lost []uint16
		now := int64(0)
		for i := range uint16(800) {
			now += ms
			seq := start + i
			if i > 0 && r.IntN(8) == 0 {
				lost = append(lost, seq)
				continue
			}
			if i > 20 && r.IntN(5) == 0 {
				seq -= uint16(r.IntN(20))
			}
			want := Fresh
			if came[seq] {
				want = Duplicate
			}
			came[seq] = true
			s.take(t, now, seq, want)
			due, _ := s.Due(now, make([]uint16, 0, 64))
			for _, d := range due {
				if came[d] {
					t.Fatalf("seed %d: asks for %d, which came", seed, d)
				}
				asked[d] = true
			}
		}
		h, _ := s.Highest()
		for _, seq := range lost {
			if int16(uint16(h)-seq) > reorder && !came[seq] && !asked[seq] {
				t.Fatalf("seed %d: never asked for %d", seed, seq)
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	s := newStream()
	due := make([]uint16, 0, 64)
	s.Record(0, 0, 0, false)
	s.Record(0, 2, 0, false) // the list is made
	seq := uint16(3)
	n := testing.AllocsPerRun(1000, func() {
		now := int64(seq) * ms
		s.Record(now, seq, uint32(seq), false)
		s.Due(now, due)
		seq += 1 + seq%7/6
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzStream plays any sequence of packets: what is asked for has not come, in
// order, and a packet is fresh once.
func FuzzStream(f *testing.F) {
	f.Add([]byte{0, 1, 0, 3, 1, 200, 2, 0, 3, 7})
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := newStream()
		seq := uint16(65000)
		due := make([]uint16, 0, 64)
		for i := 0; i+1 < len(ops); i += 2 {
			now := int64(i) * 5 * ms
			switch ops[i] % 4 {
			case 0, 1:
				seq += uint16(int16(int8(ops[i+1])))
			case 2:
				seq += uint16(ops[i+1]) << 8
			}
			if v := s.Record(now, seq, uint32(i), ops[i]&0x80 != 0); v == Fresh || v == Restarted {
				if s.Record(now, seq, uint32(i), false) != Duplicate {
					t.Fatalf("step %d: %d is fresh twice", i, seq)
				}
			}
			due, _ = s.Due(now, due[:0])
			for j := range due {
				if j > 0 && int16(due[j]-due[j-1]) <= 0 {
					t.Fatalf("step %d: asks for %v", i, due)
				}
			}
			if len(s.loss.missing) > maxMissing {
				t.Fatalf("%d are missing", len(s.loss.missing))
			}
			s.Report(now)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	s := newStream()
	due := make([]uint16, 0, 64)
	b.ReportAllocs()
	for seq := uint16(0); b.Loop(); seq++ {
		s.Record(int64(seq)*ms, seq, uint32(seq)*90, false)
		s.Due(int64(seq)*ms, due)
	}
}
