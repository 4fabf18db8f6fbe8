package room

import (
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// partGrace is how long a member keeps its place whose page said that it goes:
// long enough for a reload.
const partGrace = 5 * time.Second

// settled reports whether a member was really there: it had media, or stayed a
// while. One that was not has no grace period.
func (m *member) settled(now time.Time, after time.Duration) bool {
	return m.signaled || now.Sub(m.joined) >= after
}

// part takes that a member's page goes and may be back at once. Its connectors
// end with the page, so the others take it for gone; its place is kept.
func (r *Room) part(now time.Time, m *member) {
	if r.settings.Grace <= 0 {
		r.remove(now, m, nil)
		return
	}
	delete(r.sockets, m.socket)
	m.parted = true
	r.absentUntil(now, m, min(partGrace, r.settings.Grace))
	r.plane.Detach(m.id, nil)
	if m.role.OnStage() {
		r.mark(m)
	}
}

// proven finds the member that a client proves to be; nil if it is none.
func (r *Room) proven(p proof) *member {
	if p == "" {
		return nil
	}
	return r.proofs[p]
}

// enterAnew lets a client in that has no connectors: one that joins, or one
// whose page was loaded again and proves which member it is. While that
// member's socket may be alive it is asked: the page may be a copy.
func (r *Room) enterAnew(now time.Time, e Entry, i *protocol.Identity, token string) {
	p := proofOf(i, token)
	if r.isRemoved(i, p) {
		r.verdict(e.Socket, &Verdict{Err: protocol.NewError(protocol.ErrRemoved), Stray: e.Held})
		return
	}
	m := r.proven(p)
	switch {
	case m == nil || m.socket == e.Socket:
	case m.socket != "":
		r.probes = append(r.probes, probe{entry: e, old: m.socket})
		r.out = append(r.out, Outbound{Socket: m.socket, Probe: probeTime})
		return
	case m.name == i.Name:
		r.beginAgain(now, m, e, i)
		return
	}
	r.verdict(e.Socket, r.join(now, e, i, p))
}

// beginAgain gives an absent member a new socket whose client has lost all it
// knew: its connectors are made anew, and it is told everything.
func (r *Room) beginAgain(now time.Time, m *member, e Entry, i *protocol.Identity) {
	if mine := r.sockets[e.Socket]; mine != nil {
		r.remove(now, mine, nil) // the socket was another member's until now
	}
	r.present(m)
	m.sit(e)
	r.sockets[m.socket] = m
	r.settings.Kept.forget(&m.post)
	m.resumes = i.Resumes()
	m.audio, m.video, m.screen, m.speaking = nil, nil, false, false
	m.since, m.heard = now, false
	r.wait(m, m.waits, false)
	if !m.parted {
		r.plane.Detach(m.id, nil)
	}
	m.parted = false
	r.plane.Attach(m.id, media.Profile{
		Stage: m.role.OnStage(), Events: m.capable, Downlink: i.Downlink(), Address: addressOf(e),
	})
	r.contend(now, m)
	v := r.greet(now, m, true)
	v.Stray = e.Held
	r.verdict(e.Socket, v)
	if m.role.OnStage() {
		r.mark(m)
	}
}
