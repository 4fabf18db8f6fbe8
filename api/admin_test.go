package api

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"lectern/api/admin"
	"lectern/signaling/conn"
	"lectern/signaling/room"
)

func TestAdminIsMounted(t *testing.T) {
	var logged strings.Builder
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	hub := room.NewHub(room.Settings{}, log)
	defer hub.Close()
	srv := start(t, Options{Admin: admin.Options{Hub: hub, Token: "0123456789abcdef", Logger: log}, Logger: log})
	const may = "Bearer 0123456789abcdef"
	if err := hub.Create("50% a/b", room.Policy{}); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		method, path, authorization string
		status                      int
	}{
		{"GET", "/api/rooms", may, 200},
		{"GET", "/api/rooms/", may, 200},
		{"HEAD", "/api/rooms", may, 200},
		{"GET", "/api/rooms/50%25%20a%2fb", may, 200},
		{"GET", "/api/rooms/50%25", may, 404},
		{"GET", "/api/rooms", "", 401},
		{"GET", "/api/rooms", may + "0", 401},
		{"DELETE", "/api/rooms/50%25%20a%2Fb", may, 204},
		{"OPTIONS", "/api/rooms", "", 401},
	}
	for _, c := range cases {
		if res, body := do(t, c.method, srv.URL+c.path, "Authorization", c.authorization); res.StatusCode != c.status {
			t.Errorf("%s %s: got %d %s, want %d", c.method, c.path, res.StatusCode, body, c.status)
		}
	}
	srv.Close() // so that nothing is logged while it is read
	if strings.Contains(logged.String(), "0123456789") {
		t.Errorf("the token is in the log: %s", logged.String())
	}
}

func TestAdminIsOffByDefaultAndNotForPages(t *testing.T) {
	origins, err := conn.ParseOrigins([]string{"*"})
	if err != nil {
		t.Fatal(err)
	}
	srv := start(t, Options{Static: page, Origins: origins})
	for _, path := range []string{"/api/rooms", "/api/rooms/r", "/api/rooms/r/members/S"} {
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE", "OPTIONS"} {
			res, _ := do(t, method, srv.URL+path, "Authorization", "Bearer ", "Origin", "https://a.example")
			if res.StatusCode != 404 || res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: got %d %v", method, path, res.StatusCode, res.Header)
			}
		}
	}
	res, body := do(t, "GET", srv.URL+"/api/openapi.json")
	var doc struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(body), &doc); err != nil || res.StatusCode != 200 || doc.Paths["/api/rooms"] == nil {
		t.Errorf("the document: got %d, %v", res.StatusCode, err)
	}
}
