package admin

import (
	"net/http"

	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// members answers with all members of a room, oldest first.
func (s *service) members(w http.ResponseWriter, r *http.Request) {
	name := s.roomOf(w, r)
	if name == "" {
		return
	}
	info, err := s.hub.Room(r.Context(), name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"members": membersOf(info)})
}

// setRole gives a member a role, as a host would.
func (s *service) setRole(w http.ResponseWriter, r *http.Request) {
	name, id := s.roomOf(w, r), memberOf(r)
	if name == "" {
		return
	}
	role, err := decodeRole(readBody(r))
	if err == nil {
		err = s.hub.SetRole(r.Context(), name, id, role)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.log.InfoContext(r.Context(), "role given by the administrator", "room", name, "member", id, "role", role)
	m, err := s.member(r, name, id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, m)
}

func decodeRole(b *body) (protocol.Role, error) {
	role := b.role("role")
	return role, b.end()
}

// member finds a member as it is now.
func (s *service) member(r *http.Request, name string, id protocol.MemberID) (memberAnswer, error) {
	info, err := s.hub.Room(r.Context(), name)
	if err != nil {
		return memberAnswer{}, err
	}
	for _, m := range info.Members {
		if m.ID == id {
			return memberAnswer(m).inUTC(), nil
		}
	}
	return memberAnswer{}, room.ErrNoMember
}

// remove puts a member out of a room, as a host would.
func (s *service) remove(w http.ResponseWriter, r *http.Request) {
	name, id := s.roomOf(w, r), memberOf(r)
	if name == "" {
		return
	}
	if err := s.hub.Remove(r.Context(), name, id); err != nil {
		s.fail(w, r, err)
		return
	}
	s.log.InfoContext(r.Context(), "member removed by the administrator", "room", name, "member", id)
	w.WriteHeader(http.StatusNoContent)
}
