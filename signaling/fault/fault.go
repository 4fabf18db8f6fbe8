// Package fault is the one rule for a panic that something a client sent has
// thrown: it ends what the goroutine worked for (a connection, a room, a
// request), is logged with its stack and counted, and the server lives.
//
// Every goroutine and timer that handles what a client sent defers Contain
// first. The package knows nothing else of Lectern, so that all may use it.
package fault

import (
	"log/slog"
	"runtime/debug"
	"sync/atomic"
)

var count atomic.Uint64

// Count is the number of panics contained since the program began.
func Count() uint64 { return count.Load() }

// Contain is deferred. It stops a panic, logs it as the failure of doing, such
// as "reading a socket", and then calls end, which ends what the goroutine
// worked for. Without a panic it does nothing. end may be nil, and may itself
// panic: that is logged too. log may be nil.
//
// end runs while the locks that the panicking code held are still held, unless
// they are unlocked by deferred calls, so it is best handed to a goroutine when
// it needs one of them.
func Contain(log *slog.Logger, doing string, end func()) {
	p := recover()
	if p == nil {
		return
	}
	Report(log, doing, p)
	if end != nil {
		defer Contain(log, "ending after a fault in "+doing, nil)
		end()
	}
}

// Report logs and counts a panic that the caller has recovered itself.
func Report(log *slog.Logger, doing string, panicked any) {
	n := count.Add(1)
	if log == nil {
		return
	}
	log.Error("a fault was contained", "doing", doing, "panic", panicked, "faults", n, "stack", string(debug.Stack()))
}
