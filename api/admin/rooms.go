package admin

import (
	"net/http"
	"net/url"
	"time"

	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// The limits of a room's rules; those of the settings of the same names.
const (
	maxStage   = 64
	maxMembers = 100_000
)

// How long a token may be good for, in seconds.
const (
	defaultTTL = 24 * 60 * 60
	maxTTL     = 366 * 24 * 60 * 60
)

// list answers with all rooms.
func (s *service) list(w http.ResponseWriter, r *http.Request) {
	rooms, err := s.hub.Rooms(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list := make([]roomAnswer, 0, len(rooms))
	for _, i := range rooms {
		list = append(list, answerOf(i))
	}
	answer(w, http.StatusOK, map[string]any{"rooms": list})
}

// create makes an empty room with rules of its own.
func (s *service) create(w http.ResponseWriter, r *http.Request) {
	name, policy, err := decodeRoom(readBody(r))
	if err == nil && !s.media && (policy.Mode == "auto" || policy.Mode == "sfu") {
		err = errMode
	}
	if err == nil {
		err = s.hub.Create(name, policy)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.log.InfoContext(r.Context(), "room created by the administrator", "room", name, "mode", policy.Mode)
	w.Header().Set("Location", "/api/rooms/"+url.PathEscape(name))
	s.answerRoom(w, r, http.StatusCreated, name)
}

func decodeRoom(b *body) (name string, p room.Policy, err error) {
	name = b.name("name")
	p.Mode = b.word("mode", false, "auto", "p2p", "sfu")
	p.Stage = b.integer("stage", 0, 1, maxStage)
	p.MaxMembers = b.integer("maxMembers", 0, 1, maxMembers)
	p.HostToken = b.boolean("hostToken")
	p.StageToken = b.boolean("stageToken")
	return name, p, b.end()
}

// show answers with one room and its members.
func (s *service) show(w http.ResponseWriter, r *http.Request) {
	name := s.roomOf(w, r)
	if name == "" {
		return
	}
	info, err := s.hub.Room(r.Context(), name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, fullAnswer{answerOf(info), membersOf(info)})
}

// answerRoom answers with what the room is now.
func (s *service) answerRoom(w http.ResponseWriter, r *http.Request, status int, name string) {
	info, err := s.hub.Room(r.Context(), name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, status, answerOf(info))
}

// setMode begins a change of mode, which takes some seconds and may fail; the
// room says by then what its mode is.
func (s *service) setMode(w http.ResponseWriter, r *http.Request) {
	name := s.roomOf(w, r)
	if name == "" {
		return
	}
	mode, err := decodeMode(readBody(r))
	if err == nil {
		err = s.hub.SetMode(r.Context(), name, mode)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.log.InfoContext(r.Context(), "mode asked for by the administrator", "room", name, "mode", mode)
	s.answerRoom(w, r, http.StatusAccepted, name)
}

func decodeMode(b *body) (protocol.Mode, error) {
	m := b.word("mode", true, string(protocol.ModeP2P), string(protocol.ModeSFU))
	return protocol.Mode(m), b.end()
}

// closeRoom puts all members out of a room and forgets its rules.
func (s *service) closeRoom(w http.ResponseWriter, r *http.Request) {
	name := s.roomOf(w, r)
	if name == "" {
		return
	}
	if err := s.hub.CloseRoom(r.Context(), name); err != nil {
		s.fail(w, r, err)
		return
	}
	s.log.InfoContext(r.Context(), "room closed by the administrator", "room", name)
	w.WriteHeader(http.StatusNoContent)
}

// tokenAnswer is a token and the address of the page that joins with it,
// relative to the server's.
type tokenAnswer struct {
	Token   string    `json:"token"`
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// makeToken makes a token that lets its holder join the room in a role.
// The room need not exist yet.
func (s *service) makeToken(w http.ResponseWriter, r *http.Request) {
	name := s.roomOf(w, r)
	if name == "" {
		return
	}
	role, ttl, err := decodeToken(readBody(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	until := time.Now().Add(ttl).Truncate(time.Second)
	token, err := s.hub.Token(name, role, until)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.log.InfoContext(r.Context(), "token made for the administrator", "room", name, "role", role, "until", until)
	answer(w, http.StatusCreated, tokenAnswer{
		Token:   token,
		URL:     "/r/" + url.PathEscape(name) + "?token=" + url.QueryEscape(token),
		Expires: until.UTC(),
	})
}

func decodeToken(b *body) (protocol.Role, time.Duration, error) {
	role := b.role("role")
	ttl := b.integer("ttlSeconds", defaultTTL, 1, maxTTL)
	return role, time.Duration(ttl) * time.Second, b.end()
}
