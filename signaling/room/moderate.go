package room

import (
	"log/slog"
	"time"

	"lectern/signaling/protocol"
)

// What a host may do, and what else capable clients ask for.

// A host may do actBurst things at once and actRate a second: each of them
// costs others messages, and a role costs negotiations.
const (
	actRate  = 10
	actBurst = 50
)

// bucket is a token bucket. The zero value is full.
type bucket struct {
	used float64
	at   time.Time
}

func (b *bucket) take(now time.Time, rate, burst float64) bool {
	if b.left(now, rate, burst) < 1 {
		return false
	}
	b.used++
	return true
}

// left is how much may be used now.
func (b *bucket) left(now time.Time, rate, burst float64) float64 {
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*rate)
	b.at = now
	return burst - b.used
}

// capable takes what only capable clients say (PROTOCOL.md section 5).
func (r *Room) capable(now time.Time, m *member, msg protocol.Message) error {
	if !m.capable {
		return protocol.Refuse(protocol.ErrForbidden,
			`only a client with the capability "roster" may say this`, `仅具备 "roster" 能力的客户端可以发送此消息`)
	}
	switch msg := msg.(type) {
	case *protocol.Say:
		return r.chat(now, m, msg)
	case *protocol.View:
		r.plane.View(m.id, msg.Hidden)
		return nil
	case *protocol.Report:
		r.plane.Report(m.id, msg)
		return nil
	case *protocol.AskAudience:
		r.send(now, m, r.count(m))
		return nil
	}
	return r.act(now, m, msg)
}

// act takes what mostly only a host may say.
func (r *Room) act(now time.Time, m *member, msg protocol.Message) error {
	role, is := msg.(*protocol.SetRole)
	stepsDown := is && (role.Member == "" || role.Member == m.id) && role.Role == protocol.RoleAudience
	if m.role != protocol.RoleHost && !stepsDown {
		return protocol.NewError(protocol.ErrForbidden)
	}
	if !m.acts.take(now, actRate, actBurst) {
		return protocol.NewError(protocol.ErrRate)
	}
	switch msg := msg.(type) {
	case *protocol.SetRole:
		other, err := r.addressed(m, msg.Member)
		if err != nil {
			return err
		}
		return r.giveRole(now, m, other, msg.Role)
	case *protocol.Remove:
		return r.putOut(now, m, msg.Member)
	case *protocol.Admit:
		return r.admitAgain(now, msg.Member)
	case *protocol.Mute:
		return r.mute(now, m, msg)
	case *protocol.Lock:
		r.setLocked(now, msg.Locked)
		return nil
	case *protocol.SetMode:
		return r.plane.SetMode(msg.Mode)
	}
	return protocol.NewError(protocol.ErrInvalid)
}

// addressed is the member a host names; itself if it names none.
func (r *Room) addressed(m *member, id protocol.MemberID) (*member, error) {
	if id == "" {
		return m, nil
	}
	if other := r.byID[id]; other != nil {
		return other, nil
	}
	return nil, protocol.NewError(protocol.ErrNotInRoom)
}

func (r *Room) putOut(now time.Time, by *member, id protocol.MemberID) error {
	m, err := r.addressed(by, id)
	switch {
	case err != nil:
		return err
	case m == by:
		return protocol.Invalid("memberId", "must be another member", "须为其他成员")
	}
	r.note(slog.LevelInfo, "member removed", "member", m.id, "by", by.id)
	r.kick(now, m, whyRemoved)
	r.tellRemoved(now)
	return nil
}

func (r *Room) mute(now time.Time, by *member, msg *protocol.Mute) error {
	m, err := r.addressed(by, msg.Member)
	switch {
	case err != nil:
		return err
	case !m.capable:
		return protocol.Invalid("memberId", "is a member whose client cannot be asked", "该成员的客户端不支持此操作")
	}
	r.send(now, m, &protocol.Muted{Kind: msg.Kind, By: by.id})
	return nil
}

// setLocked lets nobody else in, or ends that.
func (r *Room) setLocked(now time.Time, locked bool) {
	if r.locked == locked {
		return
	}
	r.locked = locked
	for _, s := range r.seats {
		s.inside = false // it was none when the room was locked
	}
	r.note(slog.LevelInfo, "lock changed", "locked", locked)
	for _, m := range r.stage {
		r.tellLock(now, m)
	}
}

// tellLock tells a member on stage of the lock, if it does not know.
func (r *Room) tellLock(now time.Time, m *member) {
	if m.capable && m.lockTold != r.locked {
		m.lockTold = r.locked
		r.send(now, m, &protocol.Locked{Locked: r.locked})
	}
}

// moved tells everybody that the media goes another way.
func (r *Room) moved(now time.Time, mode protocol.Mode) {
	r.mode = mode
	r.note(slog.LevelInfo, "mode changed", "mode", mode, "members", len(r.order))
	msg := &protocol.ModeChanged{Mode: mode}
	for _, m := range r.order {
		if m.heard = m.heard && mode == protocol.ModeSFU; !m.heard {
			m.since = now // until now the plane did not see who sends
		}
		if m.capable {
			r.send(now, m, msg)
		}
	}
	r.tendStage(now)
}

// stays tells the hosts that a change of mode failed.
func (r *Room) stays(now time.Time, why *protocol.Error) {
	r.note(slog.LevelWarn, "mode change failed", "mode", r.mode, "err", why)
	for _, m := range r.stage {
		if m.role == protocol.RoleHost && m.capable {
			r.tell(now, m, why)
		}
	}
}
