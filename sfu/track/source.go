package track

import (
	"strings"
	"sync/atomic"

	"lectern/sfu/cache"
	"lectern/sfu/codec"
)

// source is one run of packets of an input: an SSRC from its first packet, or
// from where its numbers began anew. The order in which the sources of a track
// appear decides which one is forwarded.
type source struct {
	input *Input
	ssrc  uint32
	rank  uint64 // later is higher
	cache cache.Cache
	// superseded says that a later source is forwarded instead.
	superseded atomic.Bool
	// clock is the latest sender report; nil before the first.
	clock atomic.Pointer[senderClock]

	last int64 // when its last packet arrived; guarded by Track.mu
}

// senderClock ties a source's timestamps to its publisher's wall clock (RFC 3550
// section 6.4.1).
type senderClock struct {
	ntp     uint64 // seconds since 1900 in 32.32
	rtp     uint32
	arrived int64
}

// at extends the report to a later time.
func (c *senderClock) at(now int64, rate uint32) (ntp uint64, rtp uint32) {
	d := max(now-c.arrived, 0)
	sec, frac := uint64(d/second), uint64(d%second)
	ntp = c.ntp + sec<<32 + frac<<32/second
	rtp = c.rtp + uint32(sec*uint64(rate)+frac*uint64(rate)/second) //nolint:gosec // wraps
	return ntp, rtp
}

// format is a Format of an input with what is asked of it per packet.
type format struct {
	Format
	red  bool // redundant audio (RFC 2198)
	nack bool
}

// formats are the formats of one section, found by payload type.
type formats struct {
	list  []format
	byPT  [128]uint8 // index in list, plus one
	byRTX [128]uint8
}

// maxFormats bounds a section's list, so that an index fits a byte.
const maxFormats = 64

func newFormats(list []Format) *formats {
	fs := &formats{}
	for _, f := range list[:min(len(list), maxFormats)] {
		if f.PayloadType > 127 || f.RTX > 127 || fs.byPT[f.PayloadType] != 0 {
			continue
		}
		fs.list = append(fs.list, format{Format: f, red: isRED(f.Codec), nack: hasNack(f.Codec)})
		fs.byPT[f.PayloadType] = uint8(len(fs.list)) //nolint:gosec // at most maxFormats
		if f.RTX != 0 {
			fs.byRTX[f.RTX] = uint8(len(fs.list)) //nolint:gosec // likewise
		}
	}
	return fs
}

// find is the index of a payload type; ok is false if it was not negotiated.
func (fs *formats) find(pt uint8) (i int, ok bool) {
	i = int(fs.byPT[pt&0x7f]) - 1
	return i, i >= 0
}

// repaired is the payload type that an RTX payload type carries (its apt).
func (fs *formats) repaired(pt uint8) (apt uint8, ok bool) {
	i := int(fs.byRTX[pt&0x7f]) - 1
	if i < 0 {
		return 0, false
	}
	return fs.list[i].PayloadType, true
}

func isRED(c codec.Codec) bool { return strings.EqualFold(c.Name, "red") }

func hasNack(c codec.Codec) bool {
	for _, f := range c.Feedback {
		if f == "nack" {
			return true
		}
	}
	return false
}
