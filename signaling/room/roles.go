package room

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"lectern/signaling/protocol"
)

// grant is what a newcomer becomes. role is never that of the host: that is
// decided once the newcomer is in (Room.contend).
type grant struct {
	role    protocol.Role
	claim   claim
	yielded bool
	listens bool // it stays a listener until a host brings it on stage
	token   bool // it has a token that is valid
	placed  bool // as in member
	waits   bool // as in member
}

// grantFor says what a newcomer becomes. Its wish is only a wish; a token that
// proves nothing is refused. was is what the room remembers of the client, or
// nil; one that was a member comes back also when its token has meanwhile run
// out.
func (r *Room) grantFor(now time.Time, i *protocol.Identity, was *seat) (grant, error) {
	var proven protocol.Role
	if i.Token != "" {
		var late bool
		var err error
		if proven, late, err = readToken(r.settings.TokenKey, r.name, i.Token, now); err != nil && (was == nil || !late) {
			return grant{}, err
		}
	}
	if was == nil {
		was = &seat{}
	}
	wish := i.Role
	if wish == "" {
		wish = cmp.Or(proven, was.role)
	}
	g := grant{role: protocol.RoleAudience, yielded: was.yielded, token: proven != "", listens: proven == protocol.RoleAudience || was.listens && proven == ""}
	switch {
	case g.listens && !r.policy.audience():
		return grant{}, protocol.Refuse(protocol.ErrMode,
			"a room that is peer to peer for good has no audience", "始终点对点的房间没有听众席")
	case g.listens, wish == protocol.RoleAudience && r.policy.audience():
		return g, nil
	}
	g.claim = was.claim
	if g.claim == 0 && !g.yielded && wish == protocol.RoleHost && proven == protocol.RoleHost {
		g.claim = r.nextClaim(0)
	}
	placed := proven.OnStage() || was.placed
	switch {
	case g.claim != 0: // also on a full stage: it could not make room otherwise
	case r.policy.StageToken && proven == "" && !was.role.OnStage() && !r.policy.audience():
		return grant{}, protocol.Refuse(protocol.ErrForbidden, "this room needs a token", "进入此房间需要令牌")
	case r.policy.StageToken && proven == "" && !was.role.OnStage():
		return g, nil
	case r.stageFull(now), !i.Capable() && !placed && r.isForSenders():
		g.waits = !i.Capable()
		return g, nil
	}
	g.role, g.placed = protocol.RolePresenter, placed
	return g, nil
}

// stageFull reports whether no other member may come on stage: all places are
// taken, and none of those who have one yields it.
func (r *Room) stageFull(now time.Time) bool {
	if !r.policy.audience() || len(r.stage) < r.policy.Stage {
		return false
	}
	m := r.mostSilent()
	return r.mode != protocol.ModeSFU || m == nil || !reached(m.since.Add(briefTime), now)
}

// enterStage and leaveStage keep the list of those on stage; the role is set
// by the caller.
func (r *Room) enterStage(m *member) {
	r.stage = insert(r.stage, m)
	r.over = max(0, min(r.over+1, len(r.stage)-r.policy.Stage))
	r.mark(m)
}

func (r *Room) leaveStage(m *member) {
	r.stage = without(r.stage, m)
	r.over = max(0, min(r.over, len(r.stage)-r.policy.Stage))
	r.mark(m)
}

// giveRole gives a member a role. by is the host who wants it, or nil for the
// operator and the room itself.
func (r *Room) giveRole(now time.Time, by, m *member, role protocol.Role) error {
	if role == protocol.RoleAudience && !r.policy.audience() {
		return protocol.Refuse(protocol.ErrMode,
			"a room that is peer to peer for good has no audience", "始终点对点的房间没有听众席")
	}
	if role.OnStage() && !m.role.OnStage() && r.stageFull(now) {
		return protocol.NewError(protocol.ErrStageFull)
	}
	var from protocol.MemberID
	if by != nil {
		from = by.id
	}
	switch {
	case role == protocol.RoleHost:
		return r.handOver(now, m, from)
	case m == r.host:
		return r.stepDown(now, m, role, from)
	}
	if m.placed = role.OnStage(); m.placed {
		m.listens = false
	} else {
		m.claim = 0
	}
	r.wait(m, false, m.sends)
	r.changeRole(now, m, role, from)
	r.seatHost(now)
	return nil
}

// handOver makes a member host because a host or the operator wants it. All
// claims of others end with that.
func (r *Room) handOver(now time.Time, m *member, from protocol.MemberID) error {
	if m == r.host {
		r.changeRole(now, m, protocol.RoleHost, from)
		return nil
	}
	if r.fitness(now, m) != canAct && slices.ContainsFunc(r.stage, func(o *member) bool { return r.fitness(now, o) == canAct }) {
		return protocol.Invalid("memberId", "is a member that is away, or whose client cannot act as host",
			"该成员暂时离开，或其客户端无法担任主持人")
	}
	r.resign()
	m.claim, m.listens = r.nextClaim(0), false
	r.makeHost(now, m, from, false)
	return nil
}

// stepDown gives the host another role. The next member on stage becomes host.
func (r *Room) stepDown(now time.Time, m *member, role protocol.Role, from protocol.MemberID) error {
	next := r.rightful(now, m)
	if next != nil && (!next.role.OnStage() || role.OnStage() && r.goesBefore(now, m, next) && r.fitness(now, next) != canAct) {
		next = nil
	}
	if next == nil && !r.policy.HostToken {
		return protocol.Refuse(protocol.ErrForbidden,
			"no other member is on stage to be host", "台上没有其他人可以担任主持人")
	}
	m.claim, m.yielded, r.host = 0, true, nil
	r.changeRole(now, m, role, from)
	r.seatHost(now)
	return nil
}

// changeRole sets a role and tells the member. Its hand goes down: that is what
// it was raised for, and lowering it is all that giving the same role does.
func (r *Room) changeRole(now time.Time, m *member, role protocol.Role, by protocol.MemberID) {
	was := m.role
	if was == role && !m.hand {
		return
	}
	r.lower(m)
	m.role = role
	if m.capable {
		r.send(now, m, &protocol.RoleChanged{Role: role, By: by})
	}
	if was == role {
		return
	}
	r.note(slog.LevelInfo, "role changed", "member", m.id, "role", role, "by", cmp.Or(by, "server"))
	if was.OnStage() != role.OnStage() {
		r.move(now, m)
	} else {
		r.mark(m)
	}
	if role == protocol.RoleHost && m.capable {
		r.tellHost(now, m, true)
	}
}

// move brings a member on stage or into the audience, as its role says by now.
func (r *Room) move(now time.Time, m *member) {
	on := m.role.OnStage()
	old := toStage
	if on {
		old = toAudience
		m.since = now
		r.enterStage(m)
	} else {
		r.leaveStage(m)
		m.audio, m.video, m.screen, m.speaking = nil, nil, false, false
	}
	r.countChanged = true
	r.plane.SetStage(m.id, on)
	if !m.capable {
		return
	}
	if on {
		r.send(now, m, r.count(m))
		r.tellLock(now, m)
	}
	r.catchUp(now, m, old)
}

// tellHost tells a host what only hosts are told: raised hands and who was put
// out, also where there are none if hands is set.
func (r *Room) tellHost(now time.Time, m *member, hands bool) {
	if hands || len(r.hands) > 0 {
		r.send(now, m, r.handList())
	}
	if len(r.removed) > 0 {
		r.send(now, m, r.removedList())
	}
}
