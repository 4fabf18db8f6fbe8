// Package admin is the HTTP interface by which a program runs rooms: it lists
// them and their members, makes a room with rules of its own, changes its mode,
// gives roles, removes members, closes a room, and makes the tokens with which
// people join as host. openapi.json describes it.
//
// It knows rooms by the hub's methods only, and nothing of sockets or media.
// Whoever has the token may do everything; without a token there is no such
// interface.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed" // openapi.json
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"lectern/signaling/door"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// Hub is what the interface does with rooms; *room.Hub is one. It is called
// concurrently. Names are normalised (protocol.Name).
type Hub interface {
	Rooms(ctx context.Context) ([]room.RoomInfo, error)
	Room(ctx context.Context, name string) (room.RoomInfo, error)
	Create(name string, p room.Policy) error
	SetMode(ctx context.Context, name string, m protocol.Mode) error
	SetRole(ctx context.Context, name string, id protocol.MemberID, r protocol.Role) error
	Remove(ctx context.Context, name string, id protocol.MemberID) error
	CloseRoom(ctx context.Context, name string) error
	Token(name string, r protocol.Role, until time.Time) (string, error)
}

var _ Hub = (*room.Hub)(nil)

// Options say whose rooms these are and who may run them.
type Options struct {
	Hub   Hub
	Token string // what a caller must know; empty: everything is 404
	// Media: the server can carry media, so that rooms of mode auto and sfu
	// are possible.
	Media  bool
	Logger *slog.Logger // nil: nothing is logged
}

// service is what the handlers share. It is set at construction.
type service struct {
	hub   Hub
	media bool
	log   *slog.Logger
	token [sha256.Size]byte // of the token: all of one length compare in one time
	// guesses are the wrong tokens of an address. One that has guessed too often
	// is refused whatever it sends, or it would learn which guess was right.
	guesses *door.Limit
}

// askTimeout is how long a room may take to answer; it is at most busy, never
// waiting.
const askTimeout = 2 * time.Second

// The wrong tokens that may come from one address: at once, and a second.
const (
	guessBurst = 20
	guessRate  = 0.2
)

// New makes the handler of everything under /api/rooms, to be mounted there. It
// may be used concurrently.
func New(o Options) http.Handler {
	if o.Token == "" {
		return http.HandlerFunc(off)
	}
	return newRouter(o)
}

func newRouter(o Options) chi.Router {
	s := &service{hub: o.Hub, media: o.Media, log: o.Logger, token: sha256.Sum256([]byte(o.Token)),
		guesses: door.NewLimit(guessRate, guessBurst)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	r := chi.NewRouter()
	r.Use(s.authorize, headIsGet)
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed(r))
	plain := r.With(limitTime)
	plain.Get("/", s.list)
	plain.Get("/{room}", s.show)
	plain.Delete("/{room}", s.closeRoom)
	plain.Get("/{room}/members", s.members)
	plain.Delete("/{room}/members/{member}", s.remove)
	withBody := r.With(takeBody, limitTime) // in this order: a slow client is not a slow room
	withBody.Post("/", s.create)
	withBody.Patch("/{room}", s.setMode)
	withBody.Patch("/{room}/members/{member}", s.setRole)
	withBody.Post("/{room}/tokens", s.makeToken)
	return r
}

// authorize lets a request pass that has the token as a bearer token (RFC 6750). The
// token itself is never logged, nor is what was sent instead.
func (s *service) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		challenge := `Bearer realm="lectern"`
		given := r.Header.Get("Authorization")
		scheme, token, _ := strings.Cut(given, " ")
		if !s.guesses.Left(r.RemoteAddr) {
			w.Header().Set("Retry-After", "5") // seconds
			answerError(w, r, http.StatusTooManyRequests, protocol.NewError(protocol.ErrRate))
			return
		}
		if strings.EqualFold(scheme, "Bearer") {
			sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
			if subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1 {
				next.ServeHTTP(w, r)
				return
			}
			s.guesses.Take(r.RemoteAddr)
			challenge += `, error="invalid_token"` // section 3.1
		}
		s.log.WarnContext(r.Context(), "a request to run rooms was refused", "id", w.Header().Get("X-Request-Id"),
			"from", r.RemoteAddr, "method", r.Method, "authorization", given != "")
		w.Header().Set("WWW-Authenticate", challenge)
		answerError(w, r, http.StatusUnauthorized, errToken)
	})
}

// headIsGet has the router take a HEAD for the GET whose answer net/http then
// sends without its body.
func headIsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			chi.RouteContext(r.Context()).RouteMethod = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// limitTime bounds how long a request may wait for a room.
func limitTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

//go:embed openapi.json
var document []byte

// ServeDocument answers with the OpenAPI description. It is the same whether
// the interface is on or off, and no secret.
func ServeDocument(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(document)
}
