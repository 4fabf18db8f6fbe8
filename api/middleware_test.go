package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"lectern/api/admin"
)

func TestRequestID(t *testing.T) {
	srv := start(t, Options{})
	for given, kept := range map[string]bool{
		"abc-1.2_Z": true, "": false, "a b": false, "a\tb": false, strings.Repeat("x", 65): false, "é": false,
	} {
		res, _ := do(t, "GET", srv.URL+"/healthz", "X-Request-Id", given)
		got := res.Header.Get("X-Request-Id")
		if (got == given) != kept || got == "" {
			t.Errorf("given %q, answered %q", given, got)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	srv := start(t, Options{Static: page})
	for _, path := range []string{"/", "/js/main.js", "/healthz", "/nothing"} {
		res, _ := do(t, "GET", srv.URL+path)
		for _, name := range []string{"Content-Security-Policy", "Permissions-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
			wanted := path != "/js/main.js" || !strings.HasSuffix(name, "-Policy") || name == "Referrer-Policy"
			if wanted != (res.Header.Get(name) != "") {
				t.Errorf("%s: %s is %q", path, name, res.Header.Get(name))
			}
		}
		if csp := res.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") {
			t.Errorf("the policy has a hole: %s", csp)
		}
	}
}

// timed is an answer that notes the deadlines set for it and for the body of
// its request.
type timed struct {
	*httptest.ResponseRecorder
	deadline time.Time
	body     time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error {
	w.body = t
	return nil
}

func (w *timed) SetWriteDeadline(t time.Time) error {
	w.deadline = t
	return nil
}

func TestAnswersHaveADeadline(t *testing.T) {
	socket := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	h, err := New(Options{Static: page, SocketIO: socket, WS: socket})
	if err != nil {
		t.Fatal(err)
	}
	for path, limited := range map[string]bool{"/": true, "/js/main.js": true, "/checkUsername": true, "/ws": true, "/socket.io/": true, "/nothing": true} {
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		if limited == w.deadline.IsZero() {
			t.Errorf("%s has the deadline %v, want one: %v", path, w.deadline, limited)
		}
	}
}

// TestBodiesHaveADeadlineThatStays holds that no handler lifts the deadline of
// a body: net/http reads on what is left of it.
func TestBodiesHaveADeadlineThatStays(t *testing.T) {
	socket := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	const token = "0123456789abcdef"
	h, err := New(Options{Static: page, SocketIO: socket, WS: socket, Admin: admin.Options{Hub: nil, Token: token}})
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "POST", "PUT"} {
		for _, path := range []string{"/", "/healthz", "/nothing", "/api/rooms", "/socket.io/", "/ws", "/checkUsername"} {
			w := &timed{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("[]"))
			if method == "POST" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			h.ServeHTTP(w, r)
			if w.body.IsZero() {
				t.Errorf("%s %s leaves its body without a deadline", method, path)
			}
		}
	}
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/socket.io/", nil))
	if !w.body.IsZero() {
		t.Error("a request without a body has a deadline for it, which would end a long poll")
	}
}

func TestPanicsStayInTheirRequest(t *testing.T) {
	var logged bytes.Buffer
	srv := start(t, Options{
		Logger: slog.New(slog.NewJSONHandler(&logged, nil)),
		WS:     http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }),
		SocketIO: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("late")
		}),
	})
	if res, body := do(t, "GET", srv.URL+"/ws?token=secret"); res.StatusCode != 500 || strings.Contains(body, "boom") {
		t.Errorf("got %d %q", res.StatusCode, body)
	}
	res, err := http.Get(srv.URL + "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("half an answer passed for a whole one")
	}
	if res, _ := do(t, "GET", srv.URL+"/healthz"); res.StatusCode != 200 {
		t.Error("the server does not answer after a panic")
	}
	srv.Close() // so that nothing is logged while it is read
	var line struct{ Panic, Stack, ID string }
	if err := json.NewDecoder(&logged).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Panic != "boom" || !strings.Contains(line.Stack, "middleware_test.go") || line.ID == "" {
		t.Errorf("logged %+v", line)
	}
	if strings.Contains(logged.String(), "secret") {
		t.Error("a query string was logged")
	}
}

func TestUpgradePassesTheMiddleware(t *testing.T) {
	up := websocket.Upgrader{}
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		kind, b, err := ws.ReadMessage()
		if err == nil {
			err = ws.WriteMessage(kind, b)
		}
		if err != nil {
			t.Error(err)
		}
	})
	srv := start(t, Options{WS: echo, SocketIO: echo})
	for _, path := range []string{"/ws", "/socket.io/?EIO=4&transport=websocket"} {
		ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		defer res.Body.Close()
		if err := ws.WriteMessage(websocket.TextMessage, []byte("hi")); err != nil {
			t.Fatal(err)
		}
		if _, b, err := ws.ReadMessage(); err != nil || string(b) != "hi" {
			t.Errorf("%s: got %q, %v", path, b, err)
		}
	}
}

func TestAccessLogIsForDebuggingOnly(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: true} {
		var logged bytes.Buffer
		srv := start(t, Options{Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: level}))})
		do(t, "GET", srv.URL+"/checkUsername?username=ann&roomname=secret")
		srv.Close()
		if got := strings.Contains(logged.String(), "path=/checkUsername"); got != want {
			t.Errorf("at %v: logged %q", level, logged.String())
		}
		if strings.Contains(logged.String(), "ann") {
			t.Errorf("at %v a query string was logged: %s", level, logged.String())
		}
	}
}
