package codec

// keyframeVP8 reads the payload descriptor (RFC 7741 section 4.2) for the start
// of the frame's first partition, and the P bit of the frame header behind it
// (section 4.3).
func keyframeVP8(b []byte) bool {
	const (
		extended  = 0x80 // X
		start     = 0x10 // S
		partition = 0x07 // PID
	)
	if b[0]&start == 0 || b[0]&partition != 0 {
		return false
	}
	at := 1
	if b[0]&extended != 0 {
		if len(b) < 2 {
			return false
		}
		flags := b[1]
		at = 2
		if flags&0x80 != 0 { // I: picture id, of 7 or 15 bits
			if len(b) <= at {
				return false
			}
			at += 1 + int(b[at]>>7)
		}
		if flags&0x40 != 0 { // L: TL0PICIDX
			at++
		}
		if flags&0x30 != 0 { // T or K: TID, Y and KEYIDX share a byte
			at++
		}
	}
	return len(b) > at && b[at]&0x01 == 0
}

// keyframeVP9 reads the payload descriptor (RFC 9628 section 4.2): a frame that
// refers to none before it (P is 0), its first packet (B is 1), in the lowest
// spatial layer.
func keyframeVP9(b []byte) bool {
	const (
		pictureID = 0x80 // I
		inter     = 0x40 // P
		layers    = 0x20 // L
		begin     = 0x08 // B
	)
	if b[0]&inter != 0 || b[0]&begin == 0 {
		return false
	}
	at := 1
	if b[0]&pictureID != 0 {
		if len(b) <= at {
			return false
		}
		at += 1 + int(b[at]>>7)
	}
	if b[0]&layers != 0 {
		if len(b) <= at || b[at]>>1&0x07 != 0 { // SID
			return false
		}
		at++
	}
	return len(b) > at
}

// obuSequenceHeader is the OBU type of a sequence header (AV1 section 6.2.2).
const obuSequenceHeader = 1

// keyframeAV1 reads the aggregation header ("RTP Payload Format For AV1"
// section 4.4): N says that a coded video sequence begins here. Senders that
// never set N are known by the sequence header that goes before a key frame.
func keyframeAV1(b []byte) bool {
	const (
		continued = 0x80 // Z
		begins    = 0x08 // N
	)
	if b[0]&continued != 0 || len(b) < 2 {
		return false
	}
	if b[0]&begins != 0 {
		return true
	}
	count := int(b[0] >> 4 & 3) // W: 0 if every element carries its length
	b = b[1:]
	for i := 1; len(b) > 0; i++ {
		size := len(b)
		if i != count { // the last of W elements has no length
			n, used := leb128(b)
			if used == 0 || n > uint64(len(b)-used) {
				return false
			}
			size, b = int(n), b[used:] //nolint:gosec // at most len(b)
		}
		if size > 0 && b[0]>>3&0x0f == obuSequenceHeader {
			return true
		}
		b = b[size:]
	}
	return false
}

// leb128 reads a number of at most eight bytes, seven bits each, the lowest
// first (AV1 section 4.10.5). used is 0 if b holds none.
func leb128(b []byte) (n uint64, used int) {
	for i := 0; i < 8 && i < len(b); i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return n, i + 1
		}
	}
	return 0, 0
}
