// Package budget bounds what clients make the server hold: the bytes of a
// message that has not come whole, and those of messages that a client has not
// read yet. Every socket has an Account; all of them have one Budget. When the
// process holds more than the budget allows, the accounts that hold the most
// are ended first, so that a crowd of clients that do not read, or do not
// finish what they send, costs themselves and not the process.
//
// What many clients wait for at once is one piece of memory, and counts once.
//
// The package also has the limit of what one client may send (Rate). It knows
// nothing of what is sent or of how it travels.
package budget

import (
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"lectern/signaling/fault"
)

// defaultLimit is the bytes of a whole process. 1,000 members that read hold
// next to nothing; the garbage collector may double what is held.
const defaultLimit = 128 << 20

// Budget is the bytes that all sockets of a process may hold. Its methods may
// be called concurrently.
type Budget struct {
	limit int64
	log   *slog.Logger

	used   atomic.Int64 // bytes held, those of Frames that are shared once
	ending atomic.Int64 // bytes of accounts that were told to end and have not yet

	mu sync.Mutex
	// Guarded by mu.
	accounts map[*Account]struct{}
	shared   map[*byte]int // how many accounts wait with these bytes
}

// New makes a budget of so many bytes; 0 means the default. log may be nil.
func New(limit int64, log *slog.Logger) *Budget {
	if limit <= 0 {
		limit = defaultLimit
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Budget{limit: limit, log: log, accounts: map[*Account]struct{}{}, shared: map[*byte]int{}}
}

// Account is what one socket holds. Its methods may be called concurrently.
type Account struct {
	budget *Budget
	end    func()
	held   atomic.Int64

	// Guarded by budget.mu.
	ended  bool
	wrote  int64 // what it held when it was told to end
	closed bool
}

// Open makes an account. end is called, in a goroutine of its own and at most
// once, when its socket has to go; it ends the connection without waiting for
// the client.
func (b *Budget) Open(end func()) *Account {
	a := &Account{budget: b, end: end}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts[a] = struct{}{}
	return a
}

// Close ends the account. What it holds still has to be given back.
func (a *Account) Close() {
	b := a.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.closed {
		return
	}
	a.closed = true
	delete(b.accounts, a)
	b.ending.Add(-a.wrote)
}

// Take says that the socket holds n bytes more, or fewer if n is negative.
func (a *Account) Take(n int) {
	a.held.Add(int64(n))
	a.budget.add(int64(n))
}

// Held is the bytes that the socket holds.
func (a *Account) Held() int64 { return a.held.Load() }

// Used is the bytes that all sockets hold.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) add(n int64) {
	if b.used.Add(n)-b.ending.Load() > b.limit && n > 0 {
		b.collect()
	}
}

// collect ends the largest debtors, until the rest holds three quarters of the
// limit.
func (b *Budget) collect() {
	type debtor struct {
		account *Account
		held    int64
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	over := b.used.Load() - b.ending.Load() - b.limit*3/4
	if over <= b.limit/4 { // another collection has just been
		return
	}
	var debtors []debtor
	for a := range b.accounts {
		if held := a.held.Load(); held > 0 && !a.ended {
			debtors = append(debtors, debtor{a, held})
		}
	}
	slices.SortFunc(debtors, func(x, y debtor) int { return int(y.held - x.held) })
	n := 0
	for _, d := range debtors {
		if over <= 0 {
			break
		}
		over -= d.held
		d.account.ended, d.account.wrote = true, d.held
		b.ending.Add(d.held)
		n++
		go func() { // ends with the connection
			defer fault.Contain(b.log, "ending a client that holds too much", nil)
			d.account.end()
		}()
	}
	if n > 0 {
		b.log.Warn("clients held too much memory, and those that held the most were ended",
			"ended", n, "bytes", b.used.Load(), "limit", b.limit)
	}
}

// sharedFrom is the size from which bytes are shared and not copied. Below it
// the copy costs less than the count.
const sharedFrom = 1 << 10

// Frame is one message that waits for a client: Head, Data and Tail, in this
// order. Data may wait for many clients at once and is never changed.
type Frame struct{ Head, Data, Tail []byte }

// NewFrame puts a small message together in one piece, and leaves a large
// one's data where it is.
func NewFrame(head, data, tail []byte) Frame {
	if len(data) >= sharedFrom {
		return Frame{slices.Clone(head), data, slices.Clone(tail)} // the caller's may be on its stack
	}
	b := make([]byte, 0, len(head)+len(data)+len(tail))
	return Frame{Head: append(append(append(b, head...), data...), tail...)}
}

// textMessage is the opcode of a message of text (RFC 6455 section 11.8).
const textMessage = 1

// Socket is what Frame.SendOn needs of a WebSocket.
type Socket interface {
	WriteMessage(kind int, data []byte) error
	NextWriter(kind int) (io.WriteCloser, error)
}

// SendOn writes the message. A large one goes out in pieces (RFC 6455 section
// 5.4), as its data belongs to others too and is not copied.
func (f Frame) SendOn(ws Socket) error {
	if len(f.Data) == 0 {
		return ws.WriteMessage(textMessage, f.Head)
	}
	w, err := ws.NextWriter(textMessage)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{f.Head, f.Data, f.Tail} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}

// Len is the size in bytes.
func (f Frame) Len() int { return len(f.Head) + len(f.Data) + len(f.Tail) }

// AppendTo puts the frame behind b.
func (f Frame) AppendTo(b []byte) []byte {
	return append(append(append(b, f.Head...), f.Data...), f.Tail...)
}

// Queue says that a frame waits for the client.
func (a *Account) Queue(f Frame) {
	a.held.Add(int64(f.Len()))
	a.budget.add(int64(f.Len() - len(f.Data) + a.budget.share(f.Data, +1)))
}

// Unqueue says that it does no longer.
func (a *Account) Unqueue(f Frame) {
	a.held.Add(-int64(f.Len()))
	a.budget.add(-int64(f.Len() - len(f.Data) + a.budget.share(f.Data, -1)))
}

// share counts those who wait with the same bytes, and gives the size of these
// for the first that comes and the last that goes, else 0.
func (b *Budget) share(data []byte, n int) int {
	if len(data) == 0 {
		return 0
	}
	at := unsafe.SliceData(data)
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.shared[at]
	if b.shared[at] = was + n; was+n == 0 {
		delete(b.shared, at)
	}
	if was == 0 || was+n == 0 {
		return len(data)
	}
	return 0
}
