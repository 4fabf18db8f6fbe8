package packet

import "encoding/binary"

// Ext is one header extension element to write. Its id is 1..14 and its data
// 1..16 bytes in the one-byte form, 1..255 and 0..255 bytes in the two-byte one.
type Ext struct {
	ID   uint8
	Data []byte
}

// Build writes an RTP packet into dst: a fixed header without CSRCs, the
// extension elements in order, and the payload without padding. It returns the
// packet, which lies in dst's array if that has room (capacity counts, what dst
// holds is overwritten) and in a new one otherwise. The payload may lie in dst
// itself and overlap where the packet is written; extension data must not.
//
// Elements are written in the one-byte form, unless one of them does not fit
// it: then all are in the two-byte form, as RFC 8285 section 4.1.2 allows no
// mix. The two-byte form needs a receiver that negotiated
// a=extmap-allow-mixed or offered ids above 14. An element that fits neither
// form (id 0, more than 255 bytes) is left out.
func Build(dst []byte, marker bool, pt uint8, seq uint16, ts, ssrc uint32, exts []Ext, payload []byte) []byte {
	profile, start := headerLen(exts)
	total := start + len(payload)
	if cap(dst) < total {
		dst = make([]byte, total)
	}
	dst = dst[:total]
	// The payload first: it may lie where the header is about to be.
	copy(dst[start:], payload)
	writeHeader(dst[:start], marker, pt, seq, ts, ssrc, profile, exts)
	return dst
}

// headerLen chooses the form of the elements and tells the header's length.
func headerLen(exts []Ext) (profile uint16, n int) {
	profile, extLen := measure(exts)
	if extLen == 0 {
		return profile, HeaderSize
	}
	return profile, HeaderSize + 4 + (extLen+3)&^3
}

// writeHeader fills dst, which is as long as headerLen said.
func writeHeader(dst []byte, marker bool, pt uint8, seq uint16, ts, ssrc uint32, profile uint16, exts []Ext) {
	dst[0] = 2 << 6
	dst[1] = pt & 0x7f
	if marker {
		dst[1] |= 0x80
	}
	binary.BigEndian.PutUint16(dst[2:], seq)
	binary.BigEndian.PutUint32(dst[4:], ts)
	binary.BigEndian.PutUint32(dst[8:], ssrc)
	if len(dst) > HeaderSize {
		dst[0] |= 0x10
		binary.BigEndian.PutUint16(dst[12:], profile)
		binary.BigEndian.PutUint16(dst[14:], uint16((len(dst)-HeaderSize-4)/4)) //nolint:gosec // bounded by measure
		writeExts(dst[16:], exts, profile)
	}
}

// maxExtLen is how many bytes of elements the 16-bit length in words can name.
const maxExtLen = 4 * 0xffff

// measure chooses the form of the elements and tells their length without the
// padding to a whole word. The length is 0 if nothing is to be written.
func measure(exts []Ext) (profile uint16, n int) {
	profile = ProfileOneByte
	one, two := 0, 0
	for i := range exts {
		e := &exts[i]
		if !e.fits() {
			continue
		}
		if e.ID > 14 || len(e.Data) == 0 || len(e.Data) > 16 {
			profile = ProfileTwoByte
		}
		one += 1 + len(e.Data)
		two += 2 + len(e.Data)
	}
	if profile == ProfileTwoByte {
		one = two
	}
	if one > maxExtLen {
		return profile, 0
	}
	return profile, one
}

// fits tells whether the element can be written in either form.
func (e *Ext) fits() bool { return e.ID != 0 && len(e.Data) <= 255 }

// writeExts fills dst, which is as long as measure said and rounded up.
func writeExts(dst []byte, exts []Ext, profile uint16) {
	for i := range exts {
		e := &exts[i]
		if !e.fits() {
			continue
		}
		if profile == ProfileOneByte {
			dst[0] = e.ID<<4 | uint8(len(e.Data)-1) //nolint:gosec // 1..16 by measure
			dst = dst[1:]
		} else {
			dst[0], dst[1] = e.ID, uint8(len(e.Data)) //nolint:gosec // 0..255 by fits
			dst = dst[2:]
		}
		dst = dst[copy(dst, e.Data):]
	}
	clear(dst)
}
