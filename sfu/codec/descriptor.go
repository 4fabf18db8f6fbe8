package codec

// The running numbers of a payload descriptor, as indices of
// Descriptor.Counters. They count from any value on, and over from zero when
// they have reached their width.
const (
	PictureID = iota // pictures: 7 or 15 bits
	TL0PICIDX        // those of the lowest temporal layer: 8 bits
	KEYIDX           // keyframes: 5 bits, of VP8 only

	// Counters is how many there are.
	Counters
)

// Descriptor is what the beginning of one payload tells.
type Descriptor struct {
	Keyframe bool // as Codec.Keyframe has it
	Counters [Counters]Counter
}

// Counter is a running number in a payload. The zero value is one that is not
// there.
type Counter struct {
	Value uint16
	Mask  uint16 // with all bits set that the number has here; 0: it is not there
	at    uint8  // its first byte
}

// Set writes another value into the payload that the counter was read from, or
// a copy. Bits over the mask are not written. The counter must be there.
func (c *Counter) Set(payload []byte, value uint16) {
	at, mask := int(c.at), c.Mask
	if mask > 0xff {
		payload[at] = payload[at]&^byte(mask>>8) | byte(value&mask>>8)
		at++
	}
	payload[at] = payload[at]&^byte(mask) | byte(value&mask) //nolint:gosec // the lower half
}

// Descriptor reads the beginning of an RTP payload, which may be anything: one
// that is malformed has no counters and is no keyframe. VP8 and VP9 have
// counters: decoders, and libwebrtc before them, tell by those which pictures
// are missing, which refer to which, and which are old. H264 has none. Those of
// AV1 are in a header extension, the dependency descriptor, and not in the
// payload. Descriptor does not allocate.
func (c Codec) Descriptor(payload []byte) Descriptor {
	if len(payload) == 0 {
		return Descriptor{}
	}
	if c.Kind == Audio {
		return Descriptor{Keyframe: true}
	}
	switch formatOf(c.Name) {
	case formatVP8:
		return readVP8(payload)
	case formatVP9:
		return readVP9(payload)
	case formatH264:
		return Descriptor{Keyframe: keyframeH264(payload)}
	case formatAV1:
		return Descriptor{Keyframe: keyframeAV1(payload)}
	}
	return Descriptor{Keyframe: true}
}

// readVP8 reads the payload descriptor of RFC 7741 section 4.2. A keyframe
// begins with the start of the frame's first partition, and a frame header whose
// P bit is 0 (section 4.3).
func readVP8(b []byte) (d Descriptor) {
	const (
		extended  = 0x80 // X
		start     = 0x10 // S
		partition = 0x07 // PID
	)
	at := 1
	if b[0]&extended != 0 {
		if at = d.readVP8Extension(b); at == 0 {
			return Descriptor{}
		}
	}
	d.Keyframe = b[0]&(start|partition) == start && len(b) > at && b[at]&0x01 == 0
	return d
}

// readVP8Extension reads what X announces. It tells where the rest begins; 0 if
// the payload ends before.
func (d *Descriptor) readVP8Extension(b []byte) (at int) {
	if len(b) < 2 {
		return 0
	}
	flags := b[1]
	at = 2
	if flags&0x80 != 0 { // I
		if at = d.readPictureID(b, at); at == 0 {
			return 0
		}
	}
	if flags&0x40 != 0 { // L
		if at = d.readByte(b, at, TL0PICIDX, 0xff); at == 0 {
			return 0
		}
	}
	if flags&0x30 != 0 { // T or K: TID, Y and KEYIDX share a byte
		if at = d.readByte(b, at, KEYIDX, 0x1f); at == 0 {
			return 0
		}
		if flags&0x10 == 0 {
			d.Counters[KEYIDX] = Counter{}
		}
	}
	return at
}

// readVP9 reads the payload descriptor of RFC 9628 section 4.2 as far as there
// are counters. A keyframe begins with a frame that refers to none before it (P
// is 0), its first packet (B is 1), in the lowest spatial layer.
func readVP9(b []byte) (d Descriptor) {
	const (
		pictureID = 0x80 // I
		inter     = 0x40 // P
		layers    = 0x20 // L
		flexible  = 0x10 // F
		begin     = 0x08 // B
	)
	at, base := 1, true
	if b[0]&pictureID != 0 {
		if at = d.readPictureID(b, at); at == 0 {
			return Descriptor{}
		}
	}
	if b[0]&layers != 0 {
		if len(b) <= at {
			return Descriptor{}
		}
		base = b[at]>>1&0x07 == 0 // SID
		at++
		if b[0]&flexible == 0 {
			if at = d.readByte(b, at, TL0PICIDX, 0xff); at == 0 {
				return Descriptor{}
			}
		}
	}
	d.Keyframe = b[0]&(inter|begin) == begin && base && len(b) > at
	return d
}

// readPictureID reads a picture id, whose first bit tells whether it has 7 or 15
// more (RFC 7741 and RFC 9628, section 4.2 of both). It tells what the next byte
// is; 0 if the payload ends before.
func (d *Descriptor) readPictureID(b []byte, at int) (next int) {
	switch {
	case len(b) <= at:
		return 0
	case b[at]&0x80 == 0:
		return d.readByte(b, at, PictureID, 0x7f)
	case len(b) <= at+1:
		return 0
	}
	value := uint16(b[at]&0x7f)<<8 | uint16(b[at+1])
	d.Counters[PictureID] = Counter{Value: value, Mask: 0x7fff, at: uint8(at)} //nolint:gosec // at most 2
	return at + 2
}

// readByte is the same for a counter within one byte.
func (d *Descriptor) readByte(b []byte, at, counter int, mask uint8) (next int) {
	if len(b) <= at {
		return 0
	}
	d.Counters[counter] = Counter{Value: uint16(b[at] & mask), Mask: uint16(mask), at: uint8(at)} //nolint:gosec // at most 5
	return at + 1
}
