package sfu

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestBoxKeepsOrder(t *testing.T) {
	b := newBox()
	const count = 1000
	go func() { // ends with the last message
		for i := range count {
			if err := b.push(fmt.Appendf(nil, "%06d%s", i, make([]byte, 8000)), boxPatience, nil); err != nil {
				t.Error(err)
			}
		}
	}()
	woken := make(chan struct{}, 1)
	b.take(t, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}, nil)
	for i := 0; i < count; {
		data := b.pop(t)
		if data == nil {
			if !b.waits(t) {
				select {
				case <-woken:
				case <-time.After(time.Minute):
					t.Fatalf("message %d never came", i)
				}
			}
			continue
		}
		if want := fmt.Sprintf("%06d", i); string(data[:6]) != want {
			t.Fatalf("got message %s, want %s", data[:6], want)
		}
		i++
	}
}

func TestBoxCopies(t *testing.T) {
	b := newBox()
	data := []byte("one")
	if err := b.push(data, boxPatience, nil); err != nil {
		t.Fatal(err)
	}
	copy(data, "two")
	if got := b.pop(nil); string(got) != "one" {
		t.Errorf("got %q, the sender's buffer", got)
	}
}

func TestBoxBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		piece := make([]byte, 250_000)
		pushed := 0
		done := make(chan struct{})
		ended := make(chan error)
		go func() {
			for {
				if err := b.push(piece, boxPatience, done); err != nil {
					ended <- err
					return
				}
				pushed++
			}
		}()
		synctest.Wait()
		if want := boxLimit / len(piece); pushed != want || b.bytes > boxLimit {
			t.Errorf("%d pieces, %d bytes, want %d pieces", pushed, b.bytes, want)
		}
		b.pop(nil)
		synctest.Wait()
		if want := boxLimit/len(piece) + 1; pushed != want {
			t.Errorf("%d pieces after one was taken, want %d", pushed, want)
		}
		close(done)
		if err := <-ended; !errors.Is(err, errBoxClosed) {
			t.Errorf("the sender that ends gets %v", err)
		}
	})
}

// One message larger than the box must not be held back for ever.
func TestBoxTakesOneLargeMessage(t *testing.T) {
	b := newBox()
	large := bytes.Repeat([]byte("x"), boxLimit+1)
	if _, err := b.put(large, boxPatience); err != nil {
		t.Fatal(err)
	}
	if _, err := b.put([]byte("y"), boxPatience); !errors.Is(err, errBoxFull) {
		t.Errorf("takes more than its bound: %v", err)
	}
	if got := b.pop(nil); len(got) != len(large) || b.bytes != 0 {
		t.Errorf("got %d bytes, %d left", len(got), b.bytes)
	}
}

func TestBoxPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		if err := b.push(make([]byte, boxLimit), boxPatience, nil); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := b.push([]byte("x"), boxPatience, nil); !errors.Is(err, errBoxSlow) {
			t.Errorf("got %v, want %v", err, errBoxSlow)
		}
		if d := time.Since(start); d != boxPatience {
			t.Errorf("waited %v, want %v", d, boxPatience)
		}
		if err := b.push([]byte("x"), boxPatience, nil); !errors.Is(err, errBoxSlow) || time.Since(start) != boxPatience {
			t.Errorf("the next one waits too: %v", err)
		}
		b.pop(nil)
		if err := b.push([]byte("x"), boxPatience, nil); err != nil {
			t.Errorf("after something was taken: %v", err)
		}
	})
}

// A receiver that takes a little now and then does not lose what waits.
func TestBoxPatienceWithSlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		for range 8 {
			if err := b.push(make([]byte, boxLimit/8), boxPatience, nil); err != nil {
				t.Fatal(err)
			}
		}
		result := make(chan error)
		go func() { result <- b.push(make([]byte, boxLimit/2), boxPatience, nil) }()
		for range 4 {
			time.Sleep(boxPatience - time.Second)
			synctest.Wait()
			b.pop(nil)
		}
		if err := <-result; err != nil {
			t.Errorf("a receiver that takes something every %v: %v", boxPatience-time.Second, err)
		}
	})
}

func TestBoxCloseWakesPushers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		if err := b.push(make([]byte, boxLimit), boxPatience, nil); err != nil {
			t.Fatal(err)
		}
		results := make(chan error)
		for range 3 {
			go func() { results <- b.push([]byte("x"), boxPatience, nil) }()
		}
		synctest.Wait()
		start := time.Now()
		b.close()
		b.close()
		for range 3 {
			if err := <-results; !errors.Is(err, errBoxClosed) {
				t.Errorf("got %v, want %v", err, errBoxClosed)
			}
		}
		if time.Since(start) != 0 {
			t.Error("they waited")
		}
		if err := b.push([]byte("x"), boxPatience, nil); !errors.Is(err, errBoxClosed) {
			t.Errorf("a push after close: %v", err)
		}
		if b.pop(nil) != nil || b.bytes != 0 {
			t.Error("a closed box keeps what waited")
		}
	})
}

// Two connectors of one pair are there at once while one replaces the other.
func TestBoxTaker(t *testing.T) {
	b := newBox()
	var woken []string
	wake := func(name string) func() { return func() { woken = append(woken, name) } }
	b.take("old", wake("old"), nil)
	b.take("new", wake("new"), nil)
	b.untake("old")
	_ = b.push([]byte("x"), boxPatience, nil)
	b.untake("new")
	_ = b.push([]byte("x"), boxPatience, nil)
	if len(woken) != 1 || woken[0] != "new" {
		t.Errorf("woken: %v, want the new one once", woken)
	}
}

// Chat goes on over the connector it went over, so that it keeps its order, and
// moves when that one ends.
func TestBoxSteady(t *testing.T) {
	b := newBox()
	b.steady = true
	var woken []string
	wake := func(name string) func() { return func() { woken = append(woken, name) } }
	b.take("first", wake("first"), nil)
	b.take("second", wake("second"), nil)
	for _, text := range []string{"x", "y"} {
		if _, err := b.put([]byte(text), boxPatience); err != nil {
			t.Fatal(err)
		}
	}
	if b.pop("second") != nil || b.waits("second") {
		t.Error("the second takes what is the first one's to take")
	}
	if got := b.pop("first"); string(got) != "x" {
		t.Errorf("the first takes %q", got)
	}
	b.untake("first")
	if got := b.pop("second"); string(got) != "y" {
		t.Errorf("the second takes %q after the first", got)
	}
	if want := []string{"first", "first", "second"}; !slices.Equal(woken, want) {
		t.Errorf("woken %v, want %v", woken, want)
	}
}
