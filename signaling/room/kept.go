package room

import "sync/atomic"

// What is kept for members (post.go) is bounded for each of them, and for all
// rooms together: a client that never says how far it has come costs maxKept,
// and there may be thousands. Over the bound in all, a member that is sent more
// keeps no more than leastKept, and may have to start afresh when it comes back.
const (
	maxKeptInAll = 256 << 20
	leastKept    = 64 << 10
)

// Kept is how many bytes are kept for the members of several rooms. It may be
// used concurrently.
type Kept struct{ bytes atomic.Int64 }

// Bytes is how many there are.
func (k *Kept) Bytes() int64 { return k.bytes.Load() }

// count takes down what is kept for a member by now, none after it is forgotten.
func (k *Kept) count(p *post) {
	k.bytes.Add(int64(p.bytes - p.counted))
	p.counted = p.bytes
}

// makeRoom forgets the oldest letters of a member where all together are too many.
func (k *Kept) makeRoom(p *post) {
	if k.Bytes() > maxKeptInAll {
		p.shrink(leastKept)
	}
}

// forget ends what is kept for a member.
func (k *Kept) forget(p *post) {
	k.bytes.Add(-int64(p.counted))
	*p = post{}
}
