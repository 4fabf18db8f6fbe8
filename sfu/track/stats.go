package track

// ReceiverStats counts what one connector received. All but Streams only grow.
type ReceiverStats struct {
	Packets, Bytes uint64 // all valid RTP, with headers

	// Packets that were not forwarded.
	Invalid    uint64 // no RTP
	Unknown    uint64 // of an SSRC that belongs to no section
	Format     uint64 // of a payload type that was not negotiated
	Duplicates uint64
	Late       uint64 // too old to tell from a duplicate
	RTXPadding uint64 // bandwidth probes

	Recovered   uint64 // packets that came as RTX
	Restarts    uint64 // times that an SSRC's numbers began anew
	InvalidRTCP uint64

	// What was sent to the publisher.
	NACKs, NACKed      uint64 // requests, and packets asked for
	PLIs               uint64
	TransportFeedbacks uint64

	SenderReports uint64 // received
	Streams       int    // SSRCs known, those of RTX counted
}

// Stats is a snapshot.
func (r *Receiver) Stats() ReceiverStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.PLIs = r.plis.Load()
	s.Streams = len(r.streams)
	return s
}

// SubscriptionStats counts what one subscription sent. The counters only grow.
type SubscriptionStats struct {
	Packets, Bytes uint64 // media, without headers; retransmissions that are not RTX counted
	RTX            uint64 // packets sent as RTX

	// Packets that did not reach the viewer.
	DroppedWaiting uint64 // video before its keyframe
	DroppedFormat  uint64 // the viewer does not take it
	DroppedPadding uint64 // without payload
	DroppedLate    uint64 // from before it began, or too old to number
	DroppedSink    uint64 // the transport did not take it

	// What the viewer asked for.
	NACKed           uint64 // packets
	Repaired         uint64 // of those, sent again
	RepairLimited    uint64 // requests cut short by a limit
	KeyframeRequests uint64

	// As the viewer reported last.
	FractionLost uint8  // in 1/256
	Lost         uint32 // packets
	Jitter       uint32 // in ticks
}

// Stats is a snapshot.
func (sub *Subscription) Stats() SubscriptionStats {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	s := sub.stats
	s.FractionLost, s.Lost, s.Jitter = sub.reports.fraction, sub.reports.lost, sub.reports.jitter
	return s
}

// SenderStats sums up one connector's subscriptions as they are now.
type SenderStats struct {
	Subscriptions int
	Total         SubscriptionStats // of those; the viewer's last reports are left out
	RoundTrip     int64             // in ns; 0: not known
	InvalidRTCP   uint64
	UnknownSSRC   uint64 // feedback on an SSRC that is not ours
}

// Stats is a snapshot.
func (s *Sender) Stats() SenderStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := SenderStats{
		Subscriptions: len(s.subscriptions), RoundTrip: s.roundTrip.Load(),
		InvalidRTCP: s.invalid, UnknownSSRC: s.unknown,
	}
	for _, sub := range s.subscriptions {
		sum.Total.add(sub.Stats())
	}
	return sum
}

func (s *SubscriptionStats) add(o SubscriptionStats) {
	s.Packets += o.Packets
	s.Bytes += o.Bytes
	s.RTX += o.RTX
	s.DroppedWaiting += o.DroppedWaiting
	s.DroppedFormat += o.DroppedFormat
	s.DroppedPadding += o.DroppedPadding
	s.DroppedLate += o.DroppedLate
	s.DroppedSink += o.DroppedSink
	s.NACKed += o.NACKed
	s.Repaired += o.Repaired
	s.RepairLimited += o.RepairLimited
	s.KeyframeRequests += o.KeyframeRequests
}

// Stats counts what a track forwarded and did not.
type Stats struct {
	Subscriptions int
	Ignored       uint64 // packets of inputs that are not current
	Malformed     uint64 // packets whose payload makes no sense
	Limited       uint64 // packets over the limit of their stream
	Cached        int    // bytes kept for retransmission
}

// Stats is a snapshot.
func (t *Track) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{Subscriptions: len(*t.subscriptions.Load()), Ignored: t.ignored, Malformed: t.malformed, Limited: t.limited}
	if t.current != nil {
		s.Cached = t.current.cache.Size()
	}
	return s
}
