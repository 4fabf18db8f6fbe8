package track

import (
	"encoding/binary"

	"lectern/sfu/packet"
	"lectern/sfu/red"
)

const (
	maxMID = 16 // bytes; what the one-byte form of RFC 8285 can hold
	// headroom is what the longest header needs, before an RTX payload's
	// original sequence number.
	headroom = 12 + 4 + 2*4 + (maxMID + 3 + 1 + 1) + 3 + rtxPrefix
	// rtxPrefix is the length of that number (RFC 4588 section 4).
	rtxPrefix = 2
)

// parcel is one packet on its way to many: what was found out about it once,
// and its payload with room before it for one header after the other.
type parcel struct {
	source   *source
	header   packet.Header
	now      int64
	format   int // index in the input's formats
	keyframe bool
	red      red.Payload // of a format that is RED

	level, orientation       [1]byte
	hasLevel, hasOrientation bool
	sendTime                 [3]byte

	size   int                        // of the payload
	shared [headroom + maxPacket]byte // the payload is at headroom
	own    [headroom + maxPacket]byte // likewise, changed for one subscription
	exts   [4]packet.Ext
}

// load takes a packet of at most maxPacket bytes. ok is false if it cannot be
// forwarded: its format was not negotiated, or its payload is malformed. One
// without payload can.
func (p *parcel) load(src *source, b []byte, h *packet.Header, now int64) (ok bool) {
	formats := src.input.formats
	if p.format, ok = formats.find(h.PayloadType); !ok {
		return false
	}
	p.source, p.header, p.now = src, *h, now
	payload := h.Payload(b)
	f := &formats.list[p.format]
	if f.red && len(payload) > 0 {
		var err error
		if p.red, err = red.Parse(payload); err != nil {
			return false
		}
		if p.red.Primary == len(payload) {
			payload = nil // nothing to play: as good as padding
		}
	}
	p.size = copy(p.shared[headroom:], payload)
	p.keyframe = f.Codec.Keyframe(payload)
	p.readExtensions(b, h)
	return true
}

// readExtensions finds the extensions that are passed on, and stamps the packet
// with the time it is sent: abs-send-time is 24 bits with 18 of them below the
// second.
func (p *parcel) readExtensions(b []byte, h *packet.Header) {
	ids := p.source.input.receiver.extensions.Load()
	p.hasLevel = readByte(&p.level, h.Extension(b, ids.AudioLevel))
	p.hasOrientation = readByte(&p.orientation, h.Extension(b, ids.VideoOrientation))
	t := uint32(p.now/second<<18+p.now%second<<18/second) & 0xffffff //nolint:gosec // wraps
	p.sendTime = [3]byte{byte(t >> 16), byte(t >> 8), byte(t)}
}

func readByte(to *[1]byte, data []byte) bool {
	if len(data) != 1 {
		return false
	}
	to[0] = data[0]
	return true
}

// write builds the packet for one subscription. It lies in the parcel until the
// next write.
func (p *parcel) write(sub *Subscription, out outgoing) ([]byte, bool) {
	buf, size := &p.shared, p.size
	if out.change != keep && size > 0 {
		if size = p.transform(out); size == 0 {
			return nil, false
		}
		buf = &p.own
	}
	at := headroom
	if out.repair {
		at -= rtxPrefix
		binary.BigEndian.PutUint16(buf[at:], out.original)
	}
	exts := p.extensions(sub)
	start, ok := packet.Prepend(buf[:], at, p.header.Marker, out.pt, out.seq, out.ts, out.ssrc, exts)
	return buf[start : headroom+size], ok
}

// transform puts the payload, as one subscription gets it, into own.
func (p *parcel) transform(out outgoing) (size int) {
	payload := p.shared[headroom : headroom+p.size]
	if out.change == stripRED {
		return copy(p.own[headroom:], payload[p.red.Primary:])
	}
	size = copy(p.own[headroom:], payload)
	if !p.red.SetTypes(p.own[headroom:headroom+size], out.types) {
		return 0
	}
	return size
}

// extensions are the elements a subscription's packets carry.
func (p *parcel) extensions(sub *Subscription) []packet.Ext {
	exts := p.exts[:0]
	if sub.ids.MID != 0 && len(sub.mid) > 0 {
		exts = append(exts, packet.Ext{ID: sub.ids.MID, Data: sub.mid})
	}
	if sub.ids.AbsSendTime != 0 {
		exts = append(exts, packet.Ext{ID: sub.ids.AbsSendTime, Data: p.sendTime[:]})
	}
	if sub.ids.AudioLevel != 0 && p.hasLevel {
		exts = append(exts, packet.Ext{ID: sub.ids.AudioLevel, Data: p.level[:]})
	}
	if sub.ids.VideoOrientation != 0 && p.hasOrientation {
		exts = append(exts, packet.Ext{ID: sub.ids.VideoOrientation, Data: p.orientation[:]})
	}
	return exts
}

// change is what is done to a payload on its way.
type change uint8

const (
	keep     change = iota
	retype          // a RED payload gets the viewer's payload types
	stripRED        // only the primary block goes
)

// outgoing is how a packet goes out.
type outgoing struct {
	pt       uint8
	change   change
	types    *[128]uint8 // for retype
	repair   bool        // as RTX, with the original sequence number
	original uint16
	seq      uint16
	ts, ssrc uint32
}
