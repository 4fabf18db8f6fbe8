package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

const token = "a-token-of-the-tests"

// hub is one room, "r", with two members, and notes what is asked of it.
type hub struct {
	info room.RoomInfo
	err  error // what every call gives, if not nil
	did  []string
}

func newHub() *hub {
	on, at := true, time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("east", 3600))
	return &hub{info: room.RoomInfo{
		Name: "r", Mode: protocol.ModeSFU, Created: at, Locked: true, Audience: 1, Count: 2,
		Policy: room.Policy{Mode: "auto", Stage: 16, MaxMembers: 1000},
		Members: []room.MemberInfo{
			{ID: "S_ann", Name: "ann", Role: protocol.RoleHost, Joined: at, Capable: true, Audio: &on, Video: &on, Screen: true},
			{ID: "S_bob", Name: "bob", Role: protocol.RoleAudience, Joined: at, Away: true, Hand: true},
		},
	}}
}

func (h *hub) note(format string, args ...any) error {
	if h.err == nil {
		h.did = append(h.did, fmt.Sprintf(format, args...))
	}
	return h.err
}

func (h *hub) Rooms(context.Context) ([]room.RoomInfo, error) {
	brief := h.info
	brief.Members = nil
	return []room.RoomInfo{brief}, h.err
}

func (h *hub) Room(_ context.Context, name string) (room.RoomInfo, error) {
	info := h.info
	info.Name = name
	return info, h.err
}

func (h *hub) Create(name string, p room.Policy) error { return h.note("create %q %+v", name, p) }

func (h *hub) SetMode(_ context.Context, name string, m protocol.Mode) error {
	return h.note("mode %q %s", name, m)
}

func (h *hub) SetRole(_ context.Context, name string, id protocol.MemberID, r protocol.Role) error {
	return h.note("role %q %q %s", name, id, r)
}

func (h *hub) Remove(_ context.Context, name string, id protocol.MemberID) error {
	return h.note("remove %q %q", name, id)
}

func (h *hub) CloseRoom(_ context.Context, name string) error { return h.note("close %q", name) }

func (h *hub) Token(name string, r protocol.Role, until time.Time) (string, error) {
	left := time.Until(until).Round(time.Minute)
	return "a+b/" + string(r), h.note("token %q %s %v", name, r, left)
}

// ask sends a request, with the token unless the header says otherwise.
func ask(t *testing.T, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	mounted(h).ServeHTTP(w, r)
	return w
}

func TestRequestsReachTheHub(t *testing.T) {
	long := strings.Repeat("é", 64)
	cases := []struct{ method, path, body, did string }{
		{"POST", "/api/rooms", `{"name":"lecture"}`, `create "lecture" {Mode: Stage:0 MaxMembers:0 HostToken:false StageToken:false}`},
		{"POST", "/api/rooms/", ` {"name":" lecture ","mode":"auto","stage":1,"maxMembers":100000,"hostToken":true,"stageToken":true} `, `create "lecture" {Mode:auto Stage:1 MaxMembers:100000 HostToken:true StageToken:true}`},
		{"POST", "/api/rooms", `{"name":"e\u0301"}`, `create "é" {Mode: Stage:0 MaxMembers:0 HostToken:false StageToken:false}`},
		{"PATCH", "/api/rooms/r", `{"mode":"p2p"}`, `mode "r" p2p`},
		{"PATCH", "/api/rooms/a%2Fb%20c%3F", `{"mode":"sfu"}`, `mode "a/b c?" sfu`},
		{"DELETE", "/api/rooms/50%25", "", `close "50%"`},
		{"DELETE", "/api/rooms/50%2525%2F", "", `close "50%25/"`},
		{"DELETE", "/api/rooms/%E6%88%BF%E9%97%B4", "", `close "房间"`},
		{"DELETE", "/api/rooms/%20e%CC%81%20", "", `close "é"`},
		{"DELETE", "/api/rooms/" + strings.ReplaceAll(long, "é", "%C3%A9"), "", fmt.Sprintf("close %q", long)},
		{"PATCH", "/api/rooms/r/members/S_bob", `{"role":"presenter"}`, `role "r" "S_bob" presenter`},
		{"DELETE", "/api/rooms/r/members/S%2Fbob", "", `remove "r" "S/bob"`},
		{"DELETE", "/api/rooms/r/members/S+%3F", "", `remove "r" "S+?"`},
		{"POST", "/api/rooms/r/tokens", `{"role":"host"}`, `token "r" host 24h0m0s`},
		{"POST", "/api/rooms/r/tokens", `{"role":"audience","ttlSeconds":3600}`, `token "r" audience 1h0m0s`},
		{"POST", "/api/rooms/members/tokens", `{"role":"audience"}`, `token "members" audience 24h0m0s`},
	}
	for _, c := range cases {
		t.Run(c.did, func(t *testing.T) {
			h := newHub()
			h.info.Members = append(h.info.Members, room.MemberInfo{ID: "S/bob"})
			w := ask(t, New(Options{Hub: h, Token: token, Media: true}), c.method, c.path, c.body)
			if w.Code >= 300 || len(h.did) != 1 || h.did[0] != c.did {
				t.Errorf("got %d %s and the hub did %q, want %q", w.Code, w.Body, h.did, c.did)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	const (
		rules  = `"policy":{"mode":"auto","stage":16,"maxMembers":1000,"hostToken":false,"stageToken":false}`
		fields = `"mode":"sfu",` + rules + `,"created":"2026-01-02T02:04:05.000000678Z","locked":true,"count":2,"audience":1`
		ann    = `{"memberId":"S_ann","username":"ann","role":"host","joined":"2026-01-02T02:04:05.000000678Z","away":false,"capable":true,"audio":true,"video":true,"screen":true,"hand":false}`
		bob    = `{"memberId":"S_bob","username":"bob","role":"audience","joined":"2026-01-02T02:04:05.000000678Z","away":true,"capable":false,"audio":null,"video":null,"screen":false,"hand":true}`
	)
	cases := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/rooms", "", 200, `{"rooms":[{"name":"r",` + fields + `}]}`},
		{"GET", "/api/rooms/r", "", 200, `{"name":"r",` + fields + `,"members":[` + ann + `,` + bob + `]}`},
		{"GET", "/api/rooms/r/members", "", 200, `{"members":[` + ann + `,` + bob + `]}`},
		{"POST", "/api/rooms", `{"name":"a b"}`, 201, `{"name":"a b",` + fields + `}`},
		{"PATCH", "/api/rooms/r", `{"mode":"sfu"}`, 202, `{"name":"r",` + fields + `}`},
		{"PATCH", "/api/rooms/r/members/S_bob", `{"role":"audience"}`, 200, bob},
		{"DELETE", "/api/rooms/r/members/S_bob", "", 204, ""},
		{"DELETE", "/api/rooms/r", "", 204, ""},
	}
	for _, c := range cases {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			w := ask(t, New(Options{Hub: newHub(), Token: token}), c.method, c.path, c.body)
			if got := strings.TrimSpace(w.Body.String()); w.Code != c.status || got != c.want {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, got, c.status, c.want)
			}
			if c.status == 201 && w.Header().Get("Location") != "/api/rooms/a%20b" {
				t.Errorf("Location is %q", w.Header().Get("Location"))
			}
		})
	}
	empty := &hub{}
	for path, want := range map[string]string{"/api/rooms/r/members": `{"members":[]}`, "/api/rooms/r": `"members":[]`} {
		w := ask(t, New(Options{Hub: empty, Token: token}), "GET", path, "")
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s of an empty room: got %s", path, w.Body)
		}
	}
	w := ask(t, New(Options{Hub: newHub(), Token: token}), "POST", "/api/rooms/a%2Fb%20c/tokens", `{"role":"host"}`)
	if want := `"token":"a+b/host","url":"/r/a%2Fb%20c?token=a%2Bb%2Fhost"`; w.Code != 201 || !strings.Contains(w.Body.String(), want) {
		t.Errorf("token: got %d %s", w.Code, w.Body)
	}
}

func TestWhoMay(t *testing.T) {
	const plain, wrong = `Bearer realm="lectern"`, `Bearer realm="lectern", error="invalid_token"`
	cases := []struct {
		name, authorization string
		challenge           string // empty: it may
	}{
		{"the token", "Bearer " + token, ""},
		{"the scheme in any case", "bEARER " + token, ""},
		{"spaces around", "Bearer   " + token + " ", ""},
		{"nothing", "", plain},
		{"no scheme", token, plain},
		{"other scheme", "Basic " + token, plain},
		{"only the scheme", "Bearer", wrong},
		{"empty", "Bearer ", wrong},
		{"too short", "Bearer " + token[:len(token)-1], wrong},
		{"too long", "Bearer " + token + "x", wrong},
		{"other case", "Bearer " + strings.ToUpper(token), wrong},
		{"huge", "Bearer " + strings.Repeat("x", 50_000), wrong},
	}
	for _, c := range cases {
		for _, o := range operations() {
			var logged bytes.Buffer
			h := newHub()
			admin := New(Options{Hub: h, Token: token, Media: true, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
			w := ask(t, admin, o.method, o.example, o.body, "Authorization", c.authorization)
			if got := w.Header().Get("WWW-Authenticate"); (w.Code == 401) != (c.challenge != "") || got != c.challenge {
				t.Errorf("%s, %s %s: got %d and %q", c.name, o.method, o.example, w.Code, got)
			}
			if c.challenge == "" {
				continue
			}
			if lines := strings.Count(logged.String(), "\n"); lines != 1 || len(h.did) > 0 {
				t.Errorf("%s, %s %s: %d lines logged, and done: %q", c.name, o.method, o.example, lines, h.did)
			}
			if strings.Contains(logged.String(), token[:10]) {
				t.Errorf("%s: logged %s", c.name, logged.String())
			}
		}
	}
}

func TestOffWithoutAToken(t *testing.T) {
	off := New(Options{Hub: newHub()})
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer " + token} {
		for _, o := range operations() {
			if w := ask(t, off, o.method, o.example, o.body, "Authorization", authorization); w.Code != 404 {
				t.Errorf("%s %s with %q: got %d", o.method, o.example, authorization, w.Code)
			}
		}
	}
}

func TestUnknownAddresses(t *testing.T) {
	h := New(Options{Hub: newHub(), Token: token})
	cases := []struct {
		method, path  string
		status        int
		allow, refuse string
	}{
		{"GET", "/api/rooms/r/nothing", 404, "", "There is nothing at this address"},
		{"GET", "/api/rooms/r/members/", 404, "", "There is nothing at this address"},
		{"GET", "/api/rooms/a/b/c/d", 404, "", "There is nothing at this address"},
		{"PUT", "/api/rooms", 405, "GET, POST", "The method is not possible at this address"},
		{"POST", "/api/rooms/r", 405, "GET, PATCH, DELETE", "The method is not possible at this address"},
		{"GET", "/api/rooms/a%2Fb/members/S", 405, "PATCH, DELETE", "The method is not possible at this address"},
		{"GET", "/api/rooms/r/tokens", 405, "POST", "The method is not possible at this address"},
	}
	for _, c := range cases {
		w := ask(t, h, c.method, c.path, "")
		if w.Code != c.status || w.Header().Get("Allow") != c.allow || !strings.Contains(w.Body.String(), c.refuse) {
			t.Errorf("%s %s: got %d, Allow %q, %s", c.method, c.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

// broken is a body whose sender goes away.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestABodyThatBreaksOff(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/rooms", broken{})
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h := newHub()
	mounted(New(Options{Hub: h, Token: token})).ServeHTTP(w, r)
	if w.Code != 400 || len(h.did) > 0 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestChangesAreLogged(t *testing.T) {
	var logged bytes.Buffer
	admin := New(Options{Hub: newHub(), Token: token, Media: true, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	for _, o := range operations() {
		logged.Reset()
		ask(t, admin, o.method, o.example, o.body)
		want := 1
		if o.method == "GET" {
			want = 0
		}
		if got := strings.Count(logged.String(), "\n"); got != want || strings.Contains(logged.String(), "a+b/") {
			t.Errorf("%s %s logged %d lines, want %d: %s", o.method, o.example, got, want, logged.String())
		}
	}
}

func TestAnUnknownFaultIsLoggedAndNotTold(t *testing.T) {
	var logged bytes.Buffer
	h := &hub{err: errors.New("secret detail")}
	admin := New(Options{Hub: h, Token: token, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	w := ask(t, admin, "GET", "/api/rooms/r", "")
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(logged.String(), "secret detail") {
		t.Errorf("got %d %s, logged %s", w.Code, w.Body, logged.String())
	}
}
