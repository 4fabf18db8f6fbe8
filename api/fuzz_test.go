package api

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzAddress asks for any address: the server answers each without a fault, and
// leads to no other host.
func FuzzAddress(f *testing.F) {
	h, err := New(Options{Rooms: rooms{room: "r", name: "a"}, Static: fstest.MapFS{"index.html": {Data: []byte("page")}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, a := range []string{
		"/", "/r/a", "/r/a/", "/r/", "/r//", "/r//evil.example/", "/r/%2F%2Fevil.example/", "/r/%00/", "/r/%0d%0aLocation:x/", "/r/../", "/r/%2e%2e/", "//evil.example/",
		"/checkUsername?username=%E3%85%A4&roomname=.", "/checkUsername?username=a&roomname=r", "/checkUsername?username=%ff&roomname=%zz", "/api/qr?text=%00", "/api/rooms/%2e%2e/members", "/r/\\evil/",
	} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, address string) {
		u, err := url.ParseRequestURI(address)
		if err != nil || u.Host != "" || !strings.HasPrefix(address, "/") {
			return // net/http answers it itself
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL, r.RequestURI = u, address
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%q is answered with %d", address, w.Code)
		}
		if to := w.Header().Get("Location"); to != "" && (to[0] != '/' || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") || strings.ContainsAny(to, "\r\n\x00")) {
			t.Fatalf("%q leads to %q", address, to)
		}
	})
}
