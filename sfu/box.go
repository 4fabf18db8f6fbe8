package sfu

import (
	"errors"
	"sync"
	"time"
)

const (
	// boxLimit is how much may wait for one member from one other, in bytes.
	// A file's piece is about 246 KB.
	boxLimit = 2 << 20
	// boxPatience is how long a sender is held back by a receiver that takes
	// nothing.
	boxPatience = 15 * time.Second
)

var (
	errBoxClosed = errors.New("sfu: the other member is gone")
	errBoxSlow   = errors.New("sfu: the other member takes nothing")
)

// box holds what one member has said to another and the other has not got yet,
// in order. It outlives the connectors at both ends. When it is full, the
// sender's data channel is not read, which slows that client down on that
// channel and nobody else; a receiver that takes nothing for boxPatience loses
// what waits, and its connection is taken for dead.
type box struct {
	space chan struct{} // readable when something was taken; capacity 1
	ended chan struct{}

	mu sync.Mutex
	// Guarded by mu.
	items  [][]byte
	bytes  int
	closed bool
	taker  any    // who takes at present; nil if nobody does
	wake   func() // tells it that something waits
}

func newBox() *box { return &box{space: make(chan struct{}, 1), ended: make(chan struct{})} }

// push adds a copy of data. It waits while the box is full, until done is
// closed or the box is.
func (b *box) push(data []byte, done <-chan struct{}) error {
	var patience *time.Timer
	for {
		full, wake, err := b.tryPush(data)
		if err != nil {
			return err
		}
		if !full {
			if wake != nil {
				wake()
			}
			return nil
		}
		if patience == nil {
			patience = time.NewTimer(boxPatience)
			defer patience.Stop()
		}
		select {
		case <-b.space:
			patience.Reset(boxPatience)
		case <-b.ended:
			return errBoxClosed
		case <-done:
			return errBoxClosed
		case <-patience.C:
			return errBoxSlow
		}
	}
}

func (b *box) tryPush(data []byte) (full bool, wake func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return false, nil, errBoxClosed
	case b.bytes > 0 && b.bytes+len(data) > boxLimit:
		return true, nil, nil
	}
	b.items = append(b.items, append([]byte(nil), data...))
	b.bytes += len(data)
	return false, b.wake, nil
}

// pop takes the oldest message, nil if there is none.
func (b *box) pop() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		return nil
	}
	data := b.items[0]
	b.items[0] = nil
	if b.items = b.items[1:]; len(b.items) == 0 {
		b.items = nil
	}
	b.bytes -= len(data)
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

func (b *box) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items) == 0
}

// clear throws away what waits.
func (b *box) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items, b.bytes = nil, 0
	b.signal()
}

// take makes taker the one that is told, by wake, when something waits.
func (b *box) take(taker any, wake func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taker, b.wake = taker, wake
}

// untake ends that, unless another one takes by now.
func (b *box) untake(taker any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taker == taker {
		b.taker, b.wake = nil, nil
	}
}

func (b *box) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed, b.items, b.bytes = true, nil, 0
	b.taker, b.wake = nil, nil
	close(b.ended)
}
