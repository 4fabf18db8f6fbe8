package egress

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// oneFrame sends six datagrams to each of n viewers and flushes.
func (s *sending) oneFrame(n int) {
	if s.b.arena == nil {
		s.b.arena = make([]byte, 1<<20) // one that is full would end runs
	}
	for i := range n {
		for range 5 {
			s.put(viewer(i), 1000)
		}
		s.put(viewer(i), 300)
	}
	s.b.Flush()
}

func (s *sending) check(f *fake) {
	s.t.Helper()
	for to, want := range s.sent {
		same(s.t, to, f.got[to], want)
	}
}

// Eight refusals without a success, and the socket sends one by one; it tries
// again after a minute.
func TestSegmentationRefused(t *testing.T) {
	f := &fake{}
	f.refuse = func(_ netip.AddrPort, segments int) unix.Errno {
		if segments > 1 {
			return unix.EIO
		}
		return 0
	}
	s := sendingOn(t, on(t, f, Options{}))
	s.oneFrame(20)
	st := s.b.socket.Stats()
	if st.GSO || st.Refused != manyRefusals || st.Runs != 0 || st.Sent != 120 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	f.calls = 0
	s.oneFrame(20)
	if f.calls != 2 { // 120 messages, 64 a call
		t.Errorf("%d calls", f.calls)
	}
	s.b.socket.start = s.b.socket.start.Add(-time.Minute - time.Second)
	s.oneFrame(20)
	if st := s.b.socket.Stats(); st.Refused != manyRefusals+1 || st.GSO {
		t.Errorf("tries once: %+v", st)
	}
	f.refuse = nil
	s.b.socket.start = s.b.socket.start.Add(-time.Minute - time.Second)
	s.oneFrame(20)
	if st := s.b.socket.Stats(); st.Refused != manyRefusals+1 || !st.GSO || st.Runs == 0 {
		t.Errorf("works again: %+v", st)
	}
	s.check(f)
}

// One path without segmentation costs one call a minute, and the others keep it.
func TestOnePathRefuses(t *testing.T) {
	f := &fake{}
	f.refuse = func(to netip.AddrPort, segments int) unix.Errno {
		if segments > 1 && to == viewer(3) {
			return unix.EMSGSIZE
		}
		return 0
	}
	s := sendingOn(t, on(t, f, Options{}))
	for range 50 {
		s.oneFrame(10)
	}
	if st := s.b.socket.Stats(); st.Refused != 1 || !st.GSO || st.Runs != 50*9 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	s.b.socket.start = s.b.socket.start.Add(-time.Minute - time.Second)
	s.oneFrame(10)
	if st := s.b.socket.Stats(); st.Refused != 2 {
		t.Errorf("later: %+v", st)
	}
	s.check(f)
}

// A kernel that ignores the control message would send a run as one datagram.
func TestOldKernel(t *testing.T) {
	f := &fake{old: true}
	s := sendingOn(t, on(t, f, Options{}))
	s.oneFrame(10)
	if st := s.b.socket.Stats(); st.GSO || st.Runs != 0 || st.Refused != 0 || st.Sent != 60 {
		t.Errorf("%+v", st)
	}
	s.check(f)
}

func TestSendmmsgRefused(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM, unix.EACCES} {
		f := &fake{multi: errno}
		s := sendingOn(t, on(t, f, Options{}))
		s.oneFrame(20)
		if st := s.b.socket.Stats(); st.Multi || !st.GSO || st.Sent != 120 || st.Dropped != 0 || st.Runs != 20 {
			t.Errorf("%v: %+v", errno, st)
		}
		f.calls = 0
		s.oneFrame(20)
		if f.calls != 20 {
			t.Errorf("%v: %d calls for 20 runs", errno, f.calls)
		}
		s.check(f)
	}
}

// A firewall that forbids the first destination of all is no sandbox.
func TestFirewall(t *testing.T) {
	f := &fake{}
	f.refuse = func(to netip.AddrPort, _ int) unix.Errno {
		if to == viewer(0) || to == viewer(7) || to == viewer(8) || to == viewer(19) {
			return unix.EPERM
		}
		return 0
	}
	s := sendingOn(t, on(t, f, Options{}))
	for range 20 {
		s.oneFrame(20)
	}
	if st := s.b.socket.Stats(); !st.Multi || !st.GSO || st.Dropped != 20*4*6 || st.Sent != 20*16*6 {
		t.Errorf("%+v", st)
	}
	for _, i := range []int{0, 7, 8, 19} {
		s.sent[viewer(i)] = nil
	}
	s.check(f)
}

// A call that worked is not refused by a sandbox, whatever it says later, such
// as of a firewall that counts.
func TestRefusedNowAndThen(t *testing.T) {
	f := &fake{}
	s := sendingOn(t, on(t, f, Options{}))
	s.oneFrame(20)
	n := 0
	f.refuse = func(netip.AddrPort, int) unix.Errno {
		if n++; n%3 == 1 {
			return unix.EPERM
		}
		return 0
	}
	for range 20 {
		s.oneFrame(20)
	}
	if st := s.b.socket.Stats(); !st.Multi || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	s.check(f)
}

// An error that is told to a datagram of somebody else costs nobody anything.
func TestErrorOfAnother(t *testing.T) {
	f := &fake{}
	n := 0
	f.refuse = func(netip.AddrPort, int) unix.Errno {
		if n++; n%3 == 1 {
			return unix.ECONNREFUSED
		}
		return 0
	}
	s := sendingOn(t, on(t, f, Options{}))
	s.oneFrame(20)
	s.check(f)
	if n, err := s.b.socket.Send([]byte("abc"), viewer(1)); n != 3 || err != nil {
		t.Error(n, err)
	}
}

func TestFullBuffer(t *testing.T) {
	f := &fake{}
	full := true
	f.refuse = func(to netip.AddrPort, _ int) unix.Errno {
		if full && to != viewer(0) {
			return unix.EAGAIN
		}
		return 0
	}
	s := sendingOn(t, on(t, f, Options{}))
	begun := time.Now()
	s.oneFrame(20)
	took := time.Since(begun)
	if st := s.b.socket.Stats(); st.Sent != 6 || st.Dropped != 19*6 || st.Congested == 0 {
		t.Errorf("%+v", st)
	}
	if took < patience || took > time.Second {
		t.Errorf("it takes %v", took)
	}
	if n, err := s.b.socket.Send([]byte("abc"), viewer(1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(n, err)
	}
	// Those that wait at once wait no longer than one.
	var both sync.WaitGroup
	begun = time.Now()
	for range 8 {
		both.Go(func() { _, _ = s.b.socket.Send([]byte("abc"), viewer(1)) })
	}
	both.Wait()
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it takes %v", took)
	}
	// The refused ones leave nothing behind, and no deadline either.
	full = false
	clear(s.sent)
	clear(f.got)
	s.oneFrame(20)
	s.check(f)
}

// The buffer has room again while it is waited for.
func TestBufferEmpties(t *testing.T) {
	f := &fake{}
	left := 0
	f.refuse = func(netip.AddrPort, int) unix.Errno {
		if left > 0 {
			left--
			return unix.EAGAIN
		}
		return 0
	}
	s := sendingOn(t, on(t, f, Options{}))
	for i := range uint64(3) {
		left = 1
		s.oneFrame(20)
		if st := s.b.socket.Stats(); st.Congested != i+1 || st.Dropped != 0 {
			t.Errorf("%+v", st)
		}
	}
	s.check(f)
}

func TestNoAddress(t *testing.T) {
	f := &fake{}
	s := on(t, f, Options{})
	bad := []netip.AddrPort{{}, netip.MustParseAddrPort("[2001:db8::1]:9")}
	b := s.NewBatch()
	for _, to := range append(bad, viewer(0)) {
		for range 3 {
			b.Reserve(to, 100)
			b.Commit(100)
		}
	}
	b.Flush()
	if st := s.Stats(); st.Dropped != 6 || st.Sent != 3 || len(f.got[viewer(0)]) != 3 {
		t.Errorf("%+v", st)
	}
	for _, to := range bad {
		if n, err := s.Send([]byte("abc"), to); n != 0 || !errors.Is(err, errAddress) {
			t.Errorf("%v: %d, %v", to, n, err)
		}
	}
}

func TestSendClosed(t *testing.T) {
	conn := listen(t, "127.0.0.1:0")
	s := Wrap(conn, Options{})
	b := s.NewBatch()
	b.Reserve(viewer(0), 100)
	b.Commit(100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b.Flush()
	if st := s.Stats(); st.Dropped != 1 || st.Sent != 0 {
		t.Errorf("%+v", st)
	}
	if _, err := s.Send([]byte("abc"), viewer(0)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if n, err := s.Receive([]Datagram{{Buffer: make([]byte, 10)}}); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Error(n, err)
	}
}

// Many goroutines, each with a batch, and single sends besides.
func TestConcurrent(t *testing.T) {
	f := &fake{}
	f.refuse = func(_ netip.AddrPort, segments int) unix.Errno {
		if segments == 3 {
			return unix.EIO
		}
		return 0
	}
	s := on(t, f, Options{})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			b := s.NewBatch()
			for i := range 200 {
				for range 1 + i%4 {
					b.Reserve(viewer(g), 500)
					b.Commit(500)
				}
				if i%10 == 0 {
					b.Flush()
				}
				if _, err := s.Send([]byte{1}, viewer(100+g)); err != nil {
					t.Error(err)
				}
			}
			b.Flush()
		})
	}
	for range 100 {
		_ = s.Stats()
	}
	all.Wait()
	for g := range 8 {
		if a, b := len(f.got[viewer(g)]), len(f.got[viewer(100+g)]); a != 500 || b != 200 {
			t.Errorf("%d: %d and %d", g, a, b)
		}
	}
}
