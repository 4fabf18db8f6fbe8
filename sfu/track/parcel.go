package track

import (
	"encoding/binary"
	"sync"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
	"lectern/sfu/red"
	"lectern/sfu/rewrite"
)

const (
	maxMID = 16 // bytes; what the one-byte form of RFC 8285 can hold
	// headroom is what the longest header needs, before an RTX payload's
	// original sequence number.
	headroom = 12 + 4 + 2*4 + (maxMID + 3 + 1 + 1) + 3 + rtxPrefix
	// rtxPrefix is the length of that number (RFC 4588 section 4).
	rtxPrefix = 2
)

// parcel is one packet on its way to many: what was found out about it once. It
// is not changed once it is laid by, so several goroutines may read it.
type parcel struct {
	source     *source
	header     packet.Header
	now        int64
	format     int // index in the input's formats
	descriptor codec.Descriptor
	red        red.Payload // of a format that is RED

	level, orientation       [1]byte
	hasLevel, hasOrientation bool
	sendTime                 [3]byte

	size int   // of the payload
	pad  uint8 // bytes of padding that make it as large as its frame's others
	// shared is the payload, with room before it for the number of an RTX
	// payload.
	shared [rtxPrefix + maxPacket]byte
}

var parcels = sync.Pool{New: func() any { return new(parcel) }}

func (p *parcel) free() {
	p.source = nil // it may be the last to hold it
	parcels.Put(p)
}

// payload is what the packet carries.
func (p *parcel) payload() []byte { return p.shared[rtxPrefix : rtxPrefix+p.size] }

// load takes a packet of at most maxPacket bytes. ok is false if it cannot be
// forwarded: its format was not negotiated, or its payload is malformed. One
// without payload can.
func (p *parcel) load(src *source, b []byte, h *packet.Header, now int64) (ok bool) {
	formats := src.input.formats
	if p.format, ok = formats.find(h.PayloadType); !ok {
		return false
	}
	p.source, p.header, p.now, p.pad = src, *h, now, 0
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
	p.size = copy(p.shared[rtxPrefix:], payload)
	p.descriptor.Read(&f.Codec, payload)
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

// build writes the packet for one subscription into slot, which has room for
// headroom, the payload and the padding. It is empty if the packet cannot be made.
func (p *parcel) build(slot []byte, sub *Subscription, out outgoing) []byte {
	payload := p.payload()
	switch {
	case p.size == 0:
	case out.change == stripRED:
		payload = payload[p.red.Primary:]
	case out.repair && out.change == keep:
		// A parcel for repairs is its goroutine's alone.
		binary.BigEndian.PutUint16(p.shared[:], out.original)
		payload = p.shared[:rtxPrefix+p.size]
	}
	var list [4]packet.Ext
	exts := p.extensions(sub, out.stamped, list[:0])
	b := packet.Build(slot[:0], p.header.Marker, out.pt, out.seq, out.ts, out.ssrc, exts, payload)
	if out.change == retype && p.size > 0 && !p.red.SetTypes(b[len(b)-p.size:], out.types) {
		return nil
	}
	if p.descriptor.Counted {
		p.count(b[len(b)-p.size:], &sub.stream)
	}
	return packet.Pad(b, out.pad)
}

// count writes the running numbers of a viewer's stream into its copy of the
// payload, which Map was called for last; nil if there is none, as it could not be
// sent.
func (p *parcel) count(payload []byte, stream *rewrite.Stream) {
	for i := range p.descriptor.Counters {
		c := &p.descriptor.Counters[i]
		if c.Mask == 0 {
			continue
		}
		if out := stream.Count(i, c.Value, c.Mask); out != c.Value && payload != nil {
			c.Set(payload, out)
		}
	}
}

// extensions adds the elements a subscription's packets carry to a list.
func (p *parcel) extensions(sub *Subscription, stamped bool, exts []packet.Ext) []packet.Ext {
	if sub.ids.MID != 0 && len(sub.mid) > 0 {
		exts = append(exts, packet.Ext{ID: sub.ids.MID, Data: sub.mid})
	}
	if sub.ids.AbsSendTime != 0 && stamped {
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
	pad      uint8       // bytes of padding after the payload
	stamped  bool        // says when it is sent
	repair   bool        // as RTX, with the original sequence number
	original uint16
	seq      uint16
	ts, ssrc uint32
}

// A Stream continues as many running numbers as a payload may have.
var _ [rewrite.Counters]struct{} = [codec.Counters]struct{}{}
