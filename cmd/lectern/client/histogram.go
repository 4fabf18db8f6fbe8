package client

import (
	"math"
	"math/bits"
	"time"
)

// Buckets of a Histogram: eight to each doubling, from 1 µs to over an hour.
const (
	subBits     = 3
	perDoubling = 1 << subBits
	buckets     = 33 * perDoubling
)

// Histogram counts durations. A value is known to a sixteenth of itself, the
// longest one exactly. The zero value is empty; it is copied as a value and not
// safe for concurrent use.
type Histogram struct {
	count   uint64
	longest time.Duration
	counts  [buckets]uint32
}

// Add counts a duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	h.count++
	h.longest = max(h.longest, d)
	h.counts[bucketOf(d)]++
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.count }

// Merge adds what another one counted.
func (h *Histogram) Merge(other *Histogram) {
	h.count += other.count
	h.longest = max(h.longest, other.longest)
	for i, n := range other.counts {
		h.counts[i] += n
	}
}

// Quantile is the duration that the part q (0 to 1) of all is not longer than;
// 0 if there are none. It is the middle of the bucket; of 1 it is the longest.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(h.count))), 1)
	if rank >= h.count {
		return h.longest
	}
	var n uint64
	for i, c := range h.counts {
		if n += uint64(c); n >= rank {
			return min((edge(i)+edge(i-1))/2, h.longest)
		}
	}
	return h.longest
}

func bucketOf(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond) //nolint:gosec // not negative
	if us < perDoubling {
		return int(us) //nolint:gosec // small
	}
	e := bits.Len64(us) - 1 // at least subBits
	i := (e-subBits+1)*perDoubling + int(us>>(e-subBits)&(perDoubling-1))
	return min(i, buckets-1)
}

// edge is the first duration above a bucket.
func edge(i int) time.Duration {
	i++
	if i <= perDoubling {
		return time.Duration(i) * time.Microsecond
	}
	e, part := i/perDoubling+subBits-1, i%perDoubling
	return time.Duration(perDoubling+part) << (e - subBits) * time.Microsecond
}
