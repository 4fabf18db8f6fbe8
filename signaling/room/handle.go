package room

import (
	"errors"
	"slices"
	"time"

	"lectern/signaling/protocol"
)

// ErrNotMember says that a socket is no member's present one.
var ErrNotMember = errors.New("room: the socket is no member's")

// Handle takes one message from a socket: anything but a Join, a Reconnect or
// a Ping. An error is ErrNotMember, or a *protocol.Error and the sender's
// fault. A *protocol.Numbered that has been dealt with before is answered as it
// was then.
func (r *Room) Handle(now time.Time, from SocketID, msg protocol.Message) error {
	m := r.sockets[from]
	if m == nil {
		return ErrNotMember
	}
	var seq uint64
	if n, is := msg.(*protocol.Numbered); is {
		seq, msg = n.Seq, n.Message
	}
	if m.resumes && seq > 0 {
		if is, err := m.post.again(seq); is {
			return err
		}
	}
	if !m.resumes {
		m.post.answered(msg)
	}
	err := r.handle(now, m, msg)
	if m.resumes && seq > 0 {
		m.post.took(seq, err)
	}
	r.Pump(now)
	return err
}

func (r *Room) handle(now time.Time, m *member, msg protocol.Message) error {
	switch msg := msg.(type) {
	case *protocol.Leave:
		r.remove(now, m, msg.Connectors)
		return nil
	case *protocol.State:
		r.state(now, m, msg)
		return nil
	case protocol.Signal:
		if !r.mayRelay(now, m, msg) {
			return protocol.NewError(protocol.ErrRate)
		}
		err := r.plane.Signal(m.id, msg)
		m.signaled = m.signaled || err == nil
		return err
	case *protocol.Away:
		r.part(now, m)
		return nil
	}
	return r.capable(now, m, msg)
}

// Gone says that a socket is no more. Only if it is still a member's present
// one does that member's grace period begin. How it ended says nothing of what
// arrived.
func (r *Room) Gone(now time.Time, s SocketID) {
	r.probes = slices.DeleteFunc(r.probes, func(p probe) bool { return p.entry.Socket == s })
	m := r.sockets[s]
	if m == nil {
		return
	}
	if r.settings.Grace > 0 && m.settled(now, r.settings.Settle) {
		r.drop(now, m)
	} else {
		r.vanish(now, m)
	}
	r.settleProbes(now, s, false)
	r.Pump(now)
}

// drop takes a member's socket from it and begins its grace period.
func (r *Room) drop(now time.Time, m *member) {
	delete(r.sockets, m.socket)
	r.absentUntil(now, m, r.settings.Grace)
	r.plane.Away(m.id)
	if m.role.OnStage() {
		r.mark(m)
	}
}

// Probed says whether an old socket answered the ping that a takeover waited
// for.
func (r *Room) Probed(now time.Time, s SocketID, alive bool) {
	r.settleProbes(now, s, alive)
	r.Pump(now)
}
