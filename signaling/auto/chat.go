package auto

import (
	"time"

	"lectern/signaling/protocol"
)

// Old clients say a line on every user connector they have, so during a change
// to SFU mode both over the mesh and to the server; capable ones say it over
// the mesh and by event. Whoever has it over the mesh is not told it again.
//
// The cut is the delicate moment. A line that comes to the server after it was
// said over the mesh too, if its page had not heard of the cut yet; whether
// that copy arrived before the other page closed its connector, nobody can
// tell. So the cut is made at a moment when no line is likely to be under way,
// and what comes after it is delivered at once. To hold such lines back for a
// fixed time was tried: 15 ms lost the first line after the cut in 7 of 8 runs
// with real clients on one machine, whose way to the server takes 1 ms. To
// read a line twice is better than not at all.
const (
	// travelTime is how long after a line's copy came to the server the
	// line may still be under way over the mesh.
	travelTime = 8 * time.Millisecond
	// lullTime is how long after a line the next one is not to be expected,
	// even if somebody pastes or a program writes.
	lullTime = 25 * time.Millisecond
	// talkTime is how long after a line the talk goes on, so that the cut
	// waits for the lull after the next one.
	talkTime = 200 * time.Millisecond
	// talkLimit is how long the cut waits for a lull.
	talkLimit = 400 * time.Millisecond
)

// quiet reports whether the cut may be made now as far as chat goes.
func (p *Plane) quiet() bool {
	if p.change.to == protocol.ModeP2P || !p.talks() {
		return true
	}
	d := p.now.Sub(p.said)
	return d >= travelTime && d <= lullTime || p.change.free.lasts(p.now, talkLimit)
}

// talks reports whether lines are said that may go both ways.
func (p *Plane) talks() bool {
	return !p.said.IsZero() && p.now.Sub(p.said) < talkTime &&
		p.any(func(m *member) bool { return m.inRelay && !m.profile.Events })
}

// quietAt is when a line that was just said has travelled; zero if none was.
func (p *Plane) quietAt() time.Time {
	if at := p.said.Add(travelTime); at.After(p.now) {
		return at
	}
	return time.Time{}
}

// Say has the server deliver a line of chat, unless the member has it over the
// mesh.
func (p *Plane) Say(to protocol.MemberID, line *protocol.ChatLine) {
	if p.server == nil {
		return
	}
	p.said = p.now
	if from, m := p.members[line.Member], p.members[to]; m != nil && !(from != nil && p.overMesh(from, m)) {
		p.server.Say(to, line)
	}
}

// overMesh reports whether what one member says now reaches another one over
// the mesh.
func (p *Plane) overMesh(from, to *member) bool {
	switch {
	case p.mode() == protocol.ModeSFU:
		// On the way back it may, or not: nobody knows when those data
		// channels open.
		return false
	case from.profile.Events && from.toldSFU:
		return false // it says it by event only
	}
	return from.inRelay && to.inRelay && p.relay.Answered(from.id, to.id)
}
