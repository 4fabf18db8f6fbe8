package downlink

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
)

// Times of feedback, in nanoseconds. They are those of libwebrtc, which Chromium,
// Firefox and Safari have: rtcp_sender.cc and remb_throttler.cc.
const (
	videoReportEvery = int64(time.Second)
	audioReportEvery = int64(5 * time.Second)
	rembEvery        = int64(200 * time.Millisecond)

	// askAgain is the time between two requests for a keyframe
	// (kMaxWaitForKeyFrame of video_receive_stream2.h).
	askAgain = int64(200 * time.Millisecond)
	// maxNACK is how many packets one request names.
	maxNACK = 64
)

// remb says how much may be sent (draft-alvestrand-rmcat-remb). Browsers send it
// while packets carry the time of sending and no transport-wide number. The
// peer's mu guards it.
type remb struct {
	negotiated bool
	due        int64
	bytes      int     // that came since the last one
	since      int64   // when it went; 0: never
	rate       float64 // bit/s that came, smoothed
}

// next is the estimate to send if one is due, in bit/s. It is that of a path
// without a queue, where libwebrtc's is held at its bound, one and a half times of
// what comes (aimd_rate_control.cc): a queue is not looked for here.
func (r *remb) next(now int64) (bitrate float32, ok bool) {
	if !r.negotiated || now < r.due || r.bytes == 0 {
		return 0, false
	}
	r.due = now + rembEvery
	if r.since != 0 {
		const weight = 4 // of what is known already
		got := float64(r.bytes) * 8 * float64(time.Second) / float64(max(now-r.since, 1))
		if r.rate == 0 {
			r.rate = got
		} else {
			r.rate += (got - r.rate) / weight
		}
	}
	r.bytes, r.since = 0, now
	if r.rate == 0 {
		return 0, false // the next one is the first to know
	}
	return float32(1.5*r.rate + 10_000), true
}

// feedback sends what is due: a report of what came of each stream, an estimate,
// and requests that were not answered.
func (p *Peer) feedback(now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []rtcp.Packet
	for _, s := range p.order {
		if list = p.report(list[:0], s, now); len(list) > 0 {
			p.send(list)
		}
	}
	if bitrate, ok := p.remb.next(now); ok {
		p.send([]rtcp.Packet{p.estimate(bitrate)})
	}
	p.request(now)
}

// estimate is about all video, as browsers know no other that is limited.
func (p *Peer) estimate(bitrate float32) *rtcp.ReceiverEstimatedMaximumBitrate {
	r := &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: p.ssrc, Bitrate: bitrate}
	for _, s := range p.order {
		if _, heard := s.account.Highest(); heard && s.video {
			r.SSRCs = append(r.SSRCs, s.ssrc)
		}
	}
	return r
}

// send sends one RTCP packet, compound or of reduced size (RFC 5506); mu is held.
func (p *Peer) send(list []rtcp.Packet) {
	c := p.secured.Load()
	if c == nil || p.closed {
		return
	}
	plain, err := rtcp.Marshal(list)
	if err != nil {
		return
	}
	if c.scratch, err = c.out.EncryptRTCP(c.scratch[:0], plain, nil); err == nil {
		p.engine.feedback.Add(1)
		p.socket.write(c.scratch, p.to)
	}
}

// report adds a receiver report about one stream (RFC 3550 section 6.4.2), if it
// is due; mu is held. The time between two varies by half (section 6.2).
func (p *Peer) report(list []rtcp.Packet, s *stream, now int64) []rtcp.Packet {
	every := audioReportEvery
	if s.video {
		every = videoReportEvery
	}
	_, heard := s.account.Highest()
	switch {
	case !heard || now < s.reportAt:
		return list
	case s.reportAt == 0:
		s.reportAt = now + every/2
		return list
	}
	s.reportAt = now + every/2 + rand.Int64N(every) //nolint:gosec // no secret
	b, ok := s.account.Report(now)
	if !ok {
		return list
	}
	return append(list, &rtcp.ReceiverReport{SSRC: p.ssrc, Reports: []rtcp.ReceptionReport{{
		SSRC: s.ssrc, FractionLost: b.Fraction, TotalLost: b.Lost & 0xffffff, LastSequenceNumber: b.Highest,
		Jitter: b.Jitter, LastSenderReport: b.LSR, Delay: b.DLSR,
	}}})
}

// request asks for what the streams lack; mu is held.
func (p *Peer) request(now int64) {
	if p.secured.Load() == nil {
		return
	}
	for _, s := range p.order {
		if list := p.ask(s, now); len(list) > 0 {
			p.send(list)
		}
	}
}

// ask are the requests for what a stream lacks; mu is held.
func (p *Peer) ask(s *stream, now int64) (list []rtcp.Packet) {
	if !s.video {
		return nil
	}
	var room [maxNACK]uint16
	due, gaveUp := s.account.Due(now, room[:0])
	if len(due) > 0 {
		p.engine.asked.Add(int64(len(due)))
		list = append(list, &rtcp.TransportLayerNack{
			SenderSSRC: p.ssrc, MediaSSRC: s.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(due),
		})
	}
	s.needsKey = s.needsKey || gaveUp
	_, heard := s.account.Highest()
	if s.needsKey && heard && (s.asked == 0 || now-s.asked >= askAgain) {
		s.asked = now
		p.engine.keyframes.Add(1)
		list = append(list, &rtcp.PictureLossIndication{SenderSSRC: p.ssrc, MediaSSRC: s.ssrc})
	}
	return list
}
