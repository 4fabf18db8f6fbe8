package track

import (
	"github.com/pion/rtcp"

	"lectern/sfu/egress"
	"lectern/sfu/packet"
)

// Bounds of what one viewer gets again. The bytes retransmitted are a share of
// those sent, so that a viewer that asks for everything costs at most half as
// much again.
const (
	budgetShare = 2         // a sent byte earns 1/budgetShare
	firstBudget = 64 << 10  // bytes
	maxBudget   = 256 << 10 // bytes

	lookupsPerSecond = 2000 // packets asked for, whether they are sent or not
	maxLookups       = 1000 // at once
	lookupTime       = second / lookupsPerSecond

	// rememberRepairs is how many retransmissions are remembered, a power of
	// two, so that one is not repeated within a round trip.
	rememberRepairs = 128
)

// repaired is when a packet was last retransmitted; at is 0 if never.
type repaired struct {
	seq uint16
	at  int64
}

// lookups limits how many packets may be asked for.
type lookups struct {
	full int64 // when as many as ever will be allowed again
}

// take reports whether one more may be looked up.
func (l *lookups) take(now int64) bool {
	l.full = max(l.full, now) + lookupTime
	if l.full-now > maxLookups*lookupTime {
		l.full -= lookupTime
		return false
	}
	return true
}

// repair sends again what a viewer lost (RFC 4585 section 6.2.1). What is not
// in the cache has not come yet: it is forwarded when it does.
func (sub *Subscription) repair(into *egress.Batch, pairs []rtcp.NackPair, now int64) {
	s := sub.sender
	s.repair.Lock()
	defer s.repair.Unlock()
	if s.parcel == nil {
		s.parcel, s.raw = new(parcel), make([]byte, 0, maxPacket)
	}
	for i := range pairs {
		pairs[i].Range(func(seq uint16) bool { return sub.repairOne(into, seq, now) })
	}
	s.parcel.source = nil // it may be the last to hold it
}

// repairOne sends one packet again. It reports false if no more can be sent.
// Sender.repair is held.
func (sub *Subscription) repairOne(into *egress.Batch, seq uint16, now int64) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.stats.NACKed++
	if !sub.flowing.Load() || sub.source == nil {
		return false
	}
	if !sub.lookups.take(now) || sub.budget <= 0 {
		sub.stats.RepairLimited++
		return false
	}
	original, known := sub.stream.Source(seq)
	if !known || sub.isRepeated(seq, now) {
		return true
	}
	s := sub.sender
	raw, found := sub.source.cache.Get(original, s.raw[:0])
	s.raw = raw[:0]
	if !found {
		return true
	}
	h, err := packet.Parse(raw)
	if err != nil || !s.parcel.load(sub.source, raw, &h, now) {
		return true
	}
	sub.resend(into, seq, now, s.parcel)
	return true
}

// isRepeated tells whether a packet was retransmitted within the last round
// trip: then the viewer could not know when it asked.
func (sub *Subscription) isRepeated(seq uint16, now int64) bool {
	if sub.repaired == nil {
		return false
	}
	r := sub.repaired[seq%rememberRepairs]
	return r.at != 0 && r.seq == seq && now-r.at < sub.sender.tripTime()
}

// resend sends the parcel's packet again under its number: as RTX (RFC 4588) if
// the viewer takes that, else as it was. Sound without RTX is not sent again: no
// description of ours says so, and it comes too late.
func (sub *Subscription) resend(into *egress.Batch, seq uint16, now int64, p *parcel) {
	r := sub.route(p)
	_, ts, ok := sub.stream.Map(now, p.header.Sequence, p.header.Timestamp)
	if !r.ok || !ok || !sub.video && !sub.hasRTX(r) {
		return
	}
	out := outgoing{pt: r.pt, change: r.change, types: r.types, seq: seq, ts: sub.timestamp(p, ts), ssrc: sub.ssrc}
	if sub.hasRTX(r) {
		out.stamped, out.repair, out.original = true, true, seq
		out.pt, out.seq, out.ssrc = r.rtx, sub.rtxSeq, sub.rtxSSRC
		sub.rtxSeq++
	}
	if sub.repaired == nil {
		sub.repaired = make([]repaired, rememberRepairs)
	}
	sub.repaired[seq%rememberRepairs] = repaired{seq: seq, at: max(now, 1)}
	sub.stats.Repaired++
	sub.budget -= sub.send(into, p, out)
}
