package auto

import (
	"time"

	"lectern/signaling/protocol"
)

const (
	// saturatedTime is how long a report of a saturated uplink must hold:
	// shorter ones are other traffic on the same line.
	saturatedTime = 3 * time.Second
	// failedTime is how long a connector must have failed for good: a client
	// that reports that and then makes it work takes it back at once.
	failedTime = 2 * time.Second
	// busyTime bounds how long files that are on their way hold a change up.
	busyTime = 30 * time.Second
	// awayTime is how long a change that is under way waits for a member whose
	// socket is gone.
	awayTime = 3 * time.Second
)

// reason is why the room should be in SFU mode, for the log; empty: there is
// none. It reads what Tick has seen last.
func (p *Plane) reason() string {
	switch {
	case p.pinned == protocol.ModeSFU:
		return "asked for"
	case len(p.order) > p.config.MaxP2P:
		return "size"
	case p.hasAudience():
		return "audience"
	case p.twoFirefoxes():
		return "two existing clients on Firefox"
	case p.failed.lasts(p.now, failedTime):
		return "a connection between two members failed"
	case p.pinned != protocol.ModeP2P && p.hasSaturated():
		return "an uplink is saturated"
	}
	return ""
}

func (p *Plane) hasAudience() bool {
	return p.any(func(m *member) bool { return !m.profile.Stage })
}

func (p *Plane) hasSaturated() bool {
	return p.any(func(m *member) bool { return m.saturatedFor.lasts(p.now, saturatedTime) })
}

// twoFirefoxes: between two such clients no data channel works for long.
func (p *Plane) twoFirefoxes() bool {
	n := 0
	for _, m := range p.order {
		if m.firefox {
			n++
		}
	}
	return n >= 2
}

func (p *Plane) any(is func(*member) bool) bool {
	for _, m := range p.order {
		if is(m) {
			return true
		}
	}
	return false
}

func isAway(m *member) bool { return m.away }
func isBusy(m *member) bool { return m.busy }

// held reports whether a change that has a reason must wait.
func (p *Plane) held() bool {
	return p.retry.waits() || p.any(isAway) || p.any(isBusy) && !p.wanted.lasts(p.now, busyTime)
}

// observe reads what a Tick has to know of the clock.
func (p *Plane) observe(now time.Time) {
	p.now = now
	p.retry.tick(now)
	if now.Sub(p.endedAt) > lateTime {
		clear(p.lateAsks)
	}
	inP2P := p.mode() == protocol.ModeP2P
	if p.relay != nil {
		_, _, failed := p.relay.Failed()
		p.failed.set(failed, now)
	}
	if inP2P || p.change != nil {
		for _, m := range p.order {
			m.awayFor.set(m.away, now)
			m.saturatedFor.set(m.saturated && inP2P, now)
		}
	}
	idle := p.change == nil
	wants := idle && len(p.order) > 0 && (inP2P && p.reason() != "" || !inP2P && p.pinned == protocol.ModeP2P)
	p.wanted.set(wants, now)
	p.small.set(idle && !inP2P && p.config.Return > 0 && p.isSmall(), now)
}

// isSmall reports whether a room in SFU mode could do without. Only clients
// that are told of the mode go back by themselves: nobody can see whether the
// connectors of the others are up.
func (p *Plane) isSmall() bool {
	const members = 2
	n := len(p.order)
	if n == 0 || n > min(members, p.config.MaxP2P) || p.pinned == protocol.ModeSFU {
		return false
	}
	if p.members[p.broken[0]] != nil && p.members[p.broken[1]] != nil {
		return false
	}
	return !p.any(func(m *member) bool { return !m.profile.Stage || !m.profile.Events })
}

// SetMode asks for a change by hand. It is refused where the room cannot be a
// mesh; that it is in SFU mode then, or will be, is for the reasons of Tick.
func (p *Plane) SetMode(mode protocol.Mode) error {
	switch mode {
	case protocol.ModeSFU:
		p.pinned = mode
		p.retry.until = time.Time{}
		if c := p.change; c != nil && c.to == protocol.ModeP2P && !c.retreats {
			p.stay("a host asked for SFU mode", nil)
		}
		return nil
	case protocol.ModeP2P:
		if err := p.noMesh(); err != nil {
			return err
		}
		p.pinned = mode
		if c := p.change; c != nil && c.to == protocol.ModeSFU {
			p.giveUp("a host asked for P2P mode", nil)
			p.retry.failed(p.now)
		}
		return nil
	}
	return protocol.NewError(protocol.ErrMode)
}

// noMesh says why the room cannot be a mesh; nil if it can.
func (p *Plane) noMesh() error {
	switch {
	case p.hasAudience():
		return protocol.Refuse(protocol.ErrMode,
			"While somebody listens, media goes through the server", "有观众时音视频须经服务器转发")
	case len(p.order) > p.config.MaxP2P:
		return protocol.Refuse(protocol.ErrMode,
			"The room has too many members for direct connections", "房间人数过多，无法直接相连")
	case p.twoFirefoxes():
		return protocol.Refuse(protocol.ErrMode,
			"Two members use a browser whose direct connections cannot carry chat", "有两位成员所用的浏览器在直连时无法传输聊天")
	}
	return nil
}
