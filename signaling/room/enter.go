package room

import (
	"log/slog"
	"net/netip"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// Entry is a socket that wants to be a member's.
type Entry struct {
	Socket SocketID
	Addr   string             // address of the client, without port; tells a move from a mere drop
	Msg    protocol.Message   // *protocol.Join or *protocol.Reconnect
	Held   []protocol.Message // what the socket sent before it said who it is
	Opened time.Time          // when the socket was opened; zero: unknown
	// Elsewhere: the user id is a member's of another room.
	Elsewhere bool
}

// addressOf is where an entry's client is, for the plane; not valid if that is not
// known.
func addressOf(e Entry) netip.Addr {
	a, err := netip.ParseAddr(e.Addr)
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// Enter lets a socket in, or refuses it. A Verdict for the socket comes out of
// Drain, at once or, if an old socket has to be probed first, later.
func (r *Room) Enter(now time.Time, e Entry) {
	r.expire(now)
	r.tendHost(now)
	switch msg := e.Msg.(type) {
	case *protocol.Join:
		r.enterAnew(now, e, &msg.Identity, msg.ResumeToken)
	case *protocol.Reconnect:
		r.reconnect(now, e, msg)
	default:
		r.refuse(e.Socket, protocol.NewError(protocol.ErrInvalid))
	}
	r.Pump(now)
}

func (r *Room) verdict(s SocketID, v *Verdict) {
	r.out = append(r.out, Outbound{Socket: s, Verdict: v})
}

// refuseClosed answers a socket that came too late: the hub then makes a new
// room for it.
func (r *Room) refuseClosed(s SocketID) { r.verdict(s, &Verdict{Err: ErrClosed}) }

func (r *Room) refuse(s SocketID, e *protocol.Error) { r.verdict(s, &Verdict{Err: e}) }

// join makes a member of a socket. Joining again as the same user is a no-op;
// as another one, the member it was leaves first. p is what the client proves.
func (r *Room) join(now time.Time, e Entry, i *protocol.Identity, p proof) *Verdict {
	mine := r.sockets[e.Socket]
	if mine != nil && mine.user == i.User && mine.name == i.Name {
		return r.welcome(now, mine, nil, false)
	}
	if mine == nil {
		mine = r.proven(p) // absent, and it comes back by another name
	}
	was := r.seatOf(now, p)
	if mine != nil {
		was = mine.seat()
		was.inside = true
	}
	g, err := r.grantFor(now, i, was)
	if err == nil {
		err = r.admit(now, e, i, mine, was != nil && was.inside || g.token)
	}
	if err != nil {
		return &Verdict{Err: err, Stray: e.Held}
	}
	if mine != nil {
		r.erase(now, mine, nil)
		g, _ = r.grantFor(now, i, was) // there may be a place on stage now
	}
	r.dropSeat(p)
	v := r.add(now, e, i, g, p, was != nil)
	v.Stray = e.Held
	if was != nil && was.claim != 0 {
		r.seatHost(now) // it was host or waited for, and may only listen now, or be a client that cannot act
	}
	return v
}

// admit says whether there is a place for a newcomer. mine is the member that
// would leave for it, or nil; pass says that a lock is not for it. In a
// full room an absent member yields its place, the one whose grace period ends
// first.
func (r *Room) admit(now time.Time, e Entry, i *protocol.Identity, mine *member, pass bool) error {
	if r.taken(i.Name, mine) {
		return protocol.NewError(protocol.ErrRepeat)
	}
	if r.locked && !pass {
		return protocol.NewError(protocol.ErrLocked)
	}
	if holder := r.byID[protocol.MemberID(e.Socket)]; holder != nil && holder != mine {
		// Socket ids are random, so this is a transport that reuses them.
		return protocol.NewError(protocol.ErrInternal)
	}
	if mine != nil {
		return nil
	}
	if r.crowded(now, e.Addr) {
		return protocol.Refuse(protocol.ErrRate,
			"too many members join this room from one network; try again in a few seconds", "同一网络加入此房间的成员过多，请稍后再试")
	}
	if r.policy.MaxMembers > 0 && len(r.order) >= r.policy.MaxMembers {
		if len(r.absent) == 0 {
			return protocol.NewError(protocol.ErrRoomFull)
		}
		r.vanish(now, r.absent[0])
	}
	return nil
}

// welcome answers a join or a reconnect; a capable client is sent the room's
// state.
func (r *Room) welcome(now time.Time, m *member, refs []protocol.ConnectorRef, resumed bool) *Verdict {
	v := &Verdict{}
	if !m.capable {
		return v
	}
	j := &protocol.Joined{
		ID: m.id, Room: r.name, Mode: r.plane.Mode(m.id), Role: m.role,
		Members: r.roster(m), ICEServers: r.settings.ICEServers,
		ResumeToken: m.token, ServerVersion: r.settings.Version,
		Resumed: resumed, Connectors: refs,
		GraceMS: r.settings.Grace.Milliseconds(), MaxMembers: r.policy.MaxMembers,
		Audience: r.count(m).Count, Stage: r.policy.Stage, Locked: r.locked,
		MaxFileBytes: r.settings.MaxFileBytes,
	}
	if m.renamed {
		j.Name = m.name
	}
	if j.ICEServers == nil {
		j.ICEServers = []protocol.ICEServer{}
	}
	if m.resumes {
		taken := m.post.taken
		j.Seen = &taken
	}
	m.lockTold = r.locked
	v.Joined = j
	r.send(now, m, j)
	if m.role == protocol.RoleHost {
		r.tellHost(now, m, resumed)
	}
	return v
}

// reconnect gives a member its new socket, if the client is who it was.
func (r *Room) reconnect(now time.Time, e Entry, msg *protocol.Reconnect) {
	m, sameUser := r.lookup(&msg.Identity)
	switch {
	case m == nil && (sameUser || e.Elsewhere):
		r.refuse(e.Socket, protocol.Refuse(protocol.ErrInvalid,
			"this user is a member under another name or in another room", "该用户以其他名称或在其他房间中"))
	case m == nil:
		r.out = append(r.out, Outbound{Socket: e.Socket, Msg: &protocol.Renegotiate{Type: protocol.EventLeave}})
		r.enterAnew(now, e, &msg.Identity, msg.ResumeToken)
	case m.socket == e.Socket:
		r.verdict(e.Socket, r.welcome(now, m, r.plane.Return(m.id, media.Return{Address: addressOf(e)}), true))
	case m.capable && !m.hasToken(msg.ResumeToken) && r.proven(proofOf(&msg.Identity, msg.ResumeToken)) != m:
		r.refuse(e.Socket, protocol.Refuse(protocol.ErrForbidden,
			"the resume token is not this member's", "恢复令牌与该成员不符"))
	case !e.Opened.IsZero() && e.Opened.Before(m.opened):
		// It was under way while the client gave the socket up and came back on
		// another one, which must not be closed for it.
		r.refuse(e.Socket, protocol.Refuse(protocol.ErrRepeat,
			"a later connection of this client is in the room", "该客户端已通过较新的连接进入房间"))
	case !m.capable && m.socket != "" && !m.user.Proves():
		r.probes = append(r.probes, probe{entry: e, old: m.socket})
		r.out = append(r.out, Outbound{Socket: m.socket, Probe: probeTime})
	case m.parted:
		r.beginAgain(now, m, e, &msg.Identity)
	default:
		r.takeOver(now, m, e)
	}
}

// lookup finds the member a client says it is. sameUser: there is one with
// that user id, but under another name.
func (r *Room) lookup(i *protocol.Identity) (m *member, sameUser bool) {
	if m = r.byName[i.Name]; m != nil && m.user == i.User {
		return m, true
	}
	return nil, r.users[i.User] > 0
}

// takeOver gives a member a new socket. Its old one, if it still has one, is
// closed for good: were its client to come back, the two would throw each
// other out for ever.
func (r *Room) takeOver(now time.Time, m *member, e Entry) {
	if mine := r.sockets[e.Socket]; mine != nil {
		r.remove(now, mine, nil) // the socket was another member's until now
	}
	how := media.Return{Moved: m.addr != e.Addr, Address: addressOf(e)}
	whole := r.missed(now, m, e.Msg.(*protocol.Reconnect))
	if m.socket != "" {
		delete(r.sockets, m.socket)
		r.out = append(r.out, Outbound{Socket: m.socket, Kick: "taken over by a new connection"})
	} else {
		r.present(m)
	}
	if !whole {
		r.note(slog.LevelInfo, "member starts afresh", "member", m.id)
		r.out = append(r.out, Outbound{Socket: e.Socket, Msg: &protocol.Renegotiate{Type: protocol.EventLeave}})
		r.beginAgain(now, m, e, identity(e.Msg))
		return
	}
	m.sit(e)
	r.sockets[m.socket] = m
	r.contend(now, m)
	if m.role.OnStage() {
		r.mark(m)
	}
	for _, msg := range e.Held {
		m.post.answered(msg)
		if err := r.handle(now, m, msg); err != nil {
			continue // it was sent before the drop; its time is over
		}
		if r.sockets[e.Socket] != m {
			r.verdict(e.Socket, &Verdict{}) // what was held was a leave
			return
		}
	}
	// What the held messages and the return lead to is drained after what is
	// repeated, which is older.
	refs := r.plane.Return(m.id, how)
	v := r.welcome(now, m, refs, true)
	r.repeat(now, m)
	r.pump(now)
	r.verdict(e.Socket, v)
}

// settleProbes decides the takeovers that waited for an old socket.
func (r *Room) settleProbes(now time.Time, old SocketID, alive bool) {
	waiting := r.probes
	r.probes = nil
	for _, p := range waiting {
		switch {
		case p.old != old:
			r.probes = append(r.probes, p)
		case alive:
			r.refuse(p.entry.Socket, protocol.NewError(protocol.ErrRepeat))
		default:
			// Everything may have changed meanwhile; start over. The old
			// socket, if still there, has failed its ping.
			if m := r.sockets[old]; m != nil {
				r.drop(now, m)
				r.out = append(r.out, Outbound{Socket: old, Kick: "did not answer a ping"})
			}
			r.Enter(now, p.entry)
		}
	}
}
