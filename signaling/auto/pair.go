package auto

import (
	"encoding/json"
	"slices"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// The mesh is taken over pair by pair. Two members who have a connector with
// each other are kept apart on the server until it is their turn; then each is
// shown the other one there, and when everything of both flows, the mesh loses
// that pair and no other. So a member has at most one picture twice, and a
// machine never carries two full meshes.

const (
	// slowTime is how long a pair that moves keeps its two members from moving
	// in other pairs. After that the others are not kept waiting for it.
	slowTime = 2 * time.Second
	// holdEvery is how often an existing client's list of connectors is kept
	// from being shown while it has one too many. The client shows its list
	// 100 ms after the last thing that happened to a connector.
	holdEvery = 20 * time.Millisecond
	// holdTime is how long the list is kept at most. Meanwhile the client shows
	// neither members that join nor members that leave.
	holdTime = 5 * time.Second
	// againTime is how long a pair rests whose connection came about and then
	// failed.
	againTime = 5 * time.Second
)

// pair is two members who have a way to each other, and are to get another one.
type pair struct {
	a, b *member // a came first

	// On the way to the server.
	moves since     // they are shown each other there
	shown [2]bool   // to a, to b
	full  since     // everything flows
	free  since     // and nothing holds the end of the old way up
	held  time.Time // when their lists were held last
	rests time.Time // not to be begun before

	// On the way back.
	answered since // their connector of the mesh is known to both
	up       since // and those of them who say so said that theirs is connected
}

func (x *pair) has(m *member) bool { return x.a == m || x.b == m }

// forget drops what a change knows of a member that is gone.
func (c *change) forget(m *member) {
	delete(c.screens, m.id)
	c.pairs = slices.DeleteFunc(c.pairs, func(x *pair) bool { return x.has(m) })
}

// movePairs takes every pair a step further, and begins those whose turn it is.
func (p *Plane) movePairs() {
	c := p.change
	c.pairs = slices.DeleteFunc(c.pairs, p.move)
	for _, x := range c.pairs {
		if p.mayMove(x) {
			x.moves.set(true, p.now)
			p.show(x)
		}
	}
}

// mayMove reports whether it is a pair's turn: neither member moves in another
// one, and what the server is to play of them is there already, or comes with
// this pair.
func (p *Plane) mayMove(x *pair) bool {
	if !x.moves.at.IsZero() || p.now.Before(x.rests) || p.waitsForFilesOf(x) {
		return false
	}
	for _, m := range []*member{x.a, x.b} {
		if m.away || p.isMoving(m) || p.server.HasUplink(m.id) && !p.server.Flows(m.id) {
			return false
		}
	}
	return true
}

// isMoving reports whether a member is in a pair that moves, and not slowly.
func (p *Plane) isMoving(m *member) bool {
	return slices.ContainsFunc(p.change.pairs, func(x *pair) bool {
		return x.has(m) && !x.moves.at.IsZero() && !x.moves.lasts(p.now, slowTime)
	})
}

// show has the two see each other on the server. A member whose camera is on
// its way there is shown when it has come, so that the other one has two
// pictures for as short a time as can be; unless this is the connector that
// brings it.
func (p *Plane) show(x *pair) {
	for i, v := range [2][2]*member{{x.a, x.b}, {x.b, x.a}} {
		at, of := v[0], v[1]
		if !x.shown[i] && (p.server.Flows(of.id) || !p.server.HasUplink(at.id)) {
			x.shown[i] = true
			p.server.Show(at.id, of.id)
		}
	}
}

// move takes a pair that moves a step further, and reports whether it has
// arrived.
func (p *Plane) move(x *pair) bool {
	if x.moves.at.IsZero() {
		return false
	}
	p.show(x)
	p.hold(x)
	full := p.server.Plays(x.a.id, x.b.id) && p.server.Plays(x.b.id, x.a.id)
	x.full.set(full, p.now)
	free := full && !x.a.away && !x.b.away && !p.waitsForFilesOf(x) && !p.waitsForScreenOf(x)
	x.free.set(free, p.now)
	if !free || !p.quiet(x) {
		return false
	}
	p.relay.Part(x.a.id, x.b.id)
	return true
}

// hold keeps the existing clients of a pair from showing their list while it
// has one connector too many. The candidate says that there are no more, which
// changes nothing in a connector that is connected.
func (p *Plane) hold(x *pair) {
	if x.moves.lasts(p.now, holdTime) || p.now.Sub(x.held) < holdEvery {
		return
	}
	x.held = p.now
	for _, v := range [2][2]*member{{x.a, x.b}, {x.b, x.a}} {
		m := v[0]
		if c := p.relay.Connector(m.id, v[1].id); c != "" && !m.profile.Events && !m.away {
			p.emit(media.Event{To: m.id, Msg: &protocol.RelayedCandidate{Connector: c, Candidate: noMore}})
		}
	}
}

// noMore is the end of candidates (RFC 8838 section 8.2), as clients send it.
var noMore = json.RawMessage(`{"candidate":"","sdpMid":"0","sdpMLineIndex":0}`)

// takeBack has the pairs of a member that move rest: their connections on the
// server came about and then failed. What they have is the mesh.
func (p *Plane) takeBack(id protocol.MemberID) {
	for _, x := range p.change.pairs {
		if (x.a.id == id || x.b.id == id) && !x.moves.at.IsZero() {
			p.server.Apart(x.a.id, x.b.id)
			*x = pair{a: x.a, b: x.b, rests: p.now.Add(againTime)}
		}
	}
}

func (p *Plane) waitsForFilesOf(x *pair) bool {
	return (x.a.busy || x.b.busy) && !p.change.began.lasts(p.now, busyTime)
}

func (p *Plane) waitsForScreenOf(x *pair) bool {
	screens := p.change.screens
	return (screens[x.a.id] || screens[x.b.id]) && !x.full.lasts(p.now, screenTime)
}

// meetPairs ends the server's part of every pair that the mesh connects again.
func (p *Plane) meetPairs() {
	c := p.change
	c.pairs = slices.DeleteFunc(c.pairs, func(x *pair) bool {
		answered := p.relay.Answered(x.a.id, x.b.id)
		x.answered.set(answered, p.now)
		x.up.set(answered && p.saysUp(x.a, x.b) && p.saysUp(x.b, x.a), p.now)
		blind := !x.a.profile.Events || !x.b.profile.Events || x.a.shares || x.b.shares
		meets := x.up.lasts(p.now, firstTime) && (!blind || x.answered.lasts(p.now, settleTime))
		if meets {
			p.server.Apart(x.a.id, x.b.id)
		}
		return meets
	})
}
