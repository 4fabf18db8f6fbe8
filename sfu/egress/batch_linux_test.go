package egress

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRuns(t *testing.T) {
	repeat := func(n, size int) (list []int) {
		for range n {
			list = append(list, size)
		}
		return list
	}
	for _, c := range []struct {
		name  string
		sizes []int
		runs  []int // datagrams of each
	}{
		{"one", []int{100}, []int{1}},
		{"equal", []int{100, 100, 100}, []int{3}},
		{"a smaller one ends it", []int{100, 100, 60, 60, 60, 100}, []int{3, 2, 1}},
		{"a larger one begins anew", []int{100, 101, 101, 102}, []int{1, 2, 1}},
		{"a smaller one and its like", []int{100, 60, 100, 60}, []int{2, 2}},
		{"growing", []int{1, 2, 3}, []int{1, 1, 1}},
		{"64 segments", repeat(130, 100), []int{64, 64, 2}},
		{"64 KiB", repeat(100, 1150), []int{56, 44}},
		{"the largest", repeat(2, 65507), []int{1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{}
			b := on(t, f, Options{}).NewBatch()
			b.arena = make([]byte, 1<<20) // so that it does not end runs
			for _, n := range c.sizes {
				b.Reserve(viewer(0), n)
				b.Commit(n)
			}
			var runs []int
			for _, r := range b.runs {
				runs = append(runs, r.segments)
			}
			if len(runs) != len(c.runs) {
				t.Fatalf("%v", runs)
			}
			for i, n := range c.runs {
				if runs[i] != n {
					t.Fatalf("%v", runs)
				}
			}
			b.Flush()
			if f.messages != len(c.runs) {
				t.Errorf("%d messages", f.messages)
			}
		})
	}
}

// What is in between ends a run, or order within one destination would hang on
// what the others get.
func TestRunsAreConsecutive(t *testing.T) {
	f := &fake{}
	s := sendingOn(t, on(t, f, Options{}))
	for _, i := range []int{0, 0, 1, 0, 1, 1} {
		s.put(viewer(i), 500)
	}
	if n := len(s.b.runs); n != 4 {
		t.Errorf("%d runs", n)
	}
	s.b.Flush()
	for to, want := range s.sent {
		same(t, to, f.got[to], want)
	}
}

func TestReserveCommit(t *testing.T) {
	f := &fake{}
	s := on(t, f, Options{})
	b := s.NewBatch()
	for _, n := range []int{-1, 0, MaxDatagram + 1} {
		if b.Reserve(viewer(0), n) != nil {
			t.Errorf("room for %d bytes", n)
		}
		b.Commit(1)
	}
	b.Commit(10)
	for _, n := range []int{0, -1, 21} {
		b.Reserve(viewer(0), 20)
		b.Commit(n)
		b.Commit(20)
	}
	b.Reserve(viewer(0), 20)
	b.Flush()
	b.Commit(20)
	b.Flush()
	if f.calls != 0 {
		t.Fatalf("%d calls for nothing", f.calls)
	}
	b.Reserve(viewer(0), 20)[0] = 1
	b.Reserve(viewer(1), 30)[0] = 2 // instead
	b.Commit(5)
	b.Flush()
	if len(f.got) != 1 || len(f.got[viewer(1)]) != 1 || len(f.got[viewer(1)][0]) != 5 || f.got[viewer(1)][0][0] != 2 {
		t.Errorf("%v", f.got)
	}
}

// A batch flushes when it is full, of bytes or of runs, and loses nothing.
func TestFull(t *testing.T) {
	for _, o := range []Options{{}, {NoGSO: true}, {NoMulti: true}, {NoGSO: true, NoMulti: true}} {
		f := &fake{}
		s := sendingOn(t, on(t, f, o))
		for i := range 300 {
			for range 7 {
				s.put(viewer(i), 1150)
			}
			s.put(viewer(i), 700)
			s.put(viewer(i), 710)
			if i%50 == 0 {
				s.put(viewer(i), MaxDatagram-16)
			}
		}
		s.b.Flush()
		for to, want := range s.sent {
			same(t, to, f.got[to], want)
		}
		if len(s.b.arena) != maxArena {
			t.Errorf("an arena of %d bytes", len(s.b.arena))
		}
		st := s.b.socket.Stats()
		if st.Sent != 2706 || st.Dropped != 0 || st.SendCalls != uint64(f.calls) {
			t.Errorf("%+v: %+v, %d calls", o, st, f.calls)
		}
		if want := map[bool]int{false: 606, true: 2706}[o.NoGSO]; f.messages < want || f.messages > want*11/10 {
			t.Errorf("%+v: %d messages, want %d", o, f.messages, want)
		}
		if o.NoMulti != (f.calls == f.messages) {
			t.Errorf("%+v: %d calls for %d messages", o, f.calls, f.messages)
		}
		if st.GSO == o.NoGSO || st.Multi == o.NoMulti {
			t.Errorf("%+v: %+v", o, st)
		}
	}
}

// Whatever is sent and whatever is refused, each destination that takes single
// datagrams gets all of its own, in order.
func FuzzBatch(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	errs := []unix.Errno{0, 0, 0, unix.EINVAL, unix.EIO, unix.EMSGSIZE, unix.ENOPROTOOPT, unix.EOPNOTSUPP}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		viewers := 1 + r.IntN(100)
		refused := make(map[netip.AddrPort]unix.Errno)
		dead := make(map[netip.AddrPort]unix.Errno)
		for i := range viewers {
			refused[viewer(i)] = errs[r.IntN(len(errs))]
			if r.IntN(10) == 0 {
				dead[viewer(i)] = []unix.Errno{unix.ENETUNREACH, unix.EPERM, unix.ENOBUFS, unix.EINVAL, unix.ECONNREFUSED}[r.IntN(5)]
			}
		}
		k := &fake{multi: []unix.Errno{0, 0, 0, unix.ENOSYS, unix.EPERM}[r.IntN(5)], old: r.IntN(8) == 0}
		k.refuse = func(to netip.AddrPort, segments int) unix.Errno {
			switch {
			case dead[to] != 0:
				return dead[to]
			case r.IntN(20) == 0:
				return unix.EINTR
			case segments > 1:
				return refused[to]
			}
			return 0
		}
		s := sendingOn(t, on(t, k, Options{NoGSO: r.IntN(8) == 0, NoMulti: r.IntN(8) == 0}))
		total, lost := 0, 0
		for range 1 + r.IntN(200) {
			to, n := viewer(r.IntN(viewers)), 1+r.IntN(1400)
			for range r.IntN(20) {
				s.put(to, max(1, n-r.IntN(2)*r.IntN(3)*100))
				total++
				if dead[to] != 0 {
					lost++
				}
			}
			if r.IntN(30) == 0 {
				s.b.Flush()
			}
		}
		s.b.Flush()
		for to, want := range s.sent {
			if dead[to] != 0 {
				want = nil
			}
			same(t, to, k.got[to], want)
		}
		if st := s.b.socket.Stats(); st.Sent != uint64(total-lost) || st.Dropped != uint64(lost) || st.SendCalls != uint64(k.calls) {
			t.Errorf("%d sent, %d lost, %d calls: %+v", total, lost, k.calls, st)
		}
	})
}
