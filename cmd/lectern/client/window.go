package client

// windowSize is how far behind the newest packet one that comes late is still
// known to be new: more than ten seconds of sound.
const windowSize = 1024

// window counts which numbers of a growing series came. Numbers given to add
// need not be in order; each counts once. The zero value has seen none.
type window struct {
	started        bool
	first, highest int64
	unique         int64 // from first on
	given          int64 // up from earlier series, that were missing
	seen           [windowSize / 64]uint64
}

// add takes a number and reports whether it is new. A jump of more than the
// window begins a new series: the sender was replaced, not delayed.
func (w *window) add(n int64) bool {
	switch ahead := n - w.highest; {
	case !w.started:
		w.restart(n)
		return true
	case ahead >= windowSize || ahead <= -windowSize:
		w.given += w.open()
		w.restart(n)
		return true
	case ahead > 0:
		for i := w.highest + 1; i <= n; i++ {
			w.clear(i)
		}
		w.highest = n
	case n < w.first || w.has(n):
		return false
	}
	w.set(n)
	w.unique++
	return true
}

func (w *window) restart(n int64) {
	w.started, w.first, w.highest, w.unique = true, n, n, 1
	clear(w.seen[:])
	w.set(n)
}

// missing is how many numbers between the first and the highest did not come.
// Those that still may are counted.
func (w *window) missing() int64 { return w.given + w.open() }

func (w *window) open() int64 {
	if !w.started {
		return 0
	}
	return w.highest - w.first + 1 - w.unique
}

func (w *window) set(n int64)      { w.seen[slot(n)] |= bit(n) }
func (w *window) clear(n int64)    { w.seen[slot(n)] &^= bit(n) }
func (w *window) has(n int64) bool { return w.seen[slot(n)]&bit(n) != 0 }

func slot(n int64) int64 { return n & (windowSize - 1) >> 6 }
func bit(n int64) uint64 { return 1 << (n & 63) }

// extend gives a 16 bit sequence number as part of the series it continues.
func (w *window) extend(seq uint16) int64 {
	if !w.started {
		return int64(seq)
	}
	return w.highest + int64(int16(seq-uint16(w.highest))) //nolint:gosec // wraps around
}

// extend32 is extend for numbers of 32 bits.
func (w *window) extend32(n uint32) int64 {
	if !w.started {
		return int64(n)
	}
	return w.highest + int64(int32(n-uint32(w.highest))) //nolint:gosec // wraps around
}
