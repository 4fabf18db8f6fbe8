// Package api is what Lectern serves over plain HTTP: the page, the question
// whether a user name is taken, what a page needs to know before it joins, the
// administrator's interface (api/admin), and health. It puts the socket
// endpoints beside them but knows nothing of what they speak, nothing of media,
// and, outside api/admin, nothing of a room but the names in it.
package api

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"lectern/api/admin"
	"lectern/signaling/conn"
	"lectern/signaling/door"
	"lectern/signaling/protocol"
)

// Rooms is what the API asks about rooms. It is called concurrently.
type Rooms interface {
	// HasName reports whether a member of the room has the user name. Both are
	// normalised (protocol.Name).
	HasName(ctx context.Context, room, name string) (bool, error)
	// IsMember reports whether a member has the name, and proof is its secret.
	IsMember(ctx context.Context, room, name, proof string) (bool, error)
}

// Options say what is served. The zero value serves health and version only.
type Options struct {
	Rooms      Rooms                // nil: every name is free
	SocketIO   http.Handler         // at /socket.io/; nil: 404
	WS         http.Handler         // at /ws; nil: 404
	Static     fs.FS                // the page, with index.html; nil: 404
	ICEServers []protocol.ICEServer // what clients are to use beside host candidates
	Origins    conn.Origins         // whose pages may call /checkUsername and what of /api needs no token
	Admin      admin.Options        // whose program may run rooms at /api/rooms
	// Strict: the server is reached by HTTPS for good, and browsers are told so.
	Strict  bool
	Version string
	Ready   func() error // why the server is not ready, nil when it is; nil: always ready
	Logger  *slog.Logger // nil: nothing is logged
}

// service is what the handlers share. It is set at construction.
type service struct {
	Options
	log   *slog.Logger
	names *door.Limit // how often an address may ask for the names in a room
}

// The questions after names that may come from one address at once, and a
// second: a school of a thousand joins from one.
const (
	nameBurst = 3000
	nameRate  = 50
)

// New makes the handler of the whole server; it may be used concurrently. It
// reads Static once, here, and fails if that cannot be read.
func New(o Options) (http.Handler, error) {
	s := &service{Options: o, log: o.Logger, names: door.NewLimit(nameRate, nameBurst)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.ICEServers == nil {
		s.ICEServers = []protocol.ICEServer{} // [] in JSON, not null
	}

	pages, err := loadAssets(s.Static)
	if err != nil {
		return nil, err
	}

	r := chi.NewRouter()
	r.Use(requestID, accessLog(s.log), limitTimes, recoverPanics(s.log), s.everyAnswer, middleware.GetHead)
	if s.SocketIO != nil {
		r.Handle("/socket.io", s.SocketIO)
		r.Handle("/socket.io/*", s.SocketIO)
	}
	if s.WS != nil {
		r.Handle("/ws", s.WS)
	}
	r.Group(func(r chi.Router) {
		r.Use(securityHeaders)
		r.Get("/healthz", s.healthz)
		r.Get("/readyz", s.readyz)
		r.Get("/version", s.version)
		r.Group(s.crossOrigin)
		r.Get("/api/openapi.json", admin.ServeDocument)
		r.Mount("/api/rooms", admin.New(s.Admin))
		s.page(r, pages)
	})
	return r, nil
}

// crossOrigin routes what pages of other origins may call, by the origin rule.
func (s *service) crossOrigin(r chi.Router) {
	r.Use(s.cors)
	for _, path := range []string{"/checkUsername", "/api/checkUsername"} {
		r.Get(path, s.checkUsername)
		r.Options(path, preflight)
	}
	r.Get("/api/ice-servers", s.iceServers)
	r.Options("/api/ice-servers", preflight)
	r.Get("/api/qr", s.qr)
}

// page routes the static files and the addresses of the page itself.
func (s *service) page(r chi.Router, assets map[string]*asset) {
	r.Get("/*", func(w http.ResponseWriter, r *http.Request) {
		if a, ok := assets[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			a.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
	if index, ok := assets["index.html"]; ok {
		r.Get("/", index.ServeHTTP)
		r.Get("/r/{room}", index.ServeHTTP)
		r.Get("/r/{room}/", oneAddress)
		r.Get("/r", toFront)
		r.Get("/r/", toFront)
	}
}

// oneAddress leads to the address of the room without the slash at its end. The
// address stays as it was encoded, with its query.
func oneAddress(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Path: strings.TrimSuffix(r.URL.Path, "/"), RawPath: strings.TrimSuffix(r.URL.EscapedPath(), "/"), RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
}

// toFront leads from an address without a room to the front page. It is not for
// good, as there may be a page some day.
func toFront(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) }
