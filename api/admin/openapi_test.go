package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"

	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// mounted is the handler as the server mounts it.
func mounted(h http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Mount("/api/rooms", h)
	return r
}

// operation is one of the document, with a request that succeeds.
type operation struct{ id, method, path, example, body string }

func operations() []operation {
	return []operation{
		{"listRooms", "GET", "/api/rooms", "/api/rooms", ""},
		{"createRoom", "POST", "/api/rooms", "/api/rooms", `{"name":"r","mode":"sfu","stage":1}`},
		{"getRoom", "GET", "/api/rooms/{room}", "/api/rooms/r", ""},
		{"setMode", "PATCH", "/api/rooms/{room}", "/api/rooms/r", `{"mode":"sfu"}`},
		{"closeRoom", "DELETE", "/api/rooms/{room}", "/api/rooms/r", ""},
		{"listMembers", "GET", "/api/rooms/{room}/members", "/api/rooms/r/members", ""},
		{"setRole", "PATCH", "/api/rooms/{room}/members/{member}", "/api/rooms/r/members/S_bob", `{"role":"presenter"}`},
		{"removeMember", "DELETE", "/api/rooms/{room}/members/{member}", "/api/rooms/r/members/S_bob", ""},
		{"createToken", "POST", "/api/rooms/{room}/tokens", "/api/rooms/r/tokens", `{"role":"host"}`},
	}
}

func loadDocument(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDocumentHasEveryRouteAndNoOther(t *testing.T) {
	described := map[string]bool{}
	for path, item := range loadDocument(t).Paths.Map() {
		for method, o := range item.Operations() {
			described[o.OperationID+" "+method+" "+path] = true
		}
	}
	listed, routed := map[string]bool{}, map[string]bool{}
	ids := map[string]string{}
	for _, o := range operations() {
		listed[o.id+" "+o.method+" "+o.path] = true
		ids[o.method+" "+o.path] = o.id
	}
	routes, _ := mounted(newRouter(Options{Token: token})).(chi.Routes)
	err := chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		at := method + " " + strings.TrimSuffix(route, "/")
		routed[ids[at]+" "+at] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(described, routed) || !maps.Equal(described, listed) {
		t.Errorf("described %q\nrouted %q\nlisted %q", slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(routed)), slices.Sorted(maps.Keys(listed)))
	}
}

// attempt is a way a request may go.
type attempt struct {
	name    string
	err     error // what the hub says
	body    string
	path    string // in place of the room's
	noToken bool
	off     bool // the server has no token
}

func attempts() []attempt {
	list := []attempt{
		{name: "good"},
		{name: "no token", noToken: true},
		{name: "off", off: true},
		{name: "no room", err: room.ErrNoRoom},
		{name: "no member", err: room.ErrNoMember},
		{name: "exists", err: room.ErrRoomExists},
		{name: "too many", err: room.ErrTooManyRooms},
		{name: "late", err: context.DeadlineExceeded},
		{name: "gone away", err: context.Canceled},
		{name: "fault", err: errors.New("a fault")},
		{name: "bad name", path: "%00"},
		{name: "bad encoding of a name", path: "%e9"},
		{name: "large body", body: `{"x":"` + strings.Repeat("x", maxBody) + `"}`},
		{name: "bad body", body: "{"},
	}
	for _, word := range []protocol.ErrorType{protocol.ErrForbidden, protocol.ErrStageFull, protocol.ErrMode, protocol.ErrInvalid} {
		list = append(list, attempt{name: string(word), err: protocol.NewError(word)})
	}
	return list
}

// possible reports whether the hub may give this error for the operation.
func (a attempt) possible(o operation) bool {
	var e *protocol.Error
	switch {
	case errors.As(a.err, &e):
		words := map[string][]protocol.ErrorType{
			"createRoom":  {protocol.ErrInvalid},
			"setMode":     {protocol.ErrMode},
			"setRole":     {protocol.ErrForbidden, protocol.ErrStageFull, protocol.ErrMode},
			"createToken": {protocol.ErrInvalid},
		}
		return slices.Contains(words[o.id], e.Type)
	case a.err == room.ErrRoomExists, a.err == room.ErrTooManyRooms:
		return o.id == "createRoom"
	case a.err == room.ErrNoRoom:
		return strings.Contains(o.path, "{room}") && o.id != "createToken"
	case a.err == room.ErrNoMember:
		return strings.Contains(o.path, "{member}")
	case a.err == context.DeadlineExceeded, a.err == context.Canceled:
		return o.id != "createToken"
	case a.path != "":
		return strings.Contains(o.path, "{room}")
	}
	return true
}

// TestEveryAnswerIsAsTheDocumentSays has each operation go every way it may,
// holds the answers to the document, and sees every status of it.
func TestEveryAnswerIsAsTheDocumentSays(t *testing.T) {
	doc := loadDocument(t)
	missing := map[string]bool{} // operation and status not seen yet
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			for status := range o.Responses.Map() {
				missing[method+" "+path+" "+status] = true
			}
		}
	}
	for _, o := range operations() {
		for _, a := range attempts() {
			if !a.possible(o) {
				continue
			}
			t.Run(o.id+"/"+a.name, func(t *testing.T) {
				res := a.do(t, doc, o)
				delete(missing, o.method+" "+o.path+" "+res)
			})
		}
	}
	for m := range missing {
		t.Errorf("not seen: %s", m)
	}
}

// do makes the request, checks it and its answer, and gives the status.
func (a attempt) do(t *testing.T, doc *openapi3.T, o operation) string {
	t.Helper()
	opts := Options{Hub: &hub{info: newHub().info, err: a.err}, Token: token, Media: true}
	if a.off {
		opts.Token = ""
	}
	path, body := o.example, o.body
	if a.body != "" {
		body = a.body
	}
	params := map[string]string{"room": "r", "member": "S_bob"}
	if a.path != "" {
		path = strings.Replace(path, "/api/rooms/r", "/api/rooms/"+a.path, 1)
	}
	authorization := "Bearer " + token
	if a.noToken {
		authorization = ""
	}
	w := ask(t, New(opts), o.method, path, body, "Authorization", authorization)

	r := httptest.NewRequestWithContext(t.Context(), o.method, o.example, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	item := doc.Paths.Value(o.path)
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params,
		Route: &routers.Route{Spec: doc, Path: o.path, PathItem: item, Method: o.method, Operation: item.GetOperation(o.method)},
		Options: &openapi3filter.Options{
			AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
			IncludeResponseStatus: true, // one that is not described is an error
		},
	}
	if a.name == "good" {
		if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
			t.Errorf("the request is not as described: %v", err)
		}
	}
	err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: w.Code, Header: w.Header(), Body: io.NopCloser(w.Body), Options: in.Options,
	})
	if err != nil {
		t.Errorf("the answer %d is not as described: %v", w.Code, err)
	}
	return strconv.Itoa(w.Code)
}

// FuzzBodies holds what the handlers take in to the document: what is taken is
// as described, and nothing makes them panic.
func FuzzBodies(f *testing.F) {
	doc := loadDocument(f)
	schemas := map[string]*openapi3.Schema{}
	for _, item := range doc.Paths.Map() {
		for _, o := range item.Operations() {
			if o.RequestBody != nil {
				schemas[o.OperationID] = o.RequestBody.Value.Content.Get("application/json").Schema.Value
			}
		}
	}
	for _, o := range operations() {
		f.Add([]byte(o.body))
	}
	for _, list := range [][]badBody{badForAll, badRooms, badModes, badRoles, badTokens} {
		for _, c := range list {
			f.Add([]byte(c.body))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for id, decode := range decoders {
			if decode(parseBody(data)) != nil {
				continue
			}
			var v any
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatalf("%s took %q, which is no JSON: %v", id, data, err)
			}
			if err := schemas[id].VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
				t.Errorf("%s took %s, which is not as described: %v", id, data, err)
			}
		}
	})
}
