package room

import (
	"log/slog"
	"time"

	"lectern/signaling/protocol"
)

// Why a socket is ended for good.
const (
	whyRemoved = "removed by the host"
	whyClosed  = "the room was closed"
)

// info gives what the operator sees. members: each of them too.
func (r *Room) info(members bool) RoomInfo {
	info := RoomInfo{
		Name: r.name, Mode: r.mode, Policy: r.policy, Created: r.created,
		Locked: r.locked, Audience: r.listeners(), Count: len(r.order),
	}
	if !members {
		return info
	}
	info.Members = make([]MemberInfo, 0, len(r.order))
	for _, m := range r.order {
		info.Members = append(info.Members, MemberInfo{
			ID: m.id, Name: m.name, Role: m.role, Joined: m.joined,
			Away: m.socket == "", Capable: m.capable,
			Audio: m.audio, Video: m.video, Screen: m.screen, Hand: m.hand,
		})
	}
	return info
}

func (r *Room) setMode(now time.Time, m protocol.Mode) error {
	err := r.plane.SetMode(m)
	r.Pump(now)
	return err
}

func (r *Room) setRole(now time.Time, id protocol.MemberID, role protocol.Role) error {
	m := r.byID[id]
	if m == nil {
		return ErrNoMember
	}
	err := r.giveRole(now, nil, m, role)
	r.Pump(now)
	return err
}

func (r *Room) removeMember(now time.Time, id protocol.MemberID) error {
	m := r.byID[id]
	if m == nil {
		return ErrNoMember
	}
	r.note(slog.LevelInfo, "member removed", "member", m.id, "by", "operator")
	r.kick(now, m, whyRemoved)
	r.tellRemoved(now)
	r.Pump(now)
	return nil
}

// closeDown removes all members, and refuses those who wait to be let in.
func (r *Room) closeDown(now time.Time) {
	r.closing = true
	r.note(slog.LevelInfo, "room closed", "members", len(r.order))
	for len(r.order) > 0 {
		r.kick(now, r.order[len(r.order)-1], whyClosed)
	}
	for _, p := range r.probes {
		r.refuseClosed(p.entry.Socket)
	}
	r.probes = nil
}

// kick ends a membership and the member's socket.
func (r *Room) kick(now time.Time, m *member, why string) {
	socket := m.socket
	if why == whyRemoved {
		r.noteRemoved(now, m)
	}
	r.erase(now, m, nil)
	r.seatHost(now)
	if socket != "" {
		r.out = append(r.out, Outbound{Socket: socket, Kick: why})
	}
}
