package client

import (
	"sync"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	// keptPackets is how many packets can be sent again: at 1 Mbit/s those of
	// the last 4 s.
	keptPackets = 512
	// maxCredit bounds what is sent again at once, in bytes: about all that is
	// kept.
	maxCredit = keptPackets * mostPayload
)

// repair keeps the packets of an outlet and sends again what a generic NACK
// (RFC 4585 section 6.2.1) asks for, with the SSRC and the number it had. No
// more bytes are sent again than were sent. The publisher's goroutine and the one
// that listens use it at the same time.
type repair struct {
	mu sync.Mutex
	// Guarded by mu.
	packets [keptPackets]keptPacket // by number, modulo keptPackets
	credit  int                     // bytes
}

type keptPacket struct {
	header  rtp.Header
	payload []byte // none: there was no packet
}

func (p *keptPacket) size() int { return p.header.MarshalSize() + len(p.payload) }

// keep copies a packet that is sent. It allocates only while the place is too
// small for it.
func (r *repair) keep(h *rtp.Header, payload []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.packets[h.SequenceNumber%keptPackets]
	p.header, p.payload = *h, append(p.payload[:0], payload...)
	r.credit = min(r.credit+p.size(), maxCredit)
}

// find copies a packet into buffer, if it is kept and may be sent.
func (r *repair) find(ssrc uint32, number uint16, buffer []byte) (rtp.Header, []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.packets[number%keptPackets]
	if p.header.SSRC != ssrc || p.header.SequenceNumber != number || p.size() > r.credit {
		return rtp.Header{}, nil
	}
	r.credit -= p.size()
	return p.header, buffer[:copy(buffer, p.payload)]
}

// answer sends again what is asked for and still kept. The publisher does not
// wait for it.
func (r *repair) answer(asked *rtcp.TransportLayerNack, w webrtc.TrackLocalWriter) {
	buffer := make([]byte, mostPayload)
	for _, pair := range asked.Nacks {
		pair.Range(func(number uint16) bool {
			if h, payload := r.find(asked.MediaSSRC, number, buffer); len(payload) > 0 {
				_, _ = w.WriteRTP(&h, payload) // a connection that ends takes no more
			}
			return true
		})
	}
}
