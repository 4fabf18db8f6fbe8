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
	Counted  bool // there is at least one of Counters
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

// Read reads the beginning of an RTP payload, which may be anything: one that is
// malformed has no counters and is no keyframe. VP8 and VP9 have counters: decoders,
// and libwebrtc before them, tell by those which pictures are missing, which refer
// to which, and which are old. H264 has none. Those of AV1 are in a header
// extension, the dependency descriptor, and not in the payload. Read does not
// allocate.
func (d *Descriptor) Read(c *Codec, payload []byte) {
	*d = Descriptor{}
	if len(payload) == 0 {
		return
	}
	if c.Kind == Audio {
		d.Keyframe = true
		return
	}
	switch formatOf(c.Name) {
	case formatVP8:
		d.readVP8(payload)
	case formatVP9:
		d.readVP9(payload)
	case formatH264:
		d.Keyframe = keyframeH264(payload)
	case formatAV1:
		d.Keyframe = keyframeAV1(payload)
	default:
		d.Keyframe = true
	}
}

// readVP8 reads the payload descriptor of RFC 7741 section 4.2. A keyframe
// begins with the start of the frame's first partition, and a frame header whose
// P bit is 0 (section 4.3).
func (d *Descriptor) readVP8(b []byte) {
	const (
		extended  = 0x80 // X
		start     = 0x10 // S
		partition = 0x07 // PID
	)
	at := 1
	if b[0]&extended != 0 {
		if at = d.readVP8Extension(b); at == 0 {
			*d = Descriptor{}
			return
		}
	}
	d.Keyframe = b[0]&(start|partition) == start && len(b) > at && b[at]&0x01 == 0
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
	switch {
	case flags&0x10 != 0: // K: TID and Y, if they are there, are in the same byte
		at = d.readByte(b, at, KEYIDX, 0x1f)
	case flags&0x20 == 0: // T
	case at < len(b):
		at++
	default:
		at = 0
	}
	return at
}

// readVP9 reads the payload descriptor of RFC 9628 section 4.2 as far as there
// are counters. A keyframe begins with a frame that refers to none before it (P
// is 0), its first packet (B is 1), in the lowest spatial layer.
func (d *Descriptor) readVP9(b []byte) {
	const (
		inter = 0x40 // P
		begin = 0x08 // B
	)
	at, base := d.readVP9Counters(b)
	if at == 0 {
		*d = Descriptor{}
		return
	}
	d.Keyframe = b[0]&(inter|begin) == begin && base && len(b) > at
}

// readVP9Counters tells where the rest begins, 0 if the payload ends before, and
// whether this is of the lowest spatial layer.
func (d *Descriptor) readVP9Counters(b []byte) (at int, base bool) {
	const (
		pictureID = 0x80 // I
		layers    = 0x20 // L
		flexible  = 0x10 // F
	)
	at = 1
	if b[0]&pictureID != 0 {
		if at = d.readPictureID(b, at); at == 0 {
			return 0, false
		}
	}
	if b[0]&layers == 0 {
		return at, true
	}
	if len(b) <= at {
		return 0, false
	}
	base = b[at]>>1&0x07 == 0 // SID
	at++
	if b[0]&flexible == 0 {
		at = d.readByte(b, at, TL0PICIDX, 0xff)
	}
	return at, base
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
	d.Counted = true
	value := uint16(b[at]&0x7f)<<8 | uint16(b[at+1])
	d.Counters[PictureID] = Counter{Value: value, Mask: 0x7fff, at: uint8(at)} //nolint:gosec // at most 2
	return at + 2
}

// readByte is the same for a counter within one byte.
func (d *Descriptor) readByte(b []byte, at, counter int, mask uint8) (next int) {
	if len(b) <= at {
		return 0
	}
	d.Counted = true
	d.Counters[counter] = Counter{Value: uint16(b[at] & mask), Mask: uint16(mask), at: uint8(at)} //nolint:gosec // at most 5
	return at + 1
}
