package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lectern/signaling/protocol"
)

// badBody is a body that is refused, and what the refusal names.
type badBody struct{ name, body, field, says string }

// badForAll are no bodies at all.
var badForAll = []badBody{
	{"nothing", "", "body", "body must be a JSON object"},
	{"spaces", " \n", "body", "body must be a JSON object"},
	{"no JSON", "mode=sfu", "body", "body must be a JSON object"},
	{"null", "null", "body", "body must be a JSON object"},
	{"a list", `[{"mode":"sfu"}]`, "body", "body must be a JSON object"},
	{"cut off", `{"mode":"sfu"`, "body", "body must be a JSON object"},
	{"two", `{"mode":"sfu"}{}`, "body", "body must be a JSON object"},
	{"not UTF-8", "{\"mode\":\"\xff\"}", "body", "body must be a JSON object"},
}

const (
	modes3   = `mode must be "auto" or "p2p" or "sfu"`
	stages   = "stage must be a whole number from 1 to 64"
	members  = "maxMembers must be a whole number from 1 to 100000"
	rooms64  = "name must have 1 to 64 visible characters and no control characters"
	booleans = "hostToken must be true or false"
	seconds  = "ttlSeconds must be a whole number from 1 to 31622400"
	roles3   = `role must be "host" or "presenter" or "audience"`
)

var badRooms = []badBody{
	{"no name", `{}`, "name", "name must be a string"},
	{"null name", `{"name":null}`, "name", "name must be a string"},
	{"name a number", `{"name":5}`, "name", "name must be a string"},
	{"empty name", `{"name":" "}`, "name", rooms64},
	{"long name", `{"name":"` + strings.Repeat("x", 65) + `"}`, "name", rooms64},
	{"name with a line break", `{"name":"a\nb"}`, "name", rooms64},
	{"mode unknown", `{"name":"r","mode":"mesh"}`, "mode", modes3},
	{"mode empty", `{"name":"r","mode":""}`, "mode", modes3},
	{"mode null", `{"name":"r","mode":null}`, "mode", "mode must be a string"},
	{"stage 0", `{"name":"r","stage":0}`, "stage", stages},
	{"stage 65", `{"name":"r","stage":65}`, "stage", stages},
	{"stage a fraction", `{"name":"r","stage":1.5}`, "stage", stages},
	{"stage huge", `{"name":"r","stage":99999999999999999999}`, "stage", stages},
	{"stage text", `{"name":"r","stage":"5"}`, "stage", stages},
	{"stage null", `{"name":"r","stage":null}`, "stage", stages},
	{"no members", `{"name":"r","maxMembers":0}`, "maxMembers", members},
	{"many members", `{"name":"r","maxMembers":100001}`, "maxMembers", members},
	{"hostToken text", `{"name":"r","hostToken":"yes"}`, "hostToken", booleans},
	{"hostToken null", `{"name":"r","hostToken":null}`, "hostToken", booleans},
	{"unknown", `{"name":"r","token":true}`, "token", "token is not known here"},
	{"other case", `{"name":"r","Mode":"sfu"}`, "Mode", "Mode is not known here"},
	{"unknown and long", `{"name":"r","` + strings.Repeat("é", 70) + `":1}`, strings.Repeat("é", 64), strings.Repeat("é", 64) + " is not known here"},
	{"the first error stays", `{"name":"","stage":0,"x":1}`, "name", rooms64},
}

var badModes = []badBody{
	{"no mode", `{}`, "mode", "mode must be a string"},
	{"auto is a rule", `{"mode":"auto"}`, "mode", `mode must be "p2p" or "sfu"`},
	{"unknown", `{"mode":"sfu","stage":3}`, "stage", "stage is not known here"},
}

var badRoles = []badBody{
	{"no role", `{}`, "role", "role must be a string"},
	{"unknown role", `{"role":"admin"}`, "role", roles3},
	{"unknown", `{"role":"host","memberId":"S"}`, "memberId", "memberId is not known here"},
}

var badTokens = []badBody{
	{"no role", `{"ttlSeconds":5}`, "role", "role must be a string"},
	{"no time", `{"role":"host","ttlSeconds":0}`, "ttlSeconds", seconds},
	{"long time", `{"role":"host","ttlSeconds":31622401}`, "ttlSeconds", seconds},
	{"negative", `{"role":"host","ttlSeconds":-1}`, "ttlSeconds", seconds},
}

func TestBadBodies(t *testing.T) {
	for what, bad := range map[string][]badBody{"createRoom": badRooms, "setMode": badModes, "setRole": badRoles, "createToken": badTokens} {
		for _, c := range append(bad, badForAll...) {
			t.Run(what+"/"+c.name, func(t *testing.T) {
				err := decoders[what](parseBody([]byte(c.body)))
				var e *protocol.Error
				if !errors.As(err, &e) || e.Type != protocol.ErrInvalid || e.Field != c.field || e.Message("en").Message != c.says {
					t.Errorf("got %v, want %s", err, c.says)
				}
			})
		}
	}
}

// decoders read the bodies, by the operations of the document.
var decoders = map[string]func(*body) error{
	"createRoom":  func(b *body) error { _, _, err := decodeRoom(b); return err },
	"setMode":     func(b *body) error { _, err := decodeMode(b); return err },
	"setRole":     func(b *body) error { _, err := decodeRole(b); return err },
	"createToken": func(b *body) error { _, _, err := decodeToken(b); return err },
}

// timed remembers the deadline of a body.
type timed struct {
	*httptest.ResponseRecorder
	body time.Time
}

func (w *timed) SetReadDeadline(at time.Time) error {
	w.body = at
	return nil
}

// TestBodiesHaveADeadline holds that a body has less time than requests have
// elsewhere.
func TestBodiesHaveADeadline(t *testing.T) {
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	takeBody(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("{}")))
	if left := time.Until(w.body); left <= 0 || left > bodyTime {
		t.Errorf("the body may take %v, want at most %v", left, bodyTime)
	}
}

func TestErrorsAreInTheClientsLanguage(t *testing.T) {
	h := New(Options{Hub: newHub(), Token: token})
	for accept, want := range map[string]string{
		"":                  `{"error":{"type":"mode","message":"This server carries no media: it was started with --mode p2p"}}`,
		"fr":                `{"error":{"type":"mode","message":"This server carries no media: it was started with --mode p2p"}}`,
		"zh-CN,zh;q=0.9,en": `{"error":{"type":"mode","message":"此服务器以 --mode p2p 启动，不转发媒体"}}`,
	} {
		w := ask(t, h, "POST", "/api/rooms", `{"name":"r","mode":"auto"}`, "Accept-Language", accept)
		if got := strings.TrimSpace(w.Body.String()); w.Code != 409 || got != want {
			t.Errorf("%q: got %d %s, want %s", accept, w.Code, got, want)
		}
	}
	w := ask(t, h, "POST", "/api/rooms", `{"name":"r","stage":-1}`, "Accept-Language", "zh")
	if want := `{"error":{"type":"invalid","message":"stage 须为 1 到 64 的整数","field":"stage"}}`; strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}
