package egress

import "net/netip"

const (
	// maxSegments is how many datagrams a run has at most: UDP_MAX_SEGMENTS of
	// Linux before 6.9, which later versions doubled.
	maxSegments = 64
	// maxRuns is how many runs one system call takes.
	maxRuns = 64
	// An arena begins small, as most batches never hold much, and doubles. With
	// more than this a datagram costs no less.
	firstArena = 16 << 10
	maxArena   = 64 << 10
)

// run is one message to the kernel: datagrams for one destination, one behind
// the other in the arena, all of the same size but the last, which may be
// smaller.
type run struct {
	to       netip.AddrPort
	at       int // in the arena
	total    int // bytes
	size     int // of each datagram but the last
	segments int
	alone    bool // must not grow
}

// takes reports whether a datagram of n bytes may follow the others.
func (r *run) takes(to netip.AddrPort, n int) bool {
	return !r.alone && r.to == to && n <= r.size &&
		r.total == r.segments*r.size && // a smaller one ends a run
		r.segments < maxSegments && r.total+n <= MaxDatagram
}

// Batch collects datagrams and sends them together. It is one goroutine's.
//
// Per destination, and within one in all, they leave in the order of Commit.
type Batch struct {
	socket   *Socket
	out      *outbox // nil on a plain connection
	arena    []byte
	used     int // bytes of the arena that are in runs
	reserved int // bytes after that; 0: none
	to       netip.AddrPort
	runs     []run
}

// NewBatch makes a batch; there may be many. It has nothing to close.
func (s *Socket) NewBatch() *Batch {
	b := &Batch{socket: s, runs: make([]run, 0, maxRuns)}
	if s.plain == nil {
		b.out = newOutbox(s, maxRuns)
	}
	return b
}

// Reserve gives room for one datagram of up to size bytes, 1 to MaxDatagram;
// nil if size is none of these. It is a part of the arena: valid until Commit,
// Flush or the next Reserve, and without what was written to it before. When
// there is no room, Reserve flushes. It allocates only while the arena grows,
// up to 64 KiB.
func (b *Batch) Reserve(to netip.AddrPort, size int) []byte {
	b.reserved = 0
	if size <= 0 || size > MaxDatagram {
		return nil
	}
	if b.used+size > len(b.arena) {
		b.Flush()
		if len(b.arena) < maxArena {
			b.arena = make([]byte, min(max(firstArena, 2*len(b.arena), size), maxArena))
		}
	} else if n := len(b.runs); n == maxRuns && !b.runs[n-1].takes(to, size) {
		b.Flush()
	}
	b.to, b.reserved = to, size
	return b.arena[b.used : b.used+size : b.used+size]
}

// Commit sends n bytes of the room, sooner or later: with the datagrams before
// it if the destination and the sizes allow. With n of 0 or less, or more than
// was reserved, nothing is sent.
func (b *Batch) Commit(n int) {
	fits := n > 0 && n <= b.reserved
	b.reserved = 0
	if !fits {
		return
	}
	at := b.used
	b.used += n
	if k := len(b.runs); k > 0 && b.runs[k-1].takes(b.to, n) {
		r := &b.runs[k-1]
		r.total += n
		r.segments++
		return
	}
	b.runs = append(b.runs, run{to: b.to, at: at, total: n, size: n, segments: 1, alone: b.out == nil || b.out.alone(b.to)})
}

// Flush hands what was committed to the kernel. What it does not take, within
// 5 ms if its buffer is full, is dropped and counted.
func (b *Batch) Flush() {
	b.reserved = 0
	if len(b.runs) == 0 {
		return
	}
	if b.out != nil {
		b.out.send(b.arena, b.runs)
	} else {
		for _, r := range b.runs {
			_, _ = b.socket.sendPlain(b.arena[r.at:r.at+r.total], r.to) // counted there
		}
	}
	b.runs, b.used = b.runs[:0], 0
}
