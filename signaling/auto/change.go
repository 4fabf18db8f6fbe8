package auto

import (
	"time"

	"lectern/signaling/protocol"
)

const (
	// changeTime is for how long in all the new plane may not carry everything
	// before a change is given up: what comes and goes is not carried.
	changeTime = 12 * time.Second
	// changeLimit is how long a change may take whatever it waits for.
	changeLimit = changeTime + busyTime
	// pollTime is how often the server is asked what it carries.
	pollTime = 25 * time.Millisecond
	// promptTime is how long a member is waited for that has no connection yet
	// that could break. Its client may be asking for the camera, which takes
	// as long as it takes.
	promptTime = 2 * time.Second
	// screenTime is how long a screen that the relay's ledger knows of is
	// waited for when everything else is there: it may have ended unseen.
	screenTime = 2 * time.Second
	// settleTime is how long after the last answer connectors that nobody
	// reports, those of existing clients and of screens, are taken to be up.
	settleTime = 300 * time.Millisecond
	// firstTime is how long a connector that was reported has to bring its
	// first picture: connected is not yet seen.
	firstTime = 200 * time.Millisecond
)

// change is one change of mode that is under way: both planes are there.
type change struct {
	to     protocol.Mode
	why    string
	byHand bool

	began  since         // with the first Tick
	seen   time.Time     // the last Tick
	lacked time.Duration // for how long in all the new plane did not carry everything
	full   since         // it does
	free   since         // and nothing holds the cut up
	lost   string        // why a member's media cannot be carried; empty: it can

	answered since // to P2P: every two members have a connector that both know
	up       since // and all who say so said that theirs are connected

	screens map[protocol.MemberID]bool // whose screens the server has not been offered yet
}

// Tick does what is due: it begins changes, and ends them.
func (p *Plane) Tick(now time.Time) {
	if now.Before(p.now) {
		now = p.now
	}
	p.observe(now)
	p.absorb()
	if p.change == nil {
		p.begin()
	}
	if p.change != nil {
		p.proceed()
		p.observe(now)
	}
	p.due = p.next()
}

// begin starts the change that has a reason and nothing to wait for.
func (p *Plane) begin() {
	switch {
	case len(p.order) == 0 || p.held():
	case p.mode() == protocol.ModeP2P:
		if p.reason() != "" {
			p.promote()
		}
	case p.pinned == protocol.ModeP2P:
		if p.noMesh() == nil {
			p.goBack(true)
		} else {
			p.pinned = "" // it was possible when it was asked for
		}
	case p.config.Return > 0 && p.small.lasts(p.now, p.config.Return):
		p.goBack(false)
	}
}

// proceed takes the change under way a step further.
func (p *Plane) proceed() {
	c := p.change
	if c.began.set(true, p.now); c.seen.IsZero() {
		c.seen = p.now
	}
	abandon, done, cut := p.giveUp, p.carried, p.cut
	if c.to == protocol.ModeP2P {
		abandon, done, cut = p.stay, p.meshed, p.cutBack
	}
	full := done()
	if c.full.set(full, p.now); !full {
		c.lacked += p.now.Sub(c.seen)
	}
	c.seen = p.now
	switch {
	case len(p.order) == 0:
		abandon("everybody left", nil)
	case c.lost != "":
		p.fail(abandon, c.lost)
	case c.to == protocol.ModeP2P && p.reason() != "":
		p.abort(p.reason())
	case c.to == protocol.ModeP2P && !c.byHand && !p.isSmall():
		abandon("somebody came", nil)
	case p.any(func(m *member) bool { return m.awayFor.lasts(p.now, awayTime) }):
		abandon("a member is away", nil)
	case c.lacked >= changeTime || c.began.lasts(p.now, changeLimit):
		p.fail(abandon, "it took too long")
	case full:
		free := !p.any(isAway) && !p.waitsForFiles() && !p.waitsForScreens() && !p.waitsForPrompts()
		c.free.set(free, p.now)
		if free && p.quiet() {
			cut()
		}
	default:
		c.free.set(false, p.now)
	}
}

// carried reports whether the server carries all whom it can fail: who would
// lose a connection by the cut, and who on stage has answered it.
func (p *Plane) carried() bool {
	return !p.any(func(m *member) bool {
		return p.matters(m) && (m.spoke || p.isMeshed(m)) && !p.server.Carries(m.id)
	})
}

// matters reports whether a change to SFU mode waits for a member at all. Who
// comes to listen meanwhile is not waited for: of them there may be one more
// every moment, and they have nothing to lose.
func (p *Plane) matters(m *member) bool { return !m.away && (m.inRelay || m.profile.Stage) }

// isMeshed reports whether a member has a connector with another one.
func (p *Plane) isMeshed(m *member) bool {
	return m.inRelay && p.any(func(other *member) bool { return other != m && p.relay.Answered(m.id, other.id) })
}

func (p *Plane) waitsForPrompts() bool {
	return p.change.to == protocol.ModeSFU && !p.change.full.lasts(p.now, promptTime) &&
		p.any(func(m *member) bool { return p.matters(m) && !p.server.Carries(m.id) })
}

// meshed reports whether the relay's connectors are up, as far as anybody can
// know.
func (p *Plane) meshed() bool {
	answered, up := true, true
	for i, a := range p.order {
		for _, b := range p.order[:i] {
			answered = answered && p.relay.Answered(a.id, b.id)
			up = up && p.saysUp(a, b) && p.saysUp(b, a)
		}
	}
	c := p.change
	c.answered.set(answered, p.now)
	blind := p.any(func(m *member) bool { return !m.profile.Events || m.shares })
	c.up.set(answered && up, p.now)
	alone := len(p.order) < 2
	return alone || c.up.lasts(p.now, firstTime) && (!blind || c.answered.lasts(p.now, settleTime))
}

// saysUp reports whether a client reported its connector, if it is one that
// does.
func (p *Plane) saysUp(m, to *member) bool {
	return !m.profile.Events || p.relay.Connected(m.id, to.id)
}

func (p *Plane) waitsForFiles() bool {
	return p.any(isBusy) && !p.change.full.lasts(p.now, busyTime)
}

func (p *Plane) waitsForScreens() bool {
	return len(p.change.screens) > 0 && !p.change.full.lasts(p.now, screenTime)
}

// fail gives the change up, tells the hosts why, and has it tried again later.
func (p *Plane) fail(abandon func(string, *protocol.Error), why string) {
	stays := protocol.Refuse(protocol.ErrMode,
		"The room stays peer to peer: the server could not carry everybody's media (UDP may be blocked)",
		"房间保持点对点：服务器未能传输所有成员的音视频（UDP 可能被阻止）")
	if p.change.to == protocol.ModeP2P {
		stays = protocol.Refuse(protocol.ErrMode,
			"The room stays in server mode: its members could not all connect to each other",
			"房间保持服务器模式：部分成员之间无法直接相连")
	}
	if p.pinned == p.change.to {
		p.pinned = ""
	}
	p.retry.failed(p.now)
	abandon(why, stays)
}

// abort gives the way back up, because a reason for SFU mode came up.
func (p *Plane) abort(why string) {
	var stays *protocol.Error
	if p.change.byHand {
		p.pinned = ""
		stays = protocol.Refuse(protocol.ErrMode,
			"The room stays in server mode: it cannot be peer to peer any more",
			"房间保持服务器模式：已无法使用点对点")
	}
	p.stay(why, stays)
}

// next is when Tick is due.
func (p *Plane) next() time.Time {
	if p.change != nil {
		return earliest(p.now.Add(pollTime), p.quietAt())
	}
	t := p.retry.until
	consider := func(at time.Time) {
		if at.After(p.now) {
			t = earliest(t, at)
		}
	}
	if p.mode() == protocol.ModeP2P {
		for _, m := range p.order {
			consider(m.saturatedFor.in(saturatedTime))
		}
		consider(p.failed.in(failedTime))
	}
	consider(p.wanted.in(busyTime))
	if p.config.Return > 0 {
		consider(p.small.in(p.config.Return))
	}
	return t
}

// Deadline is when Tick is due next.
func (p *Plane) Deadline() time.Time { return p.due }
