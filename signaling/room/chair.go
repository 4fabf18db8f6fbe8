package room

import (
	"time"

	"lectern/signaling/protocol"
)

// hostPatience is how long an absent host stays host although another member
// on stage could act. It covers a reload and a short drop, so that the role
// does not go to and fro.
const hostPatience = 5 * time.Second

// claim says that a member is or was host, and in what order members became
// it. The lowest one goes first; 0 is none. A claim by a token or by a host's
// word goes before one that came by chance.
type claim uint64

const byChance claim = 1 << 62

func (r *Room) nextClaim(base claim) claim {
	r.lastClaim++
	return base + r.lastClaim
}

// How well a member can be host, best first.
const (
	canAct  = iota // a capable client that is present, or a host away for a moment
	isHost         // the host, although it cannot act
	present        // an old client, which cannot act
	absent
)

func (r *Room) fitness(now time.Time, m *member) int {
	switch {
	case m.capable && (m.socket != "" || m == r.host && now.Before(r.patienceEnds())):
		return canAct
	case m == r.host:
		return isHost
	case m.socket != "":
		return present
	}
	return absent
}

// goesBefore reports whether a member should be host rather than another one.
func (r *Room) goesBefore(now time.Time, m, other *member) bool {
	if a, b := r.fitness(now, m), r.fitness(now, other); a != b {
		return a < b
	}
	if a, b := m.claim-1, other.claim-1; a != b { // none wraps around, and is last
		return a < b
	}
	if m.yielded != other.yielded {
		return other.yielded
	}
	return m.seq < other.seq
}

// mayHost reports whether a member on stage may become host by itself.
func (r *Room) mayHost(m *member) bool { return !r.policy.HostToken || m.claim != 0 }

// rightful is the member that is to be host, or nil. but is left out of it.
//
// A listener becomes host only in a room that lost its host and has no member
// on stage, and not while the room waits for a host that vanished; where the
// policy wants tokens, none ever does.
func (r *Room) rightful(now time.Time, but *member) *member {
	var best *member
	for _, m := range r.stage {
		if m != but && r.mayHost(m) && (best == nil || r.goesBefore(now, m, best)) {
			best = m
		}
	}
	if !r.orphaned || len(r.stage) > 0 || r.policy.HostToken || r.policy.StageToken || r.awaitsHost(now) {
		return best
	}
	for _, m := range r.order {
		if m != but && !m.listens && (best == nil || r.goesBefore(now, m, best)) {
			best = m
		}
	}
	return best
}

// seatHost makes the rightful member host. It is called after whatever may
// have changed who that is. A lock needs a host to end it, so it ends when
// there is none and none is to come.
func (r *Room) seatHost(now time.Time) {
	if r.closing || len(r.order) == 0 {
		return
	}
	if next := r.rightful(now, nil); next != r.host {
		r.makeHost(now, next, "", false)
	}
	if r.host == nil && !r.awaitsHost(now) {
		r.setLocked(now, false)
	}
}

// contend makes a member host if it goes before the present one. It is for a
// member that joins or returns, which joined is about to tell of its role.
func (r *Room) contend(now time.Time, m *member) {
	if m.role.OnStage() && m != r.host && r.mayHost(m) && (r.host == nil || r.goesBefore(now, m, r.host)) {
		r.makeHost(now, m, "", true)
	}
}

// makeHost makes a member the only host, or has none if next is nil. by is as
// in changeRole. silent: next is told by joined.
func (r *Room) makeHost(now time.Time, next *member, by protocol.MemberID, silent bool) {
	was := r.host
	r.host, r.impatient = next, false
	if was != nil && was.role == protocol.RoleHost {
		teller := by
		if teller == "" && next != nil {
			teller = next.id
		}
		r.changeRole(now, was, protocol.RolePresenter, teller)
	}
	if next == nil {
		return
	}
	if next.claim == 0 {
		next.claim = r.nextClaim(byChance)
	}
	next.yielded, r.orphaned = false, false
	r.wait(next, false, next.sends)
	if silent {
		next.role = protocol.RoleHost
		r.mark(next)
		return
	}
	r.changeRole(now, next, protocol.RoleHost, by)
}

// resign ends all claims: a host or the operator has decided who is host.
func (r *Room) resign() {
	for _, m := range r.order {
		m.yielded = m.yielded || m.claim != 0
		m.claim = 0
	}
	for _, s := range r.seats {
		s.yielded = s.yielded || s.claim != 0
		s.claim = 0
	}
}

// patienceEnds is when an absent host is one that cannot act; zero while the
// host is present.
func (r *Room) patienceEnds() time.Time {
	if r.host == nil || r.host.socket != "" {
		return time.Time{}
	}
	return r.host.dropped.Add(hostPatience)
}

// hostDue is when seatHost has to be called because of the time; zero if it
// has not.
func (r *Room) hostDue() time.Time {
	if due := r.patienceEnds(); !due.IsZero() && !r.impatient {
		return due
	}
	if r.host == nil && len(r.order) > 0 {
		return r.awaitedUntil()
	}
	return time.Time{}
}

// tendHost does what is due about the host.
func (r *Room) tendHost(now time.Time) {
	if reached(r.hostDue(), now) {
		r.impatient = true
		r.forgetSeats(now)
		r.seatHost(now)
	}
}
