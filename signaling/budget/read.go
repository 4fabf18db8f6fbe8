package budget

import (
	"errors"
	"io"
	"sync"
)

// ErrTooLarge says that a message is larger than it may be.
var ErrTooLarge = errors.New("budget: message too large")

// The pieces in which a message is read. The first is lent, so that most
// messages cost no allocation.
const (
	firstPiece = 8 << 10
	maxPiece   = 128 << 10
)

var firstPieces = sync.Pool{New: func() any { return new([firstPiece]byte) }}

// Message is one message that was read whole.
type Message struct {
	Data []byte
	lent *[firstPiece]byte
}

// Release gives the memory back; Data is not valid any more.
func (m Message) Release() {
	if m.lent != nil {
		firstPieces.Put(m.lent)
	}
}

// Read reads a message to its end, or at most to most bytes and one
// (ErrTooLarge). While it waits for the client it holds memory for what came,
// and at most as much again: pieces that are never copied to grow. They count
// for the account.
func (a *Account) Read(r io.Reader, most int) (Message, error) {
	first, _ := firstPieces.Get().(*[firstPiece]byte)
	piece := first[:0]
	var full [][]byte
	total, counted := 0, 0
	defer func() { a.Take(-counted) }()
	for {
		n, err := r.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		total += n
		switch {
		case total > most:
			firstPieces.Put(first)
			return Message{}, ErrTooLarge
		case err == io.EOF:
			return whole(first, full, piece, total), nil
		case err != nil:
			firstPieces.Put(first)
			return Message{}, err
		}
		if counted == 0 {
			counted = firstPiece
			a.Take(firstPiece)
		}
		if len(piece) == cap(piece) {
			full = append(full, piece)
			size := min(cap(piece)*2, maxPiece, max(most+1-total, 1))
			piece = make([]byte, 0, size)
			counted += size
			a.Take(size)
		}
	}
}

// whole puts the pieces of a message together.
func whole(first *[firstPiece]byte, full [][]byte, last []byte, total int) Message {
	if len(full) == 0 {
		return Message{Data: last, lent: first}
	}
	data := make([]byte, 0, total)
	for _, p := range full {
		data = append(data, p...)
	}
	firstPieces.Put(first)
	return Message{Data: append(data, last...)}
}
