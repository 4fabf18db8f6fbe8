package room

import (
	"slices"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// member is one user in a room.
type member struct {
	id      protocol.MemberID
	seq     uint64          // order of joining
	user    protocol.UserID // secret
	name    string
	renamed bool // its client sent another spelling of the name
	role    protocol.Role
	capable bool
	resumes bool   // its client counts what it sends and gets
	token   string // proves a returning capable client; secret
	joined  time.Time

	claim    claim // to be host
	yielded  bool  // it has given up a claim, so it is host only where no other member can be
	listens  bool  // it came with a token for the audience
	placed   bool  // a token or a host brought it on stage, so it does not yield
	waits    bool  // it listens only because the room put it there (yield.go)
	signaled bool  // it had a connector, or was a member before
	shown    proof // what its client proved when it came in, beside proof

	// Of the present socket.

	socket    SocketID  // empty while absent
	addr      string    // address of the client, without port
	opened    time.Time // when it was opened, or the last one was
	dropped   time.Time // when it became absent
	graceEnds time.Time // while absent
	parted    bool      // its page said that it goes: it has no connectors, and the others take it for gone

	post post

	// What it does, as it says.

	audio, video *bool // nil: it has not said
	screen       bool
	speaking     bool
	hand         bool
	handSince    time.Time

	// Of an old client, as the plane says.

	heard bool // it has said anything
	sends bool
	since time.Time // when it began or ended to send, or came on stage; zero: it never sent

	// Of each wave: whether it waits to be told of, and whether somebody
	// who is told knows it.

	marked, known [waves]bool
	lockTold      bool // what it was last told of the lock

	said  []string // ids of its last lines of chat, oldest first
	lines bucket

	lineBytes         bucket // of its lines
	relayed, received bucket // bytes of its signals to other members, and of theirs to it

	acts   bucket
	warned time.Time // when it was last told that a line was refused
}

// absentUntil begins a member's grace period. absent stays sorted by their
// ends.
func (r *Room) absentUntil(now time.Time, m *member, grace time.Duration) {
	m.socket, m.dropped, m.graceEnds = "", now, now.Add(grace)
	i, _ := slices.BinarySearchFunc(r.absent, m.graceEnds, func(other *member, at time.Time) int {
		if other.graceEnds.After(at) {
			return 1
		}
		return -1
	})
	r.absent = slices.Insert(r.absent, i, m)
	r.countAbsent(m, +1)
	if m == r.host {
		r.impatient = false
	}
}

// sit gives a member the socket of an entry.
func (m *member) sit(e Entry) { m.socket, m.addr, m.opened = e.Socket, e.Addr, e.Opened }

// present takes a member off the absent.
func (r *Room) present(m *member) {
	if i := slices.Index(r.absent, m); i >= 0 {
		r.absent = slices.Delete(r.absent, i, i+1)
		r.countAbsent(m, -1)
	}
}

// expire removes those whose grace period is over.
func (r *Room) expire(now time.Time) {
	for len(r.absent) > 0 && !now.Before(r.absent[0].graceEnds) {
		r.vanish(now, r.absent[0])
	}
}

// bySeq compares for the lists that are sorted by the order of joining.
func bySeq(m *member, seq uint64) int {
	switch {
	case m.seq < seq:
		return -1
	case m.seq > seq:
		return 1
	}
	return 0
}

func insert(list []*member, m *member) []*member {
	i, _ := slices.BinarySearchFunc(list, m.seq, bySeq)
	return slices.Insert(list, i, m)
}

func without(list []*member, m *member) []*member {
	if i, ok := slices.BinarySearchFunc(list, m.seq, bySeq); ok {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// add makes a member of a socket and tells everybody who should know.
// p is what its client proves, before whether it was a member before.
func (r *Room) add(now time.Time, e Entry, i *protocol.Identity, g grant, p proof, before bool) *Verdict {
	r.lastSeq++
	m := &member{
		id: protocol.MemberID(e.Socket), seq: r.lastSeq, user: i.User, name: i.Name,
		role: g.role, claim: g.claim, yielded: g.yielded, listens: g.listens, placed: g.placed,
		capable: i.Capable(), resumes: i.Resumes(), joined: now, since: now, signaled: before,
	}
	m.sit(e)
	r.wait(m, g.waits, false)
	if m.capable {
		m.token = r.settings.NewToken()
	}
	r.order = append(r.order, m)
	r.byID[m.id], r.byName[m.name], r.sockets[m.socket] = m, m, m
	r.hold(m, i.Renamed)
	r.users[m.user]++
	r.changes = append(r.changes, UserChange{m.user, m.id, +1})
	if own := m.proof(); own != "" && r.proofs[own] == nil {
		r.proofs[own] = m
	}
	r.knownBy(m, p)
	if m.role.OnStage() {
		r.enterStage(m)
	} else {
		r.countChanged = true
	}
	r.contend(now, m)
	r.plane.Attach(m.id, media.Profile{
		Stage: m.role.OnStage(), Events: m.capable, Downlink: i.Downlink(), Address: addressOf(e),
	})
	return r.greet(now, m, false)
}

// greet welcomes a member whose client knows nothing of the room yet.
func (r *Room) greet(now time.Time, m *member, resumed bool) *Verdict {
	v := r.welcome(now, m, nil, resumed)
	if m.capable && len(r.history) > 0 {
		r.send(now, m, r.newcomersHistory())
	}
	r.Pump(now)
	return v
}

// vanish ends the membership of one that did not say that it leaves.
func (r *Room) vanish(now time.Time, m *member) {
	r.keepSeat(now, m, true)
	r.erase(now, m, nil)
	r.seatHost(now)
}

// remove ends a membership. named is what a leaving client listed.
func (r *Room) remove(now time.Time, m *member, named []protocol.LeaveItem) {
	r.keepSeat(now, m, false)
	r.erase(now, m, named)
	r.seatHost(now)
}

// erase takes a member off all lists; the room may be without a host then.
func (r *Room) erase(now time.Time, m *member, named []protocol.LeaveItem) {
	delete(r.byID, m.id)
	delete(r.byName, m.name)
	r.release(m)
	if r.users[m.user]--; r.users[m.user] <= 0 {
		delete(r.users, m.user)
	}
	for _, p := range []proof{m.proof(), m.shown} {
		if r.proofs[p] == m {
			delete(r.proofs, p)
		}
	}
	if m.socket != "" {
		delete(r.sockets, m.socket)
	} else {
		r.present(m)
	}
	if m == r.host {
		r.host, r.orphaned = nil, true
	}
	r.order = without(r.order, m)
	r.settings.Kept.forget(&m.post)
	r.wait(m, false, false)
	r.lower(m)
	r.changes = append(r.changes, UserChange{m.user, m.id, -1})
	if m.role.OnStage() {
		r.leaveStage(m)
	} else {
		r.countChanged = true
	}
	if !m.parted {
		r.plane.Detach(m.id, named)
	}
	r.pump(now)
	if len(r.order) == 0 { // a client that waits at the door finds it as new
		r.locked, r.history, r.historyBytes = false, nil, 0
		r.seats, r.removed, r.orphaned = nil, nil, false
	}
}
