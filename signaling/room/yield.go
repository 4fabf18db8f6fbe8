package room

import (
	"slices"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// An old client says nothing of roles: it comes on stage because it joined. In a
// small room that is right. In a room that has outgrown its stage, with more
// members than places, each member on stage costs every other one a connector, so
// an old client that sends nothing yields its place, and gets it back when it
// sends. Only the plane sees whether it does (media.Sends).
//
// What a token or a host said of a member holds: such a member neither yields nor
// comes back by itself, and the host never yields. Nor do capable clients: they
// know of their role. The last member on stage stays, because a client without a
// connector could not show that it begins to send.

// silentTime is how long an old client on stage may send nothing in a room that
// has outgrown its stage. It covers a microphone that is muted for a moment, and
// one that asks its user for the camera. A client that joined with both turned off
// yields at once.
const silentTime = 10 * time.Second

// briefTime is how long such a client has nothing to fear, because another camera is
// being chosen, or because it has just joined.
const briefTime = 2 * time.Second

// wait notes whether a member waits for a place on stage, and whether it sends.
func (r *Room) wait(m *member, waits, sends bool) {
	if m.waits {
		r.waiting--
		if m.sends {
			r.calling--
		}
	}
	m.waits, m.sends = waits, sends
	if m.waits {
		r.waiting++
		if m.sends {
			r.calling++
		}
	}
}

// sends takes in that an old client began or ended to send. What it sends is
// wanted on stage only.
func (r *Room) sends(now time.Time, e *media.Sends) {
	m := r.byID[e.Member]
	if m == nil || m.capable || m.sends == e.Sends && m.heard {
		return
	}
	if m.since = now; !m.heard && !e.Sends {
		m.since = time.Time{}
	}
	m.heard = true
	r.wait(m, m.waits, e.Sends)
	r.tendStage(now)
	if m.sends && !m.role.OnStage() {
		r.plane.SetStage(m.id, false)
	}
}

// mayYield reports whether a member on stage yields when it has been silent for
// long, and to one that comes on stage sooner.
func (r *Room) mayYield(m *member) bool {
	meantToBeHost := m.claim != 0 && m.claim < byChance
	return !m.capable && !m.sends && !m.placed && !meantToBeHost && m != r.host
}

// silenceDue is when a member has been silent for so long that it yields; zero if
// none will.
func (r *Room) silenceDue() time.Time {
	m := r.mostSilent()
	switch {
	case m == nil || !r.outgrown:
	case r.calling > 0 && len(r.stage) >= r.policy.Stage:
		return m.since.Add(briefTime)
	case len(r.stage) > 1:
		return m.since.Add(silentTime)
	}
	return time.Time{}
}

// mostSilent is the one of those who may yield that has been silent for the
// longest time; nil if there is none.
func (r *Room) mostSilent() (most *member) {
	for _, m := range r.stage {
		if r.mayYield(m) && (most == nil || m.since.Before(most.since)) {
			most = m
		}
	}
	return most
}

// tendStage has those yield the stage who are to, and those come back who may. It
// is called after whatever may have changed who that is.
func (r *Room) tendStage(now time.Time) {
	if r.closing || !r.policy.audience() {
		return
	}
	r.outgrown = r.outgrows()
	r.makeRoom(now)
	for m := r.nextToCome(now); m != nil; m = r.nextToCome(now) {
		r.wait(m, false, m.sends)
		r.changeRole(now, m, protocol.RolePresenter, "")
		r.seatHost(now)
		r.makeRoom(now) // now that it is on stage, what it sends does not end with the other one's place
	}
}

// makeRoom has those yield who have been silent for long, and those who have to
// because more are on stage than there are places.
func (r *Room) makeRoom(now time.Time) {
	for r.outgrown {
		m := r.mostSilent()
		over := len(r.stage) > r.policy.Stage
		if m == nil || !over && (len(r.stage) == 1 || !reached(m.since.Add(silentTime), now)) {
			return
		}
		r.wait(m, true, false)
		r.changeRole(now, m, protocol.RoleAudience, "")
	}
}

// isForSenders reports whether an old client that joins has to show that it sends
// before it comes on stage.
func (r *Room) isForSenders() bool {
	return r.policy.audience() && (len(r.stage) >= r.policy.Stage || r.outgrown && len(r.stage) > 0)
}

// outgrows reports whether the room has outgrown its stage. It is so until a
// quarter of the places would be free, so that one member that joins and leaves
// changes nothing. In P2P mode every member publishes.
func (r *Room) outgrows() bool {
	few := r.policy.Stage - max(1, r.policy.Stage/4)
	return r.mode == protocol.ModeSFU && (len(r.order) > r.policy.Stage || r.outgrown && len(r.order) > few)
}

// nextToCome is the member that comes on stage next; nil if none does. In a room
// that has outgrown its stage that is one that sends, but on an empty stage.
func (r *Room) nextToCome(now time.Time) *member {
	calls := r.calling > 0
	if r.stageFull(now) || !calls && (r.waiting == 0 || r.outgrown && len(r.stage) > 0) {
		return nil
	}
	waits := slices.DeleteFunc(slices.Clone(r.order), func(m *member) bool { return !m.waits || calls && !m.sends })
	return slices.MinFunc(waits, func(a, b *member) int { return a.since.Compare(b.since) })
}
