package room

import (
	"time"

	"lectern/signaling/protocol"
)

// Who is told of the stage: those on it, and those who listen.
const (
	toStage = iota
	toAudience
	waves
)

// The least time between two tellings of the same thing (PROTOCOL.md section
// 5): waves to the stage and hands 5 a second, waves to the audience one,
// counts of the audience one in two seconds.
const (
	stagePause    = 200 * time.Millisecond
	audiencePause = time.Second
	countPause    = 2 * time.Second
)

var wavePause = [waves]time.Duration{toStage: stagePause, toAudience: audiencePause}

// maxHands is how many raised hands are listed.
const maxHands = 50

// wave is what one kind of listener has not been told of the stage yet.
type wave struct {
	dirty []*member // each once, in order of their first change
	at    time.Time // when the last wave went out
}

// due is when dirty may be told; zero if nothing is.
func (w *wave) due(pause time.Duration) time.Time {
	if len(w.dirty) == 0 {
		return time.Time{}
	}
	return w.at.Add(pause)
}

// view is the wave that tells a member.
func (m *member) view() int {
	if m.role.OnStage() {
		return toStage
	}
	return toAudience
}

// onStage reports whether a member is seen by the others. It may have left the
// room.
func (r *Room) onStage(m *member) bool { return r.byID[m.id] == m && m.role.OnStage() && !m.parted }

// mark has the others told of a member that came, went or changed.
func (r *Room) mark(m *member) {
	r.markFor(toStage, m)
	r.markFor(toAudience, m)
}

func (r *Room) markFor(view int, m *member) {
	if !m.marked[view] {
		m.marked[view] = true
		r.waves[view].dirty = append(r.waves[view].dirty, m)
	}
}

// public is what other members may know. Who listens is not told who speaks:
// that changes all the time.
func (m *member) public(view int) *protocol.Member {
	return &protocol.Member{
		ID: m.id, Name: m.name, Role: m.role, Audio: m.audio, Video: m.video,
		Screen: m.screen, Hand: m.hand, Away: m.socket == "",
		Speaking: m.speaking && view == toStage,
	}
}

// flush tells what may be told now.
func (r *Room) flush(now time.Time) {
	if r.closing {
		return
	}
	for view := range r.waves {
		if reached(r.waves[view].due(wavePause[view]), now) {
			r.tellWave(now, view)
		}
	}
	if reached(r.countDue(), now) {
		r.tellCount(now)
	}
	if reached(r.handsDue(), now) {
		r.tellHands(now)
	}
}

func reached(due, now time.Time) bool { return !due.IsZero() && !now.Before(due) }

// tellWave tells one kind of listener what has become of the stage. Who came
// and went in between is not mentioned.
func (r *Room) tellWave(now time.Time, view int) {
	w := &r.waves[view]
	dirty := w.dirty
	w.dirty = nil
	for _, m := range dirty {
		m.marked[view] = false
		on := r.onStage(m)
		if !on && !m.known[view] {
			continue
		}
		m.known[view] = on
		var msg protocol.Outgoing = &protocol.MemberGone{ID: m.id}
		if on {
			msg = m.public(view)
		}
		if r.spread(now, view, m, msg) {
			w.at = now
		}
	}
}

// spread sends a message to the capable members that one wave tells, but one.
func (r *Room) spread(now time.Time, view int, but *member, msg protocol.Outgoing) (any bool) {
	to := r.stage
	if view == toAudience {
		if r.listeners() == 0 {
			return false
		}
		to = r.order
	}
	for _, m := range to {
		if m != but && m.capable && m.view() == view {
			r.send(now, m, msg)
			any = true
		}
	}
	return any
}

// listeners is how many are in the audience.
func (r *Room) listeners() int { return len(r.order) - len(r.stage) }

// roster lists the stage for a member, without itself, and takes down that it
// knows them now.
func (r *Room) roster(to *member) []protocol.Member {
	view := to.view()
	list := make([]protocol.Member, 0, len(r.stage))
	for _, m := range r.stage {
		if m != to && !m.parted {
			list = append(list, *m.public(view))
			m.known[view] = true
		}
	}
	return list
}

// catchUp is for a member that another wave tells from now on: it is told at
// once what its old one had not been told yet, and who speaks.
func (r *Room) catchUp(now time.Time, to *member, old int) {
	view := to.view()
	for _, m := range r.waves[old].dirty {
		switch {
		case m == to:
		case r.onStage(m):
			r.send(now, to, m.public(view))
		case m.known[old]:
			r.send(now, to, &protocol.MemberGone{ID: m.id})
		}
	}
	for _, m := range r.stage {
		if m != to && m.speaking && !m.parted && !m.marked[old] {
			r.send(now, to, m.public(view))
		}
	}
	for _, m := range r.waves[view].dirty {
		m.known[view] = m.known[view] || m.known[old] || r.onStage(m)
	}
}

// state takes what a member says of itself. Of a listener only the hand
// counts.
func (r *Room) state(now time.Time, m *member, s *protocol.State) {
	if s.Hand != nil {
		if *s.Hand {
			r.raise(now, m)
		} else {
			r.lower(m)
		}
	}
	if !m.role.OnStage() {
		return
	}
	changed := set(&m.audio, s.Audio)
	changed = set(&m.video, s.Video) || changed
	if s.Screen != nil && *s.Screen != m.screen {
		m.screen, changed = *s.Screen, true
	}
	if changed {
		r.mark(m)
	}
	if s.Speaking != nil && *s.Speaking != m.speaking {
		m.speaking = *s.Speaking
		r.markFor(toStage, m)
	}
}

func set(field **bool, to *bool) (changed bool) {
	if to == nil || *field != nil && **field == *to {
		return false
	}
	*field = to
	return true
}

// count is how many listen, for one member. If it hears another number than
// the stage did, the stage hears of it again.
func (r *Room) count(m *member) *protocol.Audience {
	n := r.listeners()
	if m.role.OnStage() && n != r.countTold {
		r.countTold, r.countChanged = -1, true
	}
	return &protocol.Audience{Count: n}
}

// countDue is when the stage may be told how many listen.
func (r *Room) countDue() time.Time {
	if !r.countChanged {
		return time.Time{}
	}
	return r.countAt.Add(countPause)
}

// tellCount tells the stage how many listen, unless it knows.
func (r *Room) tellCount(now time.Time) {
	r.countChanged = false
	n := r.listeners()
	if n == r.countTold {
		return
	}
	r.countTold = n
	if r.spread(now, toStage, nil, &protocol.Audience{Count: n}) {
		r.countAt = now
	}
}

// raise puts a member at the end of those with raised hands.
func (r *Room) raise(now time.Time, m *member) {
	if m.hand {
		return
	}
	m.hand, m.handSince = true, now
	r.hands = append(r.hands, m)
	r.handsChanged(m)
}

// lower takes a member's hand down.
func (r *Room) lower(m *member) {
	if !m.hand {
		return
	}
	m.hand = false
	for i, h := range r.hands {
		if h == m {
			r.hands = append(r.hands[:i], r.hands[i+1:]...)
			break
		}
	}
	r.handsChanged(m)
}

func (r *Room) handsChanged(m *member) {
	r.handsStale = true
	if r.onStage(m) {
		r.mark(m)
	}
}

func (r *Room) handsDue() time.Time {
	if !r.handsStale {
		return time.Time{}
	}
	return r.handsAt.Add(stagePause)
}

// tellHands tells the hosts of all raised hands.
func (r *Room) tellHands(now time.Time) {
	r.handsStale = false
	msg := r.handList()
	for _, m := range r.stage {
		if m.role == protocol.RoleHost && m.capable {
			r.send(now, m, msg)
			r.handsAt = now
		}
	}
}

func (r *Room) handList() *protocol.Hands {
	listed := r.hands[:min(len(r.hands), maxHands)]
	list := &protocol.Hands{Hands: make([]protocol.Hand, 0, len(listed)), Count: len(r.hands)}
	for _, m := range listed {
		list.Hands = append(list.Hands, protocol.Hand{
			Member: m.id, Name: m.name, Role: m.role, Since: m.handSince.UnixMilli(),
		})
	}
	return list
}
