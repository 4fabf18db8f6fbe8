package api

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"time"

	"lectern/signaling/fault"
)

// requestIDHeader carries the id of a request, in and out.
const requestIDHeader = "X-Request-Id"

// maxRequestID is how long an id of a proxy in front may be, in bytes.
const maxRequestID = 64

type requestIDKey struct{}

// requestID gives each request an id: the one a proxy gave it, if that is fit
// to stand in a log, or a new one.
func requestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !saneID(id) {
			var b [8]byte
			_, _ = rand.Read(b[:]) // never fails (crypto/rand)
			id = hex.EncodeToString(b[:])
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

func saneID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

func idOf(r *http.Request) string {
	id, _ := r.Context().Value(requestIDKey{}).(string)
	return id
}

// recorder remembers how a request was answered. It stays out of the way of
// WebSocket upgrades: it can be hijacked and flushed, and unwraps for
// http.ResponseController.
type recorder struct {
	http.ResponseWriter
	status   int // 0 until the header is written
	hijacked bool
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Hijack hands the connection over (http.Hijacker).
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked = true
		w.status = http.StatusSwitchingProtocols
	}
	return c, rw, err
}

// Flush sends what is buffered (http.Flusher).
func (w *recorder) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// accessLog writes one line a request, at debug only: paths have room names in
// them. Query strings, which have user names, are never written.
func accessLog(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := &recorder{ResponseWriter: w}
			start := time.Now()
			next.ServeHTTP(rec, r)
			if log.Enabled(r.Context(), slog.LevelDebug) {
				log.DebugContext(r.Context(), "request", "id", idOf(r), "method", r.Method,
					"path", r.URL.Path, "status", rec.status, "took", time.Since(start))
			}
		})
	}
}

// recoverPanics turns a panic of a handler into a logged 500, so that one
// request's fault stays that request's.
func recoverPanics(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if v == http.ErrAbortHandler {
					panic(v)
				}
				fault.Report(log.With("id", idOf(r), "method", r.Method), "a request", v)
				rec, ok := w.(*recorder)
				switch {
				case !ok || rec.status == 0:
					http.Error(w, "internal server error", http.StatusInternalServerError)
				case !rec.hijacked:
					panic(http.ErrAbortHandler) // half an answer must not pass for a whole one
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// Without a limit, a client that never sends the body it announced, or never
// reads the answer, would hold a connection and a goroutine until it pleases.
const (
	// bodyTime is how long the body of a request may take to arrive.
	bodyTime = 30 * time.Second
	// answerTime is how long a client may take to read an answer. A handler
	// that waits before it answers sets a deadline of its own.
	answerTime = 2 * time.Minute
)

// limitTimes sets both limits. A handler may set shorter ones, and never lifts
// that of a body: net/http reads on what the handler has left of a body, under
// the same deadline, and sets a new one for the next request.
func limitTimes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, now := http.NewResponseController(w), time.Now()
		if r.Body != nil && r.Body != http.NoBody {
			// Without a body net/http itself reads, to notice that the client
			// goes away, and would take a deadline for that.
			_ = c.SetReadDeadline(now.Add(bodyTime))
		}
		_ = c.SetWriteDeadline(now.Add(answerTime)) // net/http lifts it after the answer
		next.ServeHTTP(w, r)
	})
}

// strictTransport has browsers use HTTPS for thirty days (RFC 6797), for this
// host only: others under its name may not have it.
const strictTransport = "max-age=2592000"

// everyAnswer sets the headers of every answer; securityHeaders has the rest,
// for pages.
func (s *service) everyAnswer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if s.Strict && r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", strictTransport)
		}
		next.ServeHTTP(w, r)
	})
}

// contentSecurityPolicy allows what a call needs and nothing from elsewhere:
// pictures and media that the page itself made, and WebSockets, which older
// Safari does not count as 'self'.
const contentSecurityPolicy = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
	"connect-src 'self' ws: wss:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"

// permissionsPolicy keeps camera and the like to the page itself.
const permissionsPolicy = "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), " +
	"autoplay=(self), screen-wake-lock=(self), picture-in-picture=(self), geolocation=(), payment=(), usb=()"

func securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("Permissions-Policy", permissionsPolicy)
		// The path names the room: no other site is to know it.
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// cors applies the origin rule: the same for HTTP as for the sockets.
func (s *service) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin, ok := s.Origins.Allow(r)
		if !ok {
			writeJSON(w, http.StatusForbidden, refusal{Message: "this origin is not allowed"})
			return
		}
		if origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
		}
		next.ServeHTTP(w, r)
	})
}

// preflight answers the question a browser asks before a request with headers
// of its own (Fetch standard, CORS-preflight request). They are harmless here.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Add("Vary", "Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", "600") // seconds
	w.WriteHeader(http.StatusNoContent)
}
