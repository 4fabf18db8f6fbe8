// Package packet reads and writes RTP packets in place (RFC 3550 section 5.1,
// RFC 8285 for header extensions). Nothing in it allocates: a Header holds
// offsets into the packet it was parsed from, and Build writes into a buffer of
// the caller's.
//
// It does not know what a payload contains, which extension an id stands for,
// or where packets come from and go to.
package packet

import (
	"encoding/binary"
	"errors"
)

// HeaderSize is the length in bytes of an RTP header without CSRCs and
// extensions.
const HeaderSize = 12

// Extension profiles: the 16 bits that begin a header extension.
const (
	// ProfileOneByte announces elements with a one-byte header (RFC 8285
	// section 4.2).
	ProfileOneByte = 0xBEDE
	// ProfileTwoByte announces elements with a two-byte header (RFC 8285
	// section 4.3); its low four bits are for the application ("appbits").
	ProfileTwoByte = 0x1000
)

// Errors that Parse returns.
var (
	ErrShort     = errors.New("packet: shorter than its header says")
	ErrVersion   = errors.New("packet: not RTP version 2")
	ErrPadding   = errors.New("packet: padding longer than the payload")
	ErrExtension = errors.New("packet: header extension runs over the packet")
)

// Header is the fixed header of an RTP packet and where its parts lie. The
// offsets are bytes from the start of the packet; they are valid only together
// with the slice given to Parse.
type Header struct {
	Marker      bool
	PayloadType uint8 // 0..127
	Sequence    uint16
	Timestamp   uint32 // in ticks of the payload's clock
	SSRC        uint32

	ExtProfile   uint16 // the extension's profile, 0 if there is none
	ExtStart     int    // first byte of the extension's elements
	ExtEnd       int    // byte after them; equal to ExtStart if there are none
	PayloadStart int
	PayloadEnd   int   // byte after the payload, padding not counted
	Padding      uint8 // bytes of padding after PayloadEnd
}

// Parse reads the header of an RTP packet. It checks every length, so that
// b[h.PayloadStart:h.PayloadEnd] and b[h.ExtStart:h.ExtEnd] are in range
// whenever the error is nil. An empty payload is no error: a packet that is
// padding only is how senders probe for bandwidth.
func Parse(b []byte) (Header, error) {
	var h Header
	if len(b) < HeaderSize {
		return h, ErrShort
	}
	if b[0]>>6 != 2 {
		return h, ErrVersion
	}
	start := HeaderSize + 4*int(b[0]&0x0f)
	if start > len(b) {
		return h, ErrShort
	}
	h.Marker = b[1]&0x80 != 0
	h.PayloadType = b[1] & 0x7f
	h.Sequence = binary.BigEndian.Uint16(b[2:])
	h.Timestamp = binary.BigEndian.Uint32(b[4:])
	h.SSRC = binary.BigEndian.Uint32(b[8:])
	h.ExtStart, h.ExtEnd = start, start
	if b[0]&0x10 != 0 {
		if start+4 > len(b) {
			return Header{}, ErrExtension
		}
		h.ExtProfile = binary.BigEndian.Uint16(b[start:])
		h.ExtStart = start + 4
		h.ExtEnd = h.ExtStart + 4*int(binary.BigEndian.Uint16(b[start+2:]))
		if h.ExtEnd > len(b) {
			return Header{}, ErrExtension
		}
	}
	h.PayloadStart, h.PayloadEnd = h.ExtEnd, len(b)
	if b[0]&0x20 != 0 {
		if h.PayloadStart == len(b) {
			return Header{}, ErrPadding
		}
		h.Padding = b[len(b)-1]
		if h.Padding == 0 || int(h.Padding) > len(b)-h.PayloadStart {
			return Header{}, ErrPadding
		}
		h.PayloadEnd -= int(h.Padding)
	}
	return h, nil
}

// Payload is the payload of the packet h was parsed from, without padding. It
// is a part of b, not a copy.
func (h *Header) Payload(b []byte) []byte {
	return b[h.PayloadStart:h.PayloadEnd:h.PayloadEnd]
}

// Extension finds the element with this id in the packet h was parsed from, in
// the one-byte or the two-byte form. It returns a part of b; nil if there is no
// such element, and a slice of no length for an element without data. Elements
// that run over the extension's end, and all behind them, count as absent. The
// first of several elements with the same id wins.
func (h *Header) Extension(b []byte, id uint8) []byte {
	if id == 0 || h.ExtStart >= h.ExtEnd {
		return nil
	}
	ext := b[h.ExtStart:h.ExtEnd]
	switch {
	case h.ExtProfile == ProfileOneByte:
		return oneByte(ext, id)
	case h.ExtProfile&0xfff0 == ProfileTwoByte:
		return twoByte(ext, id)
	}
	return nil
}

// oneByte walks elements of the form ID(4) len-1(4) data. An id of 0 is
// padding only if its length is 0 too; with another length the element is
// skipped (RFC 8285 section 4.1.2 leaves it to the receiver). An id of 15 ends
// the walk (section 4.2).
func oneByte(ext []byte, id uint8) []byte {
	for len(ext) > 0 {
		head := ext[0]
		ext = ext[1:]
		if head == 0 {
			continue
		}
		if head>>4 == 15 {
			return nil
		}
		n := int(head&0x0f) + 1
		if n > len(ext) {
			return nil
		}
		if head>>4 == id {
			return ext[:n:n]
		}
		ext = ext[n:]
	}
	return nil
}

// twoByte walks elements of the form ID(8) len(8) data; an id of 0 is one byte
// of padding (RFC 8285 section 4.3).
func twoByte(ext []byte, id uint8) []byte {
	for len(ext) > 0 {
		if ext[0] == 0 {
			ext = ext[1:]
			continue
		}
		if len(ext) < 2 {
			return nil
		}
		n := int(ext[1])
		if n > len(ext)-2 {
			return nil
		}
		if ext[0] == id {
			return ext[2 : 2+n : 2+n]
		}
		ext = ext[2+n:]
	}
	return nil
}

// SequenceNewer tells whether sequence number a comes after b on the circle of
// 2^16 (RFC 3550 appendix A.1; RFC 1982 arithmetic). Two numbers exactly half
// the circle apart are ordered by value, so that of each pair exactly one is
// newer.
func SequenceNewer(a, b uint16) bool {
	d := a - b
	return d != 0 && (d < 1<<15 || d == 1<<15 && a > b)
}

// IsRTCP tells whether a packet that came on a port shared by both is RTCP:
// its second byte without the top bit is in 64..95, the range of payload types
// that RFC 5761 section 4 forbids for RTP then. The packet may be anything;
// one shorter than an RTCP header is not RTCP.
func IsRTCP(b []byte) bool {
	if len(b) < 4 || b[0]>>6 != 2 {
		return false
	}
	pt := b[1] & 0x7f
	return pt >= 64 && pt <= 95
}
