package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"lectern/signaling/conn"
	"lectern/signaling/protocol"
)

// rooms is one room with one member.
type rooms struct {
	room, name string
	err        error
}

// IsMember takes one secret.
func (r rooms) IsMember(_ context.Context, _, name, proof string) (bool, error) {
	return name == "ann" && proof == "secret-of-ann", nil
}

func (r rooms) HasName(_ context.Context, room, name string) (bool, error) {
	return room == r.room && name == r.name, r.err
}

var page = fstest.MapFS{
	"index.html":       {Data: []byte("<!doctype html>" + strings.Repeat("<p>hello</p>", 100))},
	"js/main.js":       {Data: []byte(strings.Repeat("export {}\n", 100))},
	"css/tiny.css":     {Data: []byte("a{}")},
	"icons/icons.svg":  {Data: []byte("<svg/>")},
	"app.webmanifest":  {Data: []byte("{}")},
	"odd {name} *.txt": {Data: []byte("odd")},
}

func start(t *testing.T, o Options) *httptest.Server {
	t.Helper()
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// do sends a request without following redirects or unpacking anything, and
// returns the answer with its body read.
func do(t *testing.T, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func TestCheckUsername(t *testing.T) {
	srv := start(t, Options{Rooms: rooms{room: "r", name: "Zoé"}})
	query := func(room, name string) string {
		return url.Values{"roomname": {room}, "username": {name}}.Encode()
	}
	cases := []struct {
		name, query string
		status      int
		want        string
	}{
		{"taken", query("r", "Zoé"), 200, `{"success":true,"isRepeat":true}`},
		{"taken, decomposed and padded", query(" r ", " Zoe\u0301 "), 200, `{"success":true,"isRepeat":true}`},
		{"free", query("r", "zoé"), 200, `{"success":true,"isRepeat":false}`},
		{"other room", query("q", "Zoé"), 200, `{"success":true,"isRepeat":false}`},
		{"no username", "roomname=r", 400, `{"success":false,"message":"username is missing"}`},
		{"no roomname", "username=a", 400, `{"success":false,"message":"roomname is missing"}`},
		{"blank", query("r", "  "), 400, `{"success":false,"message":"username must have 1 to 64 visible characters and no control characters"}`},
		{"room of a step", query("..", "a"), 400, `{"success":false,"message":"roomname must not be \".\" or \"..\""}`},
		{"too long", query("r", strings.Repeat("x", 65)), 400, `{"success":false,"message":"username must have 1 to 64 visible characters and no control characters"}`},
		{"not UTF-8", "roomname=r&username=%ff%fe", 200, `{"success":true,"isRepeat":false}`},
	}
	for _, c := range cases {
		for _, path := range []string{"/checkUsername?", "/api/checkUsername?"} {
			t.Run(c.name+path, func(t *testing.T) {
				res, body := do(t, "GET", srv.URL+path+c.query)
				if res.StatusCode != c.status || strings.TrimSpace(body) != c.want {
					t.Errorf("got %d %s, want %d %s", res.StatusCode, body, c.status, c.want)
				}
			})
		}
	}
	if _, body := do(t, "GET", srv.URL+"/checkUsername", "Accept-Language", "zh-CN"); !strings.Contains(body, "缺失") {
		t.Errorf("a Chinese client is told in Chinese; got %s", body)
	}

	busy := start(t, Options{Rooms: rooms{err: context.DeadlineExceeded}})
	if res, _ := do(t, "GET", busy.URL+"/checkUsername?"+query("r", "a")); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a room that does not answer: got %d, want 503", res.StatusCode)
	}
}

func TestOriginRule(t *testing.T) {
	origins, err := conn.ParseOrigins([]string{"https://good.example"})
	if err != nil {
		t.Fatal(err)
	}
	srv := start(t, Options{Origins: origins})
	for _, path := range []string{"/checkUsername?username=a&roomname=b", "/api/ice-servers"} {
		res, _ := do(t, "GET", srv.URL+path, "Origin", "https://good.example")
		if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != 200 || got != "https://good.example" {
			t.Errorf("%s: an allowed origin got %d and %q", path, res.StatusCode, got)
		}
		res, _ = do(t, "GET", srv.URL+path, "Origin", "https://evil.example")
		if got := res.Header.Get("Access-Control-Allow-Origin"); res.StatusCode != 403 || got != "" {
			t.Errorf("%s: another origin got %d and %q", path, res.StatusCode, got)
		}
		res, _ = do(t, "OPTIONS", srv.URL+path, "Origin", "https://good.example", "Access-Control-Request-Headers", "x-a")
		if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Headers") != "x-a" {
			t.Errorf("%s: preflight got %d %v", path, res.StatusCode, res.Header)
		}
	}
}

func TestStatic(t *testing.T) {
	srv := start(t, Options{Static: page})
	index := string(page["index.html"].Data)
	for _, path := range []string{"/", "/r/calm-river-42", "/r/%E6%88%BF%E9%97%B4", "/r/a%2Fb", "/r/a%5Cb", "/r/%25", "/index.html", "/?x=1"} {
		res, body := do(t, "GET", srv.URL+path)
		if res.StatusCode != 200 || body != index {
			t.Errorf("GET %s: got %d, %d bytes", path, res.StatusCode, len(body))
		}
	}
	types := map[string]string{
		"/js/main.js":           "text/javascript; charset=utf-8",
		"/css/tiny.css":         "text/css; charset=utf-8",
		"/icons/icons.svg":      "image/svg+xml",
		"/app.webmanifest":      "application/manifest+json; charset=utf-8",
		"/odd%20{name}%20*.txt": "text/plain; charset=utf-8",
	}
	for path, want := range types {
		res, _ := do(t, "HEAD", srv.URL+path)
		if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != want {
			t.Errorf("HEAD %s: got %d %q, want %q", path, res.StatusCode, got, want)
		}
	}
	for path, want := range map[string]string{
		"/r/calm-river-42/": "/r/calm-river-42", "/r/a%2Fb/?token=x": "/r/a%2Fb?token=x", "/r/%E6%88%BF/": "/r/%E6%88%BF",
		"/r/": "/", "/r": "/", "/r/?x=1": "/",
	} {
		res, _ := do(t, "GET", srv.URL+path)
		if got := res.Header.Get("Location"); res.StatusCode < 300 || res.StatusCode > 399 || got != want {
			t.Errorf("GET %s: got %d to %q, want to %q", path, res.StatusCode, got, want)
		}
	}
	for _, path := range []string{"/nothing", "/js", "/js/", "/r/a/b", "/../api.go", "/socket.io/", "/ws"} {
		if res, _ := do(t, "GET", srv.URL+path); res.StatusCode != 404 {
			t.Errorf("GET %s: got %d, want 404", path, res.StatusCode)
		}
	}
	if res, _ := do(t, "POST", srv.URL+"/"); res.StatusCode != 405 {
		t.Errorf("POST /: got %d, want 405", res.StatusCode)
	}
}

func TestStaticEncodingsAndValidators(t *testing.T) {
	srv := start(t, Options{Static: page})
	plain, _ := do(t, "GET", srv.URL+"/js/main.js")
	packed, body := do(t, "GET", srv.URL+"/js/main.js", "Accept-Encoding", "deflate, gzip;q=0.5")
	if packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("wants gzip, got %v", packed.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(z); !bytes.Equal(got, page["js/main.js"].Data) {
		t.Error("the packed file is not the file")
	}
	tag, packedTag := plain.Header.Get("ETag"), packed.Header.Get("ETag")
	if tag == packedTag || !strings.HasPrefix(tag, `"`) || !strings.HasPrefix(packedTag, `"`) {
		t.Errorf("each encoding needs a strong ETag of its own, got %s and %s", tag, packedTag)
	}
	cases := []struct {
		name, ifNone, accept string
		status               int
	}{
		{"plain fresh", tag, "", 304},
		{"packed fresh", packedTag, "gzip", 304},
		{"weak and in a list", `"x", W/` + packedTag, "gzip", 304},
		{"any", "*", "", 304},
		{"of the other encoding", packedTag, "", 200},
		{"stale", `"x"`, "", 200},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			res, body := do(t, "GET", srv.URL+"/js/main.js", "If-None-Match", c.ifNone, "Accept-Encoding", c.accept)
			if res.StatusCode != c.status || (c.status == 304) != (body == "") {
				t.Errorf("got %d with %d bytes, want %d", res.StatusCode, len(body), c.status)
			}
		})
	}
	res, _ := do(t, "GET", srv.URL+"/css/tiny.css", "Accept-Encoding", "gzip")
	if res.Header.Get("Content-Encoding") != "" {
		t.Error("a file that gzip makes larger is sent as it is")
	}
	if res, body := do(t, "HEAD", srv.URL+"/"); body != "" || res.ContentLength != int64(len(page["index.html"].Data)) {
		t.Errorf("HEAD: body %q, length %d", body, res.ContentLength)
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br, gzip": true, "gzip;q=0": false, "gzip; q=0.0": false,
		"*": true, "*;q=0": false, "gzip;q=0, *": false, "br": false, "gzip;q=bad": false,
	} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("Accept-Encoding %q: got %v, want %v", header, got, want)
		}
	}
}

func TestInformation(t *testing.T) {
	var closing error
	srv := start(t, Options{
		Version: "v1", Ready: func() error { return closing },
		ICEServers: []protocol.ICEServer{{URLs: []string{"turn:t:1"}, Username: "u", Credential: "c"}},
	})
	for path, want := range map[string]string{
		"/healthz": "ok\n",
		"/readyz":  "ready\n",
		"/version": `"version":"v1"`,
	} {
		if res, body := do(t, "GET", srv.URL+path); res.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("GET %s: got %d %s", path, res.StatusCode, body)
		}
	}
	closing = errors.New("shutting down")
	if res, body := do(t, "GET", srv.URL+"/readyz"); res.StatusCode != 503 || body != "shutting down\n" {
		t.Errorf("not ready: got %d %q", res.StatusCode, body)
	}
	if _, body := do(t, "GET", start(t, Options{}).URL+"/api/ice-servers"); strings.TrimSpace(body) != `{"iceServers":[]}` {
		t.Errorf("no ICE servers is an empty list, got %s", body)
	}
}

// TestCredentialsAreForMembers holds that only a member is given TURN servers.
func TestCredentialsAreForMembers(t *testing.T) {
	srv := start(t, Options{Rooms: rooms{}, ICEServers: []protocol.ICEServer{
		{URLs: []string{"stun:s:1"}}, {URLs: []string{"turn:t:1"}, Username: "u", Credential: "c"},
	}})
	const ann = "?username=ann&roomname=r"
	for _, c := range []struct {
		query, proof string
		all          bool
	}{
		{"", "", false}, {ann, "", false}, {ann, "Bearer other", false},
		{"?username=bob&roomname=r", "Bearer secret-of-ann", false}, {ann, "Bearer secret-of-ann", true},
	} {
		_, body := do(t, "GET", srv.URL+"/api/ice-servers"+c.query, "Authorization", c.proof)
		if !strings.Contains(body, "stun:s:1") || strings.Contains(body, "turn:") != c.all {
			t.Errorf("with %q and %q the answer is %s, want credentials: %v", c.query, c.proof, body, c.all)
		}
	}
}

// TestQuestionsAfterNamesAreLimited holds that a script cannot try all names.
func TestQuestionsAfterNamesAreLimited(t *testing.T) {
	h, err := New(Options{Rooms: rooms{}})
	if err != nil {
		t.Fatal(err)
	}
	answered := 0
	for range 2 * nameBurst {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/checkUsername?username=a&roomname=b", nil))
		if w.Code == http.StatusOK {
			answered++
		} else if w.Code != http.StatusTooManyRequests {
			t.Fatalf("got %d", w.Code)
		}
	}
	if answered < nameBurst || answered == 2*nameBurst {
		t.Errorf("%d of %d questions of one address are answered", answered, 2*nameBurst)
	}
}

// TestStrictTransport holds that browsers are told to use HTTPS where it is
// there for good, and over HTTPS only (RFC 6797 section 7.2).
func TestStrictTransport(t *testing.T) {
	for _, strict := range []bool{true, false} {
		for _, url := range []string{"https://x/healthz", "http://x/healthz"} {
			h, err := New(Options{Strict: strict})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
			if got := w.Header().Get("Strict-Transport-Security"); (got != "") != (strict && strings.HasPrefix(url, "https")) {
				t.Errorf("%s with strict %v: got %q", url, strict, got)
			}
		}
	}
}

func TestQR(t *testing.T) {
	srv := start(t, Options{})
	res, body := do(t, "GET", srv.URL+"/api/qr?text="+url.QueryEscape("https://192.168.1.5:3000/r/房间"))
	if res.Header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(body, "<svg ") || !strings.HasSuffix(body, "</svg>") {
		t.Errorf("got %v %.80s", res.Header, body)
	}
	for _, text := range []string{"", strings.Repeat("x", maxQRText+1)} {
		if res, _ := do(t, "GET", srv.URL+"/api/qr?text="+text); res.StatusCode != 400 {
			t.Errorf("%d bytes: got %d, want 400", len(text), res.StatusCode)
		}
	}
	if res, _ := do(t, "GET", srv.URL+"/api/qr?text="+strings.Repeat("%ff", maxQRText)); res.StatusCode != 200 {
		t.Errorf("the longest text of any bytes: got %d", res.StatusCode)
	}
}

func TestStaticWithoutIndex(t *testing.T) {
	srv := start(t, Options{Static: fstest.MapFS{"x.css": {Data: []byte("a{}")}}})
	if res, _ := do(t, "GET", srv.URL+"/x.css"); res.StatusCode != 200 {
		t.Errorf("what there is is served, got %d", res.StatusCode)
	}
	if res, _ := do(t, "GET", srv.URL+"/"); res.StatusCode != 404 {
		t.Errorf("what there is not is not found, got %d", res.StatusCode)
	}
}
