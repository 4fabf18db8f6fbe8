package track

import "github.com/pion/rtcp"

// rememberReports is how many sender reports are remembered for the answers.
const rememberReports = 4

// reportState is what a Subscription knows of reports in both directions.
// Guarded by Subscription.mu.
type reportState struct {
	next    int64  // when the next sender report is due; 0: at once
	packets uint64 // sent when the last one went
	sent    [rememberReports]sentReport
	count   int

	fraction uint8 // lost, as the viewer reported last, in 1/256
	lost     uint32
	jitter   uint32
}

// sentReport is a sender report that a receiver report may refer to.
type sentReport struct {
	lsr uint32 // middle 32 bits of its NTP time; 0: none
	at  int64
}

// senderReport is the next report if one is due: once a second while packets
// flow. Its NTP time is the publisher's, so that what one publisher sends plays
// in sync on any connector (RFC 3550 section 6.4.1); there is none before the
// publisher has told it for the current source.
func (sub *Subscription) senderReport(now int64) (*rtcp.SenderReport, bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	r := &sub.reports
	if sub.source == nil || now < r.next || sub.stats.Packets == r.packets {
		return nil, false
	}
	clock := sub.source.clock.Load()
	offset, ok := sub.stream.Offset()
	if clock == nil || !ok {
		return nil, false
	}
	rate := sub.source.input.formats.list[sub.format].Codec.ClockRate
	ntp, ts := clock.at(now, rate)
	r.next = now + reportEvery
	r.packets = sub.stats.Packets
	r.sent[r.count%rememberReports] = sentReport{lsr: uint32(ntp >> 16), at: now} //nolint:gosec // the middle
	r.count++
	return &rtcp.SenderReport{
		SSRC: sub.ssrc, NTPTime: ntp, RTPTime: ts + offset,
		PacketCount: uint32(sub.stats.Packets), OctetCount: uint32(sub.stats.Bytes), //nolint:gosec // wrap
	}, true
}

// takeReport takes what a viewer says of the stream. rtt is the round trip, if
// it refers to a report that is remembered.
func (sub *Subscription) takeReport(b *rtcp.ReceptionReport, arrived int64) (rtt int64, ok bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	r := &sub.reports
	r.fraction, r.lost, r.jitter = b.FractionLost, b.TotalLost, b.Jitter
	if b.LastSenderReport == 0 {
		return 0, false
	}
	for _, s := range r.sent {
		if s.lsr == b.LastSenderReport {
			rtt = arrived - s.at - int64(b.Delay)*second>>16
			return rtt, rtt >= 0
		}
	}
	return 0, false
}

// needsKeyframe tells whether video has waited long enough for a keyframe to ask
// for it again.
func (sub *Subscription) needsKeyframe(now int64) bool {
	if !sub.video || !sub.flowing.Load() {
		return false
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	came := sub.track.keyframes.last.Load()
	if now < sub.askAt || !sub.waiting && !sub.allowance.waits(came) {
		return false
	}
	sub.askAt = now + keyframeRetry
	return sub.allowance.grants(now, came)
}
