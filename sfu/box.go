package sfu

import (
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// boxLimit is how much may wait for one member from one other, in bytes.
	// A file's piece is about 246 KB.
	boxLimit = 2 << 20
	// boxPatience is how long a receiver that takes nothing holds back a sender
	// that has no other receiver.
	boxPatience = 15 * time.Second
	// sharedPatience is the same where other receivers are held back too.
	sharedPatience = 3 * time.Second
	// leastTaken is what a receiver has to take in that time, in bytes, so that it
	// is no receiver that takes nothing. Its channel holds a megabyte and asks for
	// more when most of it is gone, which on a slow line takes longer.
	leastTaken = 96 << 10
)

var (
	errBoxClosed = errors.New("sfu: the other member is gone")
	errBoxSlow   = errors.New("sfu: the other member takes nothing")
	errBoxFull   = errors.New("sfu: the other member has not taken what waits")
)

// box holds what was said to one member and it has not got yet, in order. It
// outlives the connectors at both ends. When it is full, a sender's data channel
// is not read, which slows that client down on that channel and no other client. A
// receiver that takes nothing for as long as its senders have patience is slow:
// until it takes something, they do not wait for it any more.
type box struct {
	space chan struct{} // readable when something was taken; capacity 1
	ended chan struct{}
	// steady: who takes goes on taking when another one could. Set before use.
	steady bool

	mu sync.Mutex
	// Guarded by mu.
	items  [][]byte
	bytes  int
	full   time.Time // since when it has been full and too little was taken; zero: it is not
	unsent int       // what the taker's channel held then
	closed bool
	takers []taker // in the order they came
}

// taker is one that can take what waits. Only one does at a time, so that the
// order holds: the last one to come, or in a steady box the first.
type taker struct {
	who    any
	wake   func()     // tells it that something waits
	unsent func() int // bytes that it has taken and its client has not; nil: none
}

func (t taker) holds() int {
	if t.unsent == nil {
		return 0
	}
	return t.unsent()
}

func newBox() *box { return &box{space: make(chan struct{}, 1), ended: make(chan struct{})} }

// push adds a copy of data. It waits while the box is full, until the receiver
// is slow, done is closed or the box is.
func (b *box) push(data []byte, patience time.Duration, done <-chan struct{}) error {
	for {
		wait, err := b.put(data, patience)
		if !errors.Is(err, errBoxFull) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-b.space:
		case <-timer.C:
		case <-b.ended:
			err = errBoxClosed
		case <-done:
			err = errBoxClosed
		}
		timer.Stop()
		if errors.Is(err, errBoxClosed) {
			return err
		}
	}
}

// put adds a copy of data, if there is room for it. It does not wait; wait is
// how long the receiver may still take with errBoxFull.
func (b *box) put(data []byte, patience time.Duration) (wait time.Duration, err error) {
	wait, wake, err := b.tryPut(data, patience)
	if wake != nil {
		wake()
	}
	return wait, err
}

func (b *box) tryPut(data []byte, patience time.Duration) (wait time.Duration, wake func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, nil, errBoxClosed
	case b.bytes > 0 && b.bytes+len(data) > boxLimit:
		now, unsent := time.Now(), b.active().holds()
		if b.full.IsZero() {
			b.full, b.unsent = now, unsent
		}
		if now.Sub(b.full) >= patience && unsent+leastTaken <= b.unsent {
			b.full, b.unsent = now, unsent
		}
		if wait = patience - now.Sub(b.full); wait > 0 {
			return wait, nil, errBoxFull
		}
		b.signal() // others who wait need not either
		return 0, nil, errBoxSlow
	}
	b.items = append(b.items, append([]byte(nil), data...))
	b.bytes += len(data)
	return 0, b.active().wake, nil
}

// active is who takes now; b.mu is held.
func (b *box) active() taker {
	switch {
	case len(b.takers) == 0:
		return taker{}
	case b.steady:
		return b.takers[0]
	}
	return b.takers[len(b.takers)-1]
}

// pop takes the oldest message, nil if there is none for who.
func (b *box) pop(who any) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 || b.active().who != who {
		return nil
	}
	data := b.items[0]
	b.items[0] = nil
	if b.items = b.items[1:]; len(b.items) == 0 {
		b.items = nil
	}
	b.bytes -= len(data)
	b.full = time.Time{}
	b.signal()
	return data
}

// signal tells one waiting sender that there may be room; b.mu is held.
func (b *box) signal() {
	select {
	case b.space <- struct{}{}:
	default:
	}
}

// waits reports whether there is a message for who.
func (b *box) waits(who any) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items) > 0 && b.active().who == who
}

// take adds one that can take. wake and unsent are as in taker; unsent waits for
// nothing.
func (b *box) take(who any, wake func(), unsent func() int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.takers = append(b.takers, taker{who, wake, unsent})
	}
}

// untake ends that; another one may go on.
func (b *box) untake(who any) {
	b.mu.Lock()
	var wake func()
	was := b.active().who
	b.takers = slices.DeleteFunc(b.takers, func(t taker) bool { return t.who == who })
	if now := b.active(); now.who != was && len(b.items) > 0 {
		wake = now.wake
	}
	b.mu.Unlock()
	if wake != nil {
		wake()
	}
}

func (b *box) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed, b.items, b.bytes = true, nil, 0
	b.takers = nil
	close(b.ended)
}
