package codec

import "strconv"

// h264Profile is what a stream's decoder must understand, whatever its level.
type h264Profile uint8

const (
	h264Unknown h264Profile = iota
	h264ConstrainedBaseline
	h264Baseline
	h264Main
	h264Extended
	h264High
	h264ConstrainedHigh
	h264PredictiveHigh444
)

// h264Patterns is table 5 of RFC 6184: one profile can be written with several
// pairs of profile_idc and constraint bits (profile-iop). Bits outside the mask
// are free. The first that fits counts.
var h264Patterns = [...]struct {
	idc, mask, bits uint8
	profile         h264Profile
}{
	{0x42, 0x4f, 0x40, h264ConstrainedBaseline},
	{0x4d, 0x8f, 0x80, h264ConstrainedBaseline},
	{0x58, 0xcf, 0xc0, h264ConstrainedBaseline},
	{0x42, 0x4f, 0x00, h264Baseline},
	{0x58, 0xcf, 0x80, h264Baseline},
	{0x4d, 0xaf, 0x00, h264Main},
	{0x58, 0xcf, 0x00, h264Extended},
	{0x64, 0xff, 0x00, h264High},
	{0x64, 0xff, 0x0c, h264ConstrainedHigh},
	{0xf4, 0xff, 0x00, h264PredictiveHigh444},
}

// h264Key is a profile, or the first two bytes of profile-level-id where they
// are of none in the table.
type h264Key struct {
	profile h264Profile
	raw     int32
}

// h264ProfileOf reads profile-level-id. Absent it means baseline (RFC 6184
// section 8.1).
func h264ProfileOf(fmtp string) h264Key {
	value, ok := parameter(fmtp, "profile-level-id")
	if !ok {
		return h264Key{profile: h264Baseline}
	}
	id, err := strconv.ParseUint(value, 16, 24)
	if err != nil || len(value) != 6 {
		return h264Key{raw: -1}
	}
	idc, iop := uint8(id>>16), uint8(id>>8&0xff)
	for _, p := range h264Patterns {
		if p.idc == idc && iop&p.mask == p.bits {
			return h264Key{profile: p.profile}
		}
	}
	return h264Key{raw: int32(id >> 8)}
}

// h264Mode is the packetization mode; 0 if absent (RFC 6184 section 8.1).
func h264Mode(fmtp string) int { return number(fmtp, "packetization-mode", 0) }

// NAL unit types of RFC 6184 table 1 and of H.264 table 7-1.
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// startsH264 tells whether a NAL unit, or its beginning, is where a decoder can
// start: a parameter set, which goes before an IDR picture (encoders for real
// time send it with those only), or the first slice of such a picture. A slice
// header begins with the number of its first macroblock in Exp-Golomb code, and
// zero is the only number that begins with a one bit (H.264 sections 7.3.3, 9.1).
func startsH264(nal uint8, body []byte) bool {
	return nal == nalSPS || nal == nalIDR && len(body) > 0 && body[0]&0x80 != 0
}

// keyframeH264 looks at the NAL units of one payload (RFC 6184 section 5.2).
// STAP-B, MTAP and FU-B belong to the interleaved mode, which this server does
// not negotiate.
func keyframeH264(b []byte) bool {
	switch nal := b[0] & 0x1f; nal {
	case nalSTAPA:
		return stapStarts(b[1:])
	case nalFUA:
		return len(b) > 1 && b[1]&0x80 != 0 && startsH264(b[1]&0x1f, b[2:])
	default:
		return startsH264(nal, b[1:])
	}
}

// stapStarts looks at aggregated NAL units, each behind its 16-bit size
// (RFC 6184 section 5.7.1). A size over the end makes the rest count for nothing.
func stapStarts(b []byte) bool {
	for len(b) > 2 {
		size := int(b[0])<<8 | int(b[1])
		b = b[2:]
		if size == 0 || size > len(b) {
			return false
		}
		if startsH264(b[0]&0x1f, b[1:size]) {
			return true
		}
		b = b[size:]
	}
	return false
}
