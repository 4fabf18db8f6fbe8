package codec

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
