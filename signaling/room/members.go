package room

import (
	"slices"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// What is kept for a member without a socket. Over either bound the member
// has left: a client that finds its room changed that much starts afresh.
const (
	maxAway      = 512
	maxAwayBytes = 4 << 20
)

// What was sent last is kept for a while, because a socket can be dead long
// before anybody notices. recentFor covers the default heartbeat (25 s and
// 20 s).
const (
	maxRecent = 32
	recentFor = 45 * time.Second
)

// member is one user in a room.
type member struct {
	id      protocol.MemberID
	user    protocol.UserID // secret
	name    string
	role    protocol.Role
	capable bool
	token   string // proves a returning capable client; secret
	joined  time.Time

	// Of the present socket.

	socket    SocketID  // empty while absent
	addr      string    // address of the client, without port
	lossy     bool      // the last socket did not end in an orderly way
	graceEnds time.Time // while absent

	away      []protocol.Outgoing // kept while absent, in order
	awayBytes int
	recent    []sent // last answers and leaves, oldest first

	audio, video *bool
	screen, hand bool
	stale        bool // the others have not heard of the last change
}

// sent is a message whose repetition does no harm, and when it was sent.
type sent struct {
	at  time.Time
	msg protocol.Outgoing
}

// send gives a message to a member's socket, or keeps it while there is none.
func (r *Room) send(now time.Time, m *member, msg protocol.Outgoing) {
	if m.socket == "" {
		r.keep(now, m, msg)
		return
	}
	m.remember(now, msg)
	r.out = append(r.out, Outbound{Socket: m.socket, Msg: msg})
}

func (r *Room) keep(now time.Time, m *member, msg protocol.Outgoing) {
	switch msg.(type) {
	case *protocol.GetOffer: // the plane makes it good on return
		return
	case *protocol.Member, *protocol.MemberGone: // joined tells it all on return
		return
	}
	m.away = append(m.away, msg)
	m.awayBytes += size(msg)
	if len(m.away) > maxAway || m.awayBytes > maxAwayBytes {
		m.away, m.awayBytes = nil, 0
		m.graceEnds = now // the next Tick removes it; this may be inside a loop over members
	}
}

// size is roughly what a kept message holds in memory, in bytes.
func size(msg protocol.Outgoing) int {
	const fixed = 256
	switch msg := msg.(type) {
	case *protocol.RelayedOffer:
		return fixed + len(msg.Offer.SDP)
	case *protocol.RelayedAnswer:
		return fixed + len(msg.Answer.SDP)
	case *protocol.RelayedCandidate:
		return fixed + len(msg.Candidate)
	case *protocol.Renegotiate:
		return fixed + len(msg.Data)
	}
	return fixed
}

// remember keeps answers and leaves: to a client that has had them already
// they mean nothing, to one that has not they mean a frozen or a ghost tile.
func (m *member) remember(now time.Time, msg protocol.Outgoing) {
	switch msg.(type) {
	case *protocol.ConnectorGone, *protocol.RelayedAnswer:
	default:
		return
	}
	if len(m.recent) == maxRecent {
		m.recent = slices.Delete(m.recent, 0, 1)
	}
	m.recent = append(m.recent, sent{now, msg})
}

// add makes a member of a socket and tells everybody who should know.
func (r *Room) add(now time.Time, e Entry, i *protocol.Identity) *Verdict {
	m := &member{
		id: protocol.MemberID(e.Socket), user: i.User, name: i.Name,
		role: protocol.RolePresenter, capable: i.Capable(),
		socket: e.Socket, addr: e.Addr, joined: now,
	}
	if len(r.order) == 0 {
		m.role = protocol.RoleHost
	}
	if m.capable {
		m.token = r.settings.NewToken()
	}
	r.order = append(r.order, m)
	r.byID[m.id], r.byName[m.name], r.sockets[m.socket] = m, m, m
	r.changes = append(r.changes, UserChange{m.user, m.id, +1})
	v := r.welcome(m, nil, false)
	r.tellRoster(now, m, m.public())
	r.plane.Attach(m.id, media.Profile{Stage: true, Events: m.capable, Downlink: i.Downlink()})
	r.Pump(now)
	return v
}

// welcome answers a join or a reconnect; a capable client is sent the room's
// state.
func (r *Room) welcome(m *member, refs []protocol.ConnectorRef, resumed bool) *Verdict {
	v := &Verdict{}
	if !m.capable {
		return v
	}
	j := &protocol.Joined{
		ID: m.id, Room: r.name, Mode: r.plane.Mode(m.id), Role: m.role,
		Members: []protocol.Member{}, ICEServers: r.settings.ICEServers,
		ResumeToken: m.token, ServerVersion: r.settings.Version,
		Resumed: resumed, Connectors: refs,
		GraceMS: r.settings.Grace.Milliseconds(), MaxMembers: r.policy.MaxMembers,
		Stage: r.policy.Stage, MaxFileBytes: r.settings.MaxFileBytes,
	}
	if j.ICEServers == nil {
		j.ICEServers = []protocol.ICEServer{}
	}
	for _, other := range r.order {
		if other != m {
			j.Members = append(j.Members, *other.public())
		}
	}
	v.Joined = j
	r.out = append(r.out, Outbound{Socket: m.socket, Msg: j})
	return v
}

// remove ends a membership. named is what a leaving client listed.
func (r *Room) remove(now time.Time, m *member, named []protocol.LeaveItem) {
	delete(r.byID, m.id)
	delete(r.byName, m.name)
	if m.socket != "" {
		delete(r.sockets, m.socket)
	}
	r.order = slices.DeleteFunc(r.order, func(x *member) bool { return x == m })
	r.changes = append(r.changes, UserChange{m.user, m.id, -1})
	r.plane.Detach(m.id, named)
	r.Pump(now)
	r.tellRoster(now, nil, &protocol.MemberGone{ID: m.id})
	if m.role == protocol.RoleHost && len(r.order) > 0 {
		next := r.order[0]
		next.role = protocol.RoleHost
		r.changed(now, next)
	}
}

// public is what other members may know.
func (m *member) public() *protocol.Member {
	return &protocol.Member{
		ID: m.id, Name: m.name, Role: m.role, Audio: m.audio, Video: m.video,
		Screen: m.screen, Hand: m.hand, Away: m.socket == "",
	}
}

// tellRoster sends a roster event to the capable members but one.
func (r *Room) tellRoster(now time.Time, but *member, msg protocol.Outgoing) {
	for _, m := range r.order {
		if m != but && m.capable {
			r.send(now, m, msg)
		}
	}
}

// state takes what a member says of itself.
func (r *Room) state(now time.Time, m *member, s *protocol.State) {
	if s.Audio != nil {
		m.audio = s.Audio
	}
	if s.Video != nil {
		m.video = s.Video
	}
	if s.Screen != nil {
		m.screen = *s.Screen
	}
	if s.Hand != nil {
		m.hand = *s.Hand
	}
	r.changed(now, m)
}

// changed has the others told of a member, at once if the last telling is long
// enough ago.
func (r *Room) changed(now time.Time, m *member) {
	m.stale = true
	due := r.rosterAt.Add(rosterPause)
	if !now.Before(due) {
		r.flushRoster(now)
		return
	}
	r.rosterDue = due
}

func (r *Room) flushRoster(now time.Time) {
	r.rosterAt, r.rosterDue = now, time.Time{}
	for _, m := range r.order {
		if m.stale {
			m.stale = false
			r.tellRoster(now, m, m.public())
		}
	}
}
