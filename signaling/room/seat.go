package room

import (
	"crypto/subtle"
	"slices"
	"time"

	"lectern/signaling/protocol"
)

// What is kept of those who are members no more. Over the bound the oldest
// goes, first one that was never host.
const (
	maxSeats   = 512
	maxRemoved = 256
	maxTold    = 50 // removed members that hosts are told of
)

// proof is what only the client of a member knows. It is empty where a client
// proves nothing.
type proof string

// proofOf is what a client shows: a capable one its user id and the token of
// its joined, an old one its user id, if that is long enough to be a secret.
func proofOf(i *protocol.Identity, token string) proof {
	switch {
	case i.Capable() && token != "":
		return proof(i.User) + "\x00" + proof(token)
	case !i.Capable() && i.User.Proves():
		return proof(i.User)
	}
	return ""
}

func (m *member) proof() proof {
	if m.capable {
		return proof(m.user) + "\x00" + proof(m.token)
	}
	if m.user.Proves() {
		return proof(m.user)
	}
	return ""
}

// hasToken reports whether a token is the member's, from its joined.
func (m *member) hasToken(token string) bool {
	return subtle.ConstantTimeCompare([]byte(m.token), []byte(token)) == 1
}

// knownBy has a member be found, too, by what its client proved when it came
// in: the token of an earlier membership. A client whose connection ends before
// its joined arrives knows no other one.
func (r *Room) knownBy(m *member, p proof) {
	if p != "" && r.proofs[p] == nil {
		m.shown = p
		r.proofs[p] = m
	}
}

// seat is what the room remembers of one who was a member: the role it gets
// back, and that a lock does not shut it out.
type seat struct {
	proof    proof
	shown    proof // as of member
	role     protocol.Role
	claim    claim
	yielded  bool
	listens  bool
	placed   bool
	inside   bool // it was a member when the room was locked
	vanished bool // it did not say that it leaves
	until    time.Time
}

// isOf reports whether it is that of a client that proves p.
func (s *seat) isOf(p proof) bool { return s.proof == p || s.shown == p }

// removed is a member that a host or the operator put out. It stays out for
// the room's life, or until a host lets it in.
type removed struct {
	id    protocol.MemberID
	name  string
	user  protocol.UserID
	proof proof
	at    time.Time
}

// keepSeat remembers a member that is about to be none.
func (r *Room) keepSeat(now time.Time, m *member, vanished bool) {
	p := m.proof()
	if r.settings.Remember <= 0 || p == "" || !m.settled(now, r.settings.Settle) && m.claim == 0 {
		return
	}
	r.dropSeat(p)
	r.dropSeat(m.shown)
	if len(r.seats) >= maxSeats {
		i := max(0, slices.IndexFunc(r.seats, func(s *seat) bool { return s.claim == 0 }))
		r.seats = slices.Delete(r.seats, i, i+1)
	}
	s := m.seat()
	s.proof, s.inside, s.vanished, s.until = p, r.locked, vanished, now.Add(r.settings.Remember)
	r.seats = append(r.seats, s)
}

// seat is what a member gets back. One that waits for a place on stage comes as
// one that was never there.
func (m *member) seat() *seat {
	s := &seat{shown: m.shown, role: m.role, claim: m.claim, yielded: m.yielded, listens: m.listens, placed: m.placed}
	if m.waits {
		s.role = ""
	}
	return s
}

// seatOf finds what is remembered of a client; nil if nothing is.
func (r *Room) seatOf(now time.Time, p proof) *seat {
	r.forgetSeats(now)
	if p == "" {
		return nil
	}
	if i := slices.IndexFunc(r.seats, func(s *seat) bool { return s.isOf(p) }); i >= 0 {
		return r.seats[i]
	}
	return nil
}

func (r *Room) dropSeat(p proof) {
	r.seats = slices.DeleteFunc(r.seats, func(s *seat) bool { return p != "" && s.isOf(p) })
}

// forgetSeats drops those whose time is over. All are kept equally long, so
// the oldest stand first.
func (r *Room) forgetSeats(now time.Time) {
	n := 0
	for n < len(r.seats) && !now.Before(r.seats[n].until) {
		n++
	}
	r.seats = slices.Delete(r.seats, 0, n)
}

// awaitsHost reports whether a host vanished and may still come back.
func (r *Room) awaitsHost(now time.Time) bool { return now.Before(r.awaitedUntil()) }

// awaitedUntil is how long a host that vanished is waited for; zero if none
// is.
func (r *Room) awaitedUntil() time.Time {
	for _, s := range slices.Backward(r.seats) {
		if s.vanished && s.claim != 0 {
			return s.until
		}
	}
	return time.Time{}
}

// putOutOf notes that a member was put out.
func (r *Room) noteRemoved(now time.Time, m *member) {
	if len(r.removed) == maxRemoved {
		r.removed = slices.Delete(r.removed, 0, 1)
	}
	r.removed = append(r.removed, removed{id: m.id, name: m.name, user: m.user, proof: m.proof(), at: now})
}

// isRemoved reports whether a client is one that was put out, by its user id
// or by what it was given as a member.
func (r *Room) isRemoved(i *protocol.Identity, p proof) bool {
	return slices.ContainsFunc(r.removed, func(x removed) bool {
		return i.User.Proves() && x.user == i.User || p != "" && x.proof == p
	})
}

// admitAgain lets one in that was put out.
func (r *Room) admitAgain(now time.Time, id protocol.MemberID) error {
	i := slices.IndexFunc(r.removed, func(x removed) bool { return x.id == id })
	if i < 0 {
		return protocol.NewError(protocol.ErrNotInRoom)
	}
	r.removed = slices.Delete(r.removed, i, i+1)
	r.tellRemoved(now)
	return nil
}

// tellRemoved tells the host of those who were put out.
func (r *Room) tellRemoved(now time.Time) {
	if r.host != nil && r.host.capable {
		r.send(now, r.host, r.removedList())
	}
}

// removedList lists those who were put out, the last one first.
func (r *Room) removedList() *protocol.RemovedList {
	list := &protocol.RemovedList{Removed: []protocol.RemovedMember{}}
	for _, x := range slices.Backward(r.removed) {
		if len(list.Removed) == maxTold {
			break
		}
		list.Removed = append(list.Removed, protocol.RemovedMember{ID: x.id, Name: x.name, At: x.at.UnixMilli()})
	}
	return list
}
