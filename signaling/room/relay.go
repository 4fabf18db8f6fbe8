package room

import (
	"time"

	"lectern/signaling/protocol"
)

// The bytes of signals that a member may send to others over the server, and
// that it may be sent by them, a second and at once. What a member is sent stays
// under what its socket queues, so that others cannot have it cut off as too
// slow: they are refused. A member of a mesh of a hundred is sent 1.5 MB when
// all come at once.
const (
	relayRate, relayBurst     = 128 << 10, 2 << 20
	receiveRate, receiveBurst = 256 << 10, 3 << 20
)

// mayRelay counts a signal against what its sender and its receiver may, if it
// goes to another member and not to the server.
func (r *Room) mayRelay(now time.Time, from *member, s protocol.Signal) bool {
	to := r.byID[s.To()]
	if to == nil || to == from || r.plane.Mode(from.id) != protocol.ModeP2P {
		return true
	}
	n := float64(weight(s))
	present := to.socket != "" // what is kept for an absent member has a bound of its own
	if from.relayed.left(now, relayRate, relayBurst) < n || present && to.received.left(now, receiveRate, receiveBurst) < n {
		return false
	}
	from.relayed.used += n
	if present {
		to.received.used += n
	}
	return true
}

// weight is roughly the size of a signal on the wire, in bytes.
func weight(s protocol.Signal) int {
	const fixed = 128
	switch s := s.(type) {
	case *protocol.Offer:
		return fixed + len(s.Offer.SDP)
	case *protocol.Answer:
		return fixed + len(s.Answer.SDP)
	case *protocol.ICECandidate:
		return fixed + len(s.Candidate)
	case *protocol.ReconnectWork:
		n := fixed + len(s.Extra)
		if s.Offer != nil {
			n += len(s.Offer.SDP)
		}
		if s.Answer != nil {
			n += len(s.Answer.SDP)
		}
		return n
	}
	return fixed
}
