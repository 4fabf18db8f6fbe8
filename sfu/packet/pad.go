package packet

import "slices"

// Pad adds n bytes of padding to a packet that has none (RFC 3550 section 5.1)
// and returns it, in the same array if that has room. With n of 0 it is as it was.
func Pad(b []byte, n uint8) []byte {
	if n == 0 {
		return b
	}
	end := len(b)
	b = slices.Grow(b, int(n))[:end+int(n)]
	clear(b[end:])
	b[0] |= 0x20
	b[len(b)-1] = n
	return b
}
