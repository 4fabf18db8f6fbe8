package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// The refusals that have no better sentence of their own. The words are the
// protocol's.
var (
	errToken = protocol.Refuse(protocol.ErrForbidden,
		"The token of the server's administrator is missing or wrong", "缺少管理员令牌或令牌不正确")
	errOff = protocol.Refuse(protocol.ErrGone,
		"Rooms are not run over HTTP here: the server has no --admin-token", "此服务器未设置 --admin-token，不提供 HTTP 管理接口")
	errNoPath = protocol.Refuse(protocol.ErrGone, "There is nothing at this address", "此地址不存在")
	errMethod = protocol.Refuse(protocol.ErrInvalid, "The method is not possible at this address", "此地址不支持该方法")
	errNoRoom = protocol.Refuse(protocol.ErrGone, "There is no such room", "没有这个房间")
	errMember = protocol.Refuse(protocol.ErrNotInRoom, "There is no such member in this room", "此房间没有该成员")
	errExists = protocol.Refuse(protocol.ErrRepeat, "There is such a room already", "此房间已存在")
	errMode   = protocol.Refuse(protocol.ErrMode,
		"This server carries no media: it was started with --mode p2p", "此服务器以 --mode p2p 启动，不转发媒体")
	errRooms = protocol.Refuse(protocol.ErrRoomFull,
		"As many rooms have been created as may be: close some first", "已创建的房间数达到上限，请先关闭一些房间")
	errLate = protocol.Refuse(protocol.ErrInternal, "The room did not answer in time", "房间未及时响应")
)

// refusal is how every error is answered.
type refusal struct {
	Error *protocol.ErrorMessage `json:"error"`
}

func answer(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error means that the client went away
}

// answerError refuses in the client's language.
func answerError(w http.ResponseWriter, r *http.Request, status int, e *protocol.Error) {
	// English for a client that prefers neither, whatever the word: no existing client
	// of the chat-room protocol asks here.
	language := r.Header.Get("Accept-Language") + ",en;q=0.001"
	answer(w, status, refusal{e.Message(language)})
}

// fail answers with what the hub, or the reading of the request, said.
func (s *service) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, e := s.refuse(r, err)
	answerError(w, r, status, e)
}

func (s *service) refuse(r *http.Request, err error) (int, *protocol.Error) {
	var e *protocol.Error
	switch {
	case errors.As(err, &e):
		return statusOf(e.Type), e
	case errors.Is(err, room.ErrNoRoom):
		return http.StatusNotFound, errNoRoom
	case errors.Is(err, room.ErrNoMember):
		return http.StatusNotFound, errMember
	case errors.Is(err, room.ErrRoomExists):
		return http.StatusConflict, errExists
	case errors.Is(err, room.ErrTooManyRooms):
		return http.StatusConflict, errRooms
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, errLate
	}
	s.log.ErrorContext(r.Context(), "a request to run rooms failed", "method", r.Method, "error", err)
	return http.StatusInternalServerError, protocol.NewError(protocol.ErrInternal)
}

// statusOf is the HTTP status of an error word.
func statusOf(t protocol.ErrorType) int {
	switch t {
	case protocol.ErrInvalid:
		return http.StatusBadRequest
	case protocol.ErrForbidden:
		return http.StatusForbidden
	case protocol.ErrNotInRoom, protocol.ErrGone:
		return http.StatusNotFound
	case protocol.ErrTooLarge:
		return http.StatusRequestEntityTooLarge
	case protocol.ErrRate:
		return http.StatusTooManyRequests
	case protocol.ErrClosing:
		return http.StatusServiceUnavailable
	case protocol.ErrInternal, protocol.ErrMedia:
		return http.StatusInternalServerError
	default: // the room is not in a state for it
		return http.StatusConflict
	}
}

func off(w http.ResponseWriter, r *http.Request) { answerError(w, r, http.StatusNotFound, errOff) }

func notFound(w http.ResponseWriter, r *http.Request) {
	answerError(w, r, http.StatusNotFound, errNoPath)
}

// methodNotAllowed says which methods are (RFC 9110 section 15.5.6).
func methodNotAllowed(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := chi.RouteContext(r.Context()).RoutePath
		var allowed []string
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			if routes.Match(chi.NewRouteContext(), m, path) {
				allowed = append(allowed, m)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		answerError(w, r, http.StatusMethodNotAllowed, errMethod)
	}
}

// roomOf reads the room's name from the path, normalised as join does it. It
// is empty if the request was refused.
func (s *service) roomOf(w http.ResponseWriter, r *http.Request) string {
	raw, err := parameter(r, "room")
	name := ""
	if err == nil {
		name, err = protocol.RoomName(raw)
	}
	if err != nil || !utf8.ValidString(raw) {
		name = ""
		s.fail(w, r, protocol.InvalidName("room", err))
	}
	return name
}

func memberOf(r *http.Request) protocol.MemberID {
	id, err := parameter(r, "member")
	if err != nil {
		return "" // nobody's
	}
	return protocol.MemberID(id)
}

// parameter undoes the percent-encoding of a part of the path. The router goes
// by RawPath where there is one, which net/url has only if Path does not say
// it all.
func parameter(r *http.Request, key string) (string, error) {
	v := chi.URLParam(r, key)
	if r.URL.RawPath == "" {
		return v, nil
	}
	return url.PathUnescape(v)
}

// roomAnswer is a room as it is sent.
type roomAnswer struct {
	Name     string        `json:"name"`
	Mode     protocol.Mode `json:"mode"`
	Policy   policyAnswer  `json:"policy"`
	Created  time.Time     `json:"created"`
	Locked   bool          `json:"locked"`
	Count    int           `json:"count"`
	Audience int           `json:"audience"`
}

// fullAnswer is a room with all its members.
type fullAnswer struct {
	roomAnswer
	Members []memberAnswer `json:"members"`
}

type policyAnswer struct {
	Mode       string `json:"mode"`
	Stage      int    `json:"stage"`
	MaxMembers int    `json:"maxMembers"`
	HostToken  bool   `json:"hostToken"`
	StageToken bool   `json:"stageToken"`
}

// memberAnswer is a member as it is sent. Audio and Video are null while it has
// not said.
type memberAnswer struct {
	ID      protocol.MemberID `json:"memberId"`
	Name    string            `json:"username"`
	Role    protocol.Role     `json:"role"`
	Joined  time.Time         `json:"joined"`
	Away    bool              `json:"away"`
	Capable bool              `json:"capable"`
	Audio   *bool             `json:"audio"`
	Video   *bool             `json:"video"`
	Screen  bool              `json:"screen"`
	Hand    bool              `json:"hand"`
}

func answerOf(i room.RoomInfo) roomAnswer {
	return roomAnswer{
		Name: i.Name, Mode: i.Mode, Policy: policyAnswer(i.Policy), Created: i.Created.UTC(),
		Locked: i.Locked, Count: i.Count, Audience: i.Audience,
	}
}

func membersOf(i room.RoomInfo) []memberAnswer {
	list := make([]memberAnswer, 0, len(i.Members)) // [] in JSON, not null
	for _, m := range i.Members {
		list = append(list, memberAnswer(m).inUTC())
	}
	return list
}

func (m memberAnswer) inUTC() memberAnswer {
	m.Joined = m.Joined.UTC()
	return m
}
