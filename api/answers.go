package api

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"lectern/signaling/protocol"
)

// askTimeout is how long a room may take to answer; it is at most busy, never
// waiting.
const askTimeout = 2 * time.Second

// nameAnswer is the answer of /checkUsername (PROTOCOL.md section 2).
type nameAnswer struct {
	Success  bool `json:"success"`
	IsRepeat bool `json:"isRepeat"`
}

// refusal says in the client's language why a request was not served.
type refusal struct {
	Success bool   `json:"success"` // always false
	Message string `json:"message"`
}

// checkUsername says whether a user name is taken in a room.
func (s *service) checkUsername(w http.ResponseWriter, r *http.Request) {
	if !s.names.Take(r.RemoteAddr) {
		writeJSON(w, http.StatusTooManyRequests, refusal{
			Message: protocol.NewError(protocol.ErrRate).Message(r.Header.Get("Accept-Language")).Message})
		return
	}
	name, refused := parameter(r, "username", protocol.Name)
	room, refusedRoom := parameter(r, "roomname", protocol.RoomName)
	if refused == nil {
		refused = refusedRoom
	}
	if refused != nil {
		message := refused.Message(r.Header.Get("Accept-Language")).Message
		writeJSON(w, http.StatusBadRequest, refusal{Message: message})
		return
	}
	var taken bool
	if s.Rooms != nil {
		ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
		defer cancel()
		var err error
		if taken, err = s.Rooms.HasName(ctx, room, name); err != nil {
			s.log.WarnContext(r.Context(), "a room did not say who is in it", "id", idOf(r), "error", err)
			writeJSON(w, http.StatusServiceUnavailable, refusal{Message: "the room did not answer in time"})
			return
		}
	}
	writeJSON(w, http.StatusOK, nameAnswer{Success: true, IsRepeat: taken})
}

// parameter reads a name from the query, normalised as join does it.
func parameter(r *http.Request, key string, normal func(string) (string, error)) (string, *protocol.Error) {
	raw := r.URL.Query().Get(key)
	if raw == "" {
		return "", protocol.Invalid(key, "is missing", "缺失")
	}
	name, err := normal(raw)
	if err != nil {
		return "", protocol.InvalidName(key, err)
	}
	return name, nil
}

// iceServers gives a member all of them, and others those without credentials:
// with them, a stranger could send anything through a TURN server.
func (s *service) iceServers(w http.ResponseWriter, r *http.Request) {
	list := s.ICEServers
	if !s.isMember(r) {
		list = slices.DeleteFunc(slices.Clone(list), func(i protocol.ICEServer) bool { return i.Credential != "" })
	}
	writeJSON(w, http.StatusOK, map[string]any{"iceServers": list})
}

// isMember reports whether a request proves that it is a member's: by the names
// it joined with, in the query, and as a bearer token its secret, which is its
// resume token or, of an old client, its id.
func (s *service) isMember(r *http.Request) bool {
	scheme, proof, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	name, noName := parameter(r, "username", protocol.Name)
	room, noRoom := parameter(r, "roomname", protocol.RoomName)
	if s.Rooms == nil || !strings.EqualFold(scheme, "Bearer") || noName != nil || noRoom != nil || !s.names.Take(r.RemoteAddr) {
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	is, err := s.Rooms.IsMember(ctx, room, name, strings.TrimSpace(proof))
	return is && err == nil
}

func (s *service) version(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"version": s.Version, "go": runtime.Version()})
}

// healthz says that the process answers at all.
func (s *service) healthz(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok\n")
}

// readyz says whether new clients should be sent here.
func (s *service) readyz(w http.ResponseWriter, _ *http.Request) {
	if s.Ready != nil {
		if err := s.Ready(); err != nil {
			writeText(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
	}
	writeText(w, http.StatusOK, "ready\n")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error means that the client went away
}

func writeText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
