package track

import (
	"github.com/pion/rtcp"

	"lectern/sfu/packet"
)

const (
	transportEvery = 100 * millisecond // transport-wide feedback
	reportEvery    = second            // receiver and sender reports
	// transportAtOnce is how many packets one feedback tells of at most, so that
	// it fits a datagram.
	transportAtOnce = 512
	// reportsAtOnce is how many report blocks are in one packet (RFC 3550
	// section 6.1: 31 at most).
	reportsAtOnce = 31
)

// recordTransport notes a packet's transport-wide sequence number
// (draft-holmer-rmcat-transport-wide-cc-extensions-01). r.mu is held.
func (r *Receiver) recordTransport(a *arrival, h *packet.Header, number []byte, arrived int64) {
	if len(number) < 2 {
		return
	}
	r.recorder.Record(h.SSRC, uint16(number[0])<<8|uint16(number[1]), arrived/1000)
	if r.recorder.PacketsHeld() >= transportAtOnce {
		a.feedback = r.transportFeedback(arrived)
	}
}

// transportFeedback is what tells the publisher's bandwidth estimation when its
// packets arrived. r.mu is held.
func (r *Receiver) transportFeedback(now int64) (list [][]byte) {
	r.lastTWCC = now
	if r.recorder.PacketsHeld() == 0 {
		return nil
	}
	for _, p := range r.recorder.BuildFeedbackPacket() {
		if b, err := p.Marshal(); err == nil {
			list = append(list, b)
			r.stats.TransportFeedbacks++
		}
	}
	return list
}

// nack is a request for lost packets (RFC 4585 section 6.2.1). r.mu is held.
func (r *Receiver) nack(ssrc uint32, lost []uint16) []byte {
	p := rtcp.TransportLayerNack{SenderSSRC: r.ssrc, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(lost)}
	b, err := p.Marshal()
	if err != nil {
		return nil
	}
	r.stats.NACKs++
	r.stats.NACKed += uint64(len(lost))
	return b
}

// RTCP takes a compound packet from the publisher: of its sender reports what
// receiver reports and lip sync need.
func (r *Receiver) RTCP(b []byte, arrived int64) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		r.mu.Lock()
		r.stats.InvalidRTCP++
		r.mu.Unlock()
		return
	}
	r.handle(packets, arrived)
}

// handle is RTCP with what it parsed.
func (r *Receiver) handle(packets []rtcp.Packet, arrived int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range packets {
		sr, ok := p.(*rtcp.SenderReport)
		if !ok {
			continue
		}
		st := r.streams[sr.SSRC]
		if st == nil || st.repair || sr.NTPTime == 0 {
			continue
		}
		r.stats.SenderReports++
		st.account.SenderReport(arrived, sr.NTPTime)
		st.clock = &senderClock{ntp: sr.NTPTime, rtp: sr.RTPTime, arrived: arrived}
		if st.source != nil {
			st.source.clock.Store(st.clock)
		}
	}
}

// Tick does what is due: repeated requests for lost packets, transport-wide
// feedback every 100 ms, receiver reports every second, delayed keyframe
// requests. It is to be called every 20 to 50 ms.
func (r *Receiver) Tick(now int64) {
	send, tracks := r.whatIsDue(now)
	for _, b := range send {
		r.sink.WriteRTCP(b)
	}
	for _, t := range tracks {
		t.keyframes.tick(now)
	}
}

// whatIsDue is what Tick is to send, and to look after.
func (r *Receiver) whatIsDue(now int64) (send [][]byte, tracks []*Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.streams) == 0 && len(r.inputs) == 0 { // its client only listens
		return nil, nil
	}
	for _, st := range r.streams {
		var a arrival
		if !st.repair && st.source != nil {
			r.chase(&a, st, now)
		}
		if a.nack != nil {
			send = append(send, a.nack)
		}
		if a.lost != nil {
			a.lost.keyframes.wanted.Store(true) // sent below
		}
	}
	if now-r.lastTWCC >= transportEvery {
		send = append(send, r.transportFeedback(now)...)
	}
	if now-r.lastRR >= reportEvery {
		r.lastRR = now
		send = append(send, r.reports(now)...)
	}
	for _, in := range r.inputs {
		tracks = append(tracks, in.track)
	}
	return send, tracks
}

// reports are compound packets of receiver reports and our CNAME (RFC 3550
// section 6.1). r.mu is held.
func (r *Receiver) reports(now int64) (list [][]byte) {
	var blocks []rtcp.ReceptionReport
	for ssrc, st := range r.streams {
		if st.repair {
			continue
		}
		if b, ok := st.account.Report(now); ok {
			blocks = append(blocks, rtcp.ReceptionReport{
				SSRC: ssrc, FractionLost: b.Fraction, TotalLost: b.Lost, LastSequenceNumber: b.Highest,
				Jitter: b.Jitter, LastSenderReport: b.LSR, Delay: b.DLSR,
			})
		}
	}
	for len(blocks) > 0 {
		n := min(len(blocks), reportsAtOnce)
		b, err := rtcp.Marshal([]rtcp.Packet{
			&rtcp.ReceiverReport{SSRC: r.ssrc, Reports: blocks[:n]},
			rtcp.NewCNAMESourceDescription(r.ssrc, r.cname),
		})
		if err == nil {
			list = append(list, b)
		}
		blocks = blocks[n:]
	}
	return list
}
