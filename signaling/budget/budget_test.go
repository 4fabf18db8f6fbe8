package budget

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"lectern/signaling/fault"
)

// TestLargestDebtorGoesFirst holds that over the limit the accounts that hold
// the most are ended, and no others.
func TestLargestDebtorGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000, nil)
		ended := map[string]bool{}
		open := func(name string, n int) *Account {
			a := b.Open(func() { ended[name] = true })
			a.Take(n)
			return a
		}
		small := open("small", 100)
		large := open("large", 600)
		open("middle", 290)
		synctest.Wait()
		if len(ended) != 0 {
			t.Fatalf("under the limit %v were ended", ended)
		}
		small.Take(50)
		synctest.Wait()
		if !ended["large"] || len(ended) != 1 {
			t.Fatalf("over the limit %v were ended, want large only", ended)
		}
		small.Take(50) // large has not gone yet, and no other has to for it
		synctest.Wait()
		if len(ended) != 1 {
			t.Fatalf("while large ends, %v were ended", ended)
		}
		large.Take(-600)
		large.Close()
		if b.Used() != 490 || b.ending.Load() != 0 {
			t.Errorf("%d bytes are held and %d are ending, want 490 and 0", b.Used(), b.ending.Load())
		}
	})
}

// TestSharedBytesCountOnce holds that what many wait for at once is counted for
// each, and once in all.
func TestSharedBytesCountOnce(t *testing.T) {
	b := New(1<<20, nil)
	data := make([]byte, 10_000)
	f := NewFrame([]byte("head"), data, []byte("}"))
	if &f.Data[0] != &data[0] {
		t.Fatal("a large message is copied for each who waits for it")
	}
	var all []*Account
	for range 100 {
		a := b.Open(func() { t.Error("an account was ended") })
		a.Queue(f)
		all = append(all, a)
	}
	if got, want := b.Used(), int64(10_000+100*5); got != want || all[0].Held() != 10_005 {
		t.Errorf("all hold %d and one %d bytes, want %d and 10005", got, all[0].Held(), want)
	}
	for _, a := range all {
		a.Unqueue(f)
		a.Close()
	}
	if b.Used() != 0 || len(b.shared) != 0 || len(b.accounts) != 0 {
		t.Errorf("%d bytes are left", b.Used())
	}
}

func TestReadGivesWhatCame(t *testing.T) {
	b := New(1<<30, nil)
	a := b.Open(func() {})
	for _, n := range []int{0, 1, firstPiece - 1, firstPiece, firstPiece + 1, 100_000, 1_000_000} {
		want := bytes.Repeat([]byte("abc"), n/3+1)[:n]
		for name, r := range map[string]io.Reader{
			"at once": bytes.NewReader(want), "in halves": iotest.HalfReader(bytes.NewReader(want)),
			"with its end": iotest.DataErrReader(bytes.NewReader(want)),
		} {
			m, err := a.Read(r, 1_000_000)
			if err != nil || !bytes.Equal(m.Data, want) {
				t.Errorf("%d bytes %s: got %d, %v", n, name, len(m.Data), err)
			}
			m.Release()
		}
	}
	if _, err := a.Read(bytes.NewReader(make([]byte, 1001)), 1000); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a message over the limit gives %v", err)
	}
	if b.Used() != 0 {
		t.Errorf("%d bytes are counted after all was read", b.Used())
	}
}

// TestHalfAMessageHoldsWhatCame holds that memory for a message that does not
// come whole grows with what came of it.
func TestHalfAMessageHoldsWhatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1<<30, nil)
		a := b.Open(func() {})
		r, w := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := a.Read(r, 1_000_000)
			done <- err
		}()
		sent := 0
		for _, n := range []int{10, 30_000, 300_000, 500_000} {
			_, _ = w.Write(make([]byte, n))
			sent += n
			synctest.Wait()
			if held := a.Held(); held < int64(sent) && sent > firstPiece || held > int64(2*sent+firstPiece) {
				t.Errorf("after %d bytes it holds %d", sent, held)
			}
		}
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
		if err := <-done; !errors.Is(err, io.ErrUnexpectedEOF) || b.Used() != 0 {
			t.Errorf("got %v, and %d bytes are held", err, b.Used())
		}
	})
}

// TestRateCountsBytes holds that few large messages are a flood too.
func TestRateCountsBytes(t *testing.T) {
	now := time.Unix(0, 0)
	l := NewRate(500, 5000, now)
	n := 0
	for l.Take(now, 256<<10) == Allow {
		n++
	}
	if n != byteBurst/(256<<10) {
		t.Errorf("%d messages of 256 KiB were let through at once", n)
	}
	if l.Take(now.Add(time.Second), byteRate) != Allow {
		t.Error("a second later nothing is let through")
	}
}

// TestFaultOfAnEndIsContained has what ends the largest debtor panic.
func TestFaultOfAnEndIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000, nil)
		a := b.Open(func() { panic("thrown") })
		before := fault.Count()
		a.Take(2000)
		synctest.Wait()
		if n := fault.Count() - before; n != 1 {
			t.Errorf("%d faults are counted", n)
		}
		a.Take(-2000)
		a.Close()
	})
}
