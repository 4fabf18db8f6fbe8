package room

import (
	"cmp"
	"log/slog"
	"time"

	"lectern/signaling/protocol"
)

// roleFor is what a newcomer becomes. Its wish is only a wish; a token that
// proves nothing is refused.
func (r *Room) roleFor(now time.Time, i *protocol.Identity) (protocol.Role, error) {
	var proven protocol.Role
	if i.Token != "" {
		var err error
		if proven, err = readToken(r.settings.TokenKey, r.name, i.Token, now); err != nil {
			return "", err
		}
	}
	wish := i.Role
	if wish == "" {
		wish = proven
	}
	switch {
	case wish == protocol.RoleAudience && r.policy.audience():
		return protocol.RoleAudience, nil
	case wish == protocol.RoleHost && proven == protocol.RoleHost:
		return protocol.RoleHost, nil // also on a full stage: it could not make room otherwise
	case r.stageFull():
		return protocol.RoleAudience, nil
	case r.hosts() == 0 && !r.policy.HostToken:
		return protocol.RoleHost, nil
	}
	return protocol.RolePresenter, nil
}

// stageFull reports whether nobody else may come on stage.
func (r *Room) stageFull() bool { return r.policy.audience() && len(r.stage) >= r.policy.Stage }

// hosts counts them.
func (r *Room) hosts() int {
	n := 0
	for _, m := range r.stage {
		if m.role == protocol.RoleHost {
			n++
		}
	}
	return n
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
	if role.OnStage() && !m.role.OnStage() && r.stageFull() {
		return protocol.NewError(protocol.ErrStageFull)
	}
	var next *member
	if m.role == protocol.RoleHost && role != protocol.RoleHost && r.hosts() == 1 && !r.policy.HostToken {
		if next = r.oldestBut(m); next == nil {
			return protocol.Refuse(protocol.ErrForbidden,
				"nobody else is on stage to be host", "台上没有其他人可以担任主持人")
		}
	}
	var from protocol.MemberID
	if by != nil {
		from = by.id
	}
	if role == protocol.RoleHost {
		for _, other := range r.stage {
			if other != m && other.role == protocol.RoleHost {
				r.changeRole(now, other, protocol.RolePresenter, from)
			}
		}
	}
	if next != nil {
		r.changeRole(now, next, protocol.RoleHost, "")
	}
	r.changeRole(now, m, role, from)
	if r.hosts() == 0 && (len(r.stage) > 0 || r.policy.HostToken) {
		r.succeed(now)
	}
	return nil
}

func (r *Room) oldestBut(m *member) *member {
	for _, other := range r.stage {
		if other != m {
			return other
		}
	}
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
		r.send(now, m, r.handList())
	}
}

// move brings a member on stage or into the audience, as its role says by now.
func (r *Room) move(now time.Time, m *member) {
	on := m.role.OnStage()
	old := toStage
	if on {
		old = toAudience
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

// succeed makes somebody host when nobody is: the oldest on stage, or the
// oldest of all. Where hosts need a token nobody is, and a lock, which is a
// host's, ends.
func (r *Room) succeed(now time.Time) {
	switch {
	case r.closing || len(r.order) == 0 || r.hosts() > 0:
	case r.policy.HostToken:
		r.setLocked(now, false)
	case len(r.stage) > 0:
		r.changeRole(now, r.stage[0], protocol.RoleHost, "")
	default:
		r.changeRole(now, r.order[0], protocol.RoleHost, "")
	}
}
