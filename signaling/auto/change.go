package auto

import (
	"time"

	"lectern/signaling/protocol"
)

const (
	// silentTime is how long no client may have answered a check of the
	// server before a change to SFU mode is given up. How long the rest takes
	// does not matter: a machine that a mesh has brought to its knees is what
	// the change is for.
	silentTime = 15 * time.Second
	// returnTime is for how long in all the mesh may not be up before the way
	// back to it is given up: a connection that flaps is not up.
	returnTime = 12 * time.Second
	// returnLimit is how long the way back may take whatever it waits for.
	returnLimit = returnTime + busyTime
	// pollTime is how often the server is asked what it carries.
	pollTime = 25 * time.Millisecond
	// promptTime is how long newcomers are waited for when every pair has
	// arrived. Their clients may be asking for the camera, which takes as long
	// as it takes.
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

	began since // with the first Tick

	// To SFU mode, or back from where that failed.
	retreats bool                       // it failed: what only the server carries gets the mesh again
	pairs    []*pair                    // those who have not arrived
	lost     string                     // who cannot be reached; empty: everybody can
	silent   since                      // no client answered a check, though one could
	arrived  since                      // every pair has
	screens  map[protocol.MemberID]bool // whose screens the server has not been offered yet

	// To P2P mode.
	seen     time.Time     // the last Tick
	lacked   time.Duration // for how long in all the mesh was not up
	full     since         // it is
	answered since         // every two members have a connector that both know
	up       since         // and all who say so said that theirs are connected
}

// back reports whether it is one to SFU mode that failed and is taken back.
func (c *change) back() bool { return c != nil && c.retreats }

// Tick does what is due: it begins changes, and ends them.
func (p *Plane) Tick(now time.Time) {
	if now.Before(p.now) {
		now = p.now
	}
	p.observe(now)
	p.absorb()
	if p.change == nil || p.change.back() {
		p.begin()
	}
	if c := p.change; c != nil {
		c.began.set(true, p.now)
		switch {
		case c.retreats:
			p.retreat()
		case c.to == protocol.ModeSFU:
			p.proceed()
		default:
			p.proceedBack()
		}
		p.absorb()
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

// proceed takes the change to SFU mode a step further. It ends when every pair
// has arrived. What came about stays whatever the others wait for.
func (p *Plane) proceed() {
	c := p.change
	c.silent.set(p.isSilent(), p.now)
	switch {
	case len(p.order) == 0:
		p.giveUp("all members left", nil)
		return
	case c.lost != "":
		p.fail(p.giveUp, c.lost)
		return
	case c.silent.lasts(p.now, silentTime):
		p.fail(p.giveUp, "no client answers a check")
		return
	}
	p.movePairs()
	c.arrived.set(len(c.pairs) == 0, p.now)
	if len(c.pairs) == 0 && !p.any(isAway) && !p.waitsForNewcomers() {
		p.cut()
	}
}

// isSilent reports whether no client answered a check of the server,
// although one could.
func (p *Plane) isSilent() bool {
	silent := false
	for _, m := range p.order {
		reached, tried := p.server.Reached(m.id)
		if reached {
			return false
		}
		silent = silent || tried
	}
	return silent
}

// matters reports whether a change to SFU mode waits for a member at all. Who
// comes to listen meanwhile is not waited for: of them there may be one more
// every moment, and they have nothing to lose.
func (p *Plane) matters(m *member) bool { return !m.away && (m.inRelay || m.profile.Stage) }

// waitsForNewcomers reports whether the end of the change waits, when every
// pair has arrived. It does for one whom the server may not reach: if it does
// not, the mesh may; and for a moment for the others.
func (p *Plane) waitsForNewcomers() bool {
	return p.any(func(m *member) bool {
		if !p.matters(m) || p.server.Carries(m.id) {
			return false
		}
		reached, tried := p.server.Reached(m.id)
		return tried && !reached || !p.change.arrived.lasts(p.now, promptTime)
	})
}

// retreat takes the change that failed a step further back. Until the mesh
// connects a pair again, the server does.
func (p *Plane) retreat() {
	p.meetPairs()
	if len(p.change.pairs) == 0 {
		p.retreated()
	}
}

// proceedBack takes the change to P2P mode a step further.
func (p *Plane) proceedBack() {
	c := p.change
	if c.seen.IsZero() {
		c.seen = p.now
	}
	full := p.meshed()
	if c.full.set(full, p.now); !full {
		c.lacked += p.now.Sub(c.seen)
	}
	c.seen = p.now
	switch {
	case len(p.order) == 0:
		p.stay("all members left", nil)
	case p.reason() != "":
		p.abort(p.reason())
	case !c.byHand && !p.isSmall():
		p.stay("a member came", nil)
	case p.any(func(m *member) bool { return m.awayFor.lasts(p.now, awayTime) }):
		p.stay("a member is away", nil)
	case c.lacked >= returnTime || c.began.lasts(p.now, returnLimit):
		p.fail(p.stay, "it took too long")
	case full && !p.any(isAway) && !p.waitsForFiles():
		p.cutBack()
	}
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

// fail gives the change up, tells the hosts why, and has it tried again later.
func (p *Plane) fail(abandon func(string, *protocol.Error), why string) {
	stays := protocol.Refuse(protocol.ErrMode,
		"The room stays peer to peer: the server could not reach everybody (UDP may be blocked)",
		"房间保持点对点：服务器无法连接到所有成员（UDP 可能被阻止）")
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
