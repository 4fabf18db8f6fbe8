package downlink

import (
	"encoding/binary"
	"time"

	"lectern/sfu/packet"
	"lectern/sfu/receive"
)

const senderReport = 200 // packet type (RFC 3550 section 12.1)

// take takes what the socket had: STUN, DTLS or media (RFC 7983 section 7). What
// is found missing is asked for at once.
func (p *Peer) take(list []datagram, late time.Duration) {
	p.engine.late(late)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range list {
		d := &list[i]
		switch b := d.data; {
		case len(b) < 4:
		case b[0] < 4:
			p.takeSTUN(b, d.from)
		case b[0] >= 128 && b[0] <= 191:
			p.takeMedia(b, d.at)
		case b[0] >= 20 && b[0] <= 63 && p.secured.Load() == nil:
			select {
			case p.secure <- append([]byte(nil), b...):
			default: // DTLS sends it again
			}
		}
	}
	if len(list) > 0 {
		p.request(clock(list[len(list)-1].at))
	}
}

// takeMedia decrypts a packet in place and gives it to its stream; mu is held.
func (p *Peer) takeMedia(b []byte, at time.Time) {
	c := p.secured.Load()
	if c == nil {
		return
	}
	if isRTCP(b) {
		if plain, err := c.in.DecryptRTCP(b, b, nil); err == nil {
			p.takeReports(plain, clock(at))
		}
		return
	}
	plain, err := c.in.DecryptRTP(b, b, &c.header)
	if err != nil {
		return
	}
	p.engine.packets.Add(1)
	p.remb.bytes += len(plain)
	s := p.streams[c.header.SSRC]
	if s == nil {
		return
	}
	seq, recovered := c.header.SequenceNumber, false
	if s.rtx == c.header.SSRC {
		if plain, seq, recovered = unwrap(plain, s.ssrc); !recovered {
			return // padding, which only probes
		}
		p.engine.retransmitted.Add(1)
	}
	switch s.account.Record(clock(at), seq, c.header.Timestamp, recovered) {
	case receive.Duplicate, receive.Late:
		p.engine.duplicates.Add(1)
		return
	case receive.Restarted:
		s.needsKey = s.video
	}
	if s.needsKey && isKeyframe(plain) {
		s.needsKey = false
	}
	if s.sink != nil {
		s.sink.Take(plain, at)
	}
}

// unwrap makes a retransmission the packet it repeats, in place (RFC 4588
// section 4): its header without the two bytes that hold the sequence number.
// The payload type stays.
func unwrap(b []byte, ssrc uint32) (original []byte, seq uint16, ok bool) {
	h, err := packet.Parse(b)
	if err != nil || h.PayloadEnd-h.PayloadStart < 2 {
		return nil, 0, false
	}
	seq = binary.BigEndian.Uint16(b[h.PayloadStart:])
	copy(b[2:], b[:h.PayloadStart])
	b = b[2:]
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return b, seq, true
}

func isKeyframe(b []byte) bool {
	h, err := packet.Parse(b)
	return err == nil && wanted[0].Keyframe(h.Payload(b))
}

// takeReports takes what the other side says about what it sends; mu is held.
func (p *Peer) takeReports(b []byte, now int64) {
	for len(b) >= 4 {
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) {
			return
		}
		if b[1] == senderReport && size >= 28 {
			if s := p.streams[binary.BigEndian.Uint32(b[4:])]; s != nil {
				p.engine.reports.Add(1)
				s.account.SenderReport(now, binary.BigEndian.Uint64(b[8:]))
			}
		}
		b = b[size:]
	}
}
