package auto

import (
	"time"

	"lectern/signaling/protocol"
)

// Existing clients say a line on every user connector they have, so during a
// change to SFU mode both over the mesh and to the server; capable ones say it
// over the mesh and by event. The server delivers it to those existing clients
// that do not have it over the mesh. Capable ones know it by its id.
//
// Why each hears a line once, for a line of a to an existing client b:
//
//   - The ledger of the relay decides, and for this pair alone: while it has
//     the pair, the mesh has the line, and the server does not deliver it; once
//     Part has ended the pair, the server delivers it. Part, the ledger and the
//     decision are steps of one goroutine, so there is no third case.
//   - On how many channels a line comes to the server, and by which it comes
//     first, does not matter: the first counts (the server knows lines by their
//     sender and id, and so does the room).
//   - When the line came to the server travelTime before Part, its copy over
//     the mesh has arrived, and b closes its connector after that.
//   - When a said it after it had heard of Part, it has no connector of the
//     mesh with b, and the line has only the server's way.
//   - What is left are lines that a says while the news of Part is on its way
//     to it: they come to the server after Part, and b may have their copy. No
//     order of messages tells: a client acknowledges neither a leave nor a line.
//     So Part waits for a moment when neither of the two is about to say one:
//     see quiet. If such a line comes all the same, it is delivered: to read it
//     twice is better than not at all.
const (
	// travelTime is how long after a line's copy came to the server the
	// line may still be under way over the mesh.
	travelTime = 8 * time.Millisecond
	// newsTime is how long the news of Part takes to a client, and a line that
	// it said before that to the server.
	newsTime = 20 * time.Millisecond
	// lullTime is how soon after a line the next one may come of a member that
	// has not said two.
	lullTime = 45 * time.Millisecond
	// talkTime is how long after a line its member goes on talking.
	talkTime = 500 * time.Millisecond
	// talkLimit is how long a pair waits for a moment of quiet.
	talkLimit = time.Second
)

// talk is what is known of the lines that one member says.
type talk struct {
	last time.Time     // when its last line came
	pace time.Duration // between the two before that; 0: unknown
	line string        // the last one's id
}

// heard notes a line. It may be told of the same one for each who hears it.
func (t *talk) heard(id string, now time.Time) {
	if id == t.line {
		return
	}
	t.pace = 0
	if d := now.Sub(t.last); !t.last.IsZero() && d < talkTime {
		t.pace = d
	}
	t.last, t.line = now, id
}

// quiet reports whether no line of the member is under way, nor is about to be.
func (t *talk) quiet(now time.Time) bool {
	d := now.Sub(t.last)
	if t.last.IsZero() || d >= talkTime {
		return true
	}
	pace := t.pace
	if pace == 0 {
		pace = lullTime
	}
	return d >= travelTime && (d+newsTime <= pace || d >= 2*pace)
}

// quiet reports whether a pair's connector of the mesh may end now as far as
// chat goes. Between two capable clients it always may.
func (p *Plane) quiet(x *pair) bool {
	if x.a.profile.Events && x.b.profile.Events || x.free.lasts(p.now, talkLimit) {
		return true
	}
	return x.a.talk.quiet(p.now) && x.b.talk.quiet(p.now)
}

// quietAt is when a line that holds a pair up has travelled; zero if none does.
func (p *Plane) quietAt() time.Time {
	var at time.Time
	for _, x := range p.change.pairs {
		if x.free.at.IsZero() {
			continue
		}
		for _, m := range []*member{x.a, x.b} {
			if t := m.talk.last.Add(travelTime); t.After(p.now) {
				at = earliest(at, t)
			}
		}
	}
	return at
}

// Say has the server deliver a line of chat, unless the member has it over the
// mesh.
func (p *Plane) Say(to protocol.MemberID, line *protocol.ChatLine) {
	if p.server == nil {
		return
	}
	from, m := p.members[line.Member], p.members[to]
	if from != nil {
		from.talk.heard(line.ID, p.now)
	}
	if m != nil && m.inServer && !(from != nil && p.overMesh(from, m)) {
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
