package receive

// reportState is what reports are made of (RFC 3550 section 6.4.1 and
// appendix A.3, A.8).
type reportState struct {
	received      int64 // all, with duplicates and late ones
	priorReceived int64
	priorExpected int64

	transit int64 // of the last packet, in ticks
	began   bool  // transit is valid
	ts      uint32
	jitter  int64 // in ticks, times 16

	sr     uint32 // middle 32 bits of the last sender report's NTP time; 0: none
	srTime int64  // when it arrived
}

// Report is a report block (RFC 3550 section 6.4.1).
type Report struct {
	Fraction uint8  // lost since the last report, in 1/256
	Lost     uint32 // since the beginning, 0..0x7fffff
	Highest  uint32 // extended highest sequence number
	Jitter   uint32 // in ticks
	LSR      uint32 // last sender report
	DLSR     uint32 // delay since it, in 1/65,536 s
}

// base begins the count anew.
func (r *reportState) base() {
	sr, at := r.sr, r.srTime
	*r = reportState{sr: sr, srTime: at}
}

// record counts a packet and updates the jitter. Packets of one frame have one
// timestamp and leave a sender one after the other, so only the first one says
// when the frame was sent.
func (r *reportState) record(now int64, ts uint32, rate uint32) {
	r.received++
	if r.began && ts == r.ts {
		return
	}
	arrived := now/second*int64(rate) + now%second*int64(rate)/second
	transit := int64(uint32(arrived) - ts) //nolint:gosec // on the circle of 2^32
	if r.began {
		d := int64(int32(uint32(transit - r.transit))) //nolint:gosec // likewise
		if d < 0 {
			d = -d
		}
		r.jitter += d - (r.jitter+8)>>4
	}
	r.transit, r.ts, r.began = transit, ts, true
}

// SenderReport notes a sender report of the stream's that arrived at now; ntp is
// its NTP timestamp.
func (s *Stream) SenderReport(now int64, ntp uint64) {
	s.report.sr, s.report.srTime = uint32(ntp>>16), now //nolint:gosec // the middle 32 bits
}

// Report is the next report block. ok is false if no packet came since the last
// one: a source that is not heard is not reported on.
func (s *Stream) Report(now int64) (b Report, ok bool) {
	r := &s.report
	if !s.began || r.received == r.priorReceived {
		return Report{}, false
	}
	expected := s.highest - s.base + 1
	if lost := expected - r.received; lost > 0 {
		b.Lost = uint32(min(lost, 0x7fffff)) //nolint:gosec // bounded
	}
	interval := expected - r.priorExpected
	if lost := interval - (r.received - r.priorReceived); lost > 0 && interval > 0 {
		b.Fraction = uint8(min(lost<<8/interval, 255)) //nolint:gosec // bounded
	}
	r.priorExpected, r.priorReceived = expected, r.received
	b.Highest = uint32(s.highest)    //nolint:gosec // wraps after 2^16 cycles
	b.Jitter = uint32(r.jitter >> 4) //nolint:gosec // never negative
	if r.sr != 0 {
		b.LSR = r.sr
		delay := max(now-r.srTime, 0)
		b.DLSR = uint32(delay/second<<16 + delay%second<<16/second) //nolint:gosec // wraps after 18 h
	}
	return b, true
}
