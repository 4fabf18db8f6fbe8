package conn_test

import (
	"net/http"
	"testing"

	"lectern/signaling/conn"
)

func TestOrigins(t *testing.T) {
	o, err := conn.ParseOrigins([]string{"https://example.org", " HTTPS://*.school.example:8443 "})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"": true, "https://example.org": true, "https://EXAMPLE.org": true, "http://example.org": false,
		"https://a.school.example:8443": true, "https://school.example:8443": false, "https://a.school.example": false,
		"https://evilschool.example:8443": false, "null": false, "http://lectern.test": true, "https://x\x00": false,
	} {
		r := &http.Request{Host: "lectern.test", Header: http.Header{}}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		allow, ok := o.Allow(r)
		if ok != want || ok && allow != origin {
			t.Errorf("%q: got %q, %v, want %v", origin, allow, ok, want)
		}
		if allow, ok := (conn.Origins{}).Allow(r); !ok || allow != origin {
			t.Errorf("%q is refused without a rule: %q, %v", origin, allow, ok)
		}
	}
	for _, bad := range []string{"example.org", "ftp://x", "https://", "https://x/y", "%"} {
		if _, err := conn.ParseOrigins([]string{bad}); err == nil {
			t.Errorf("%q is taken for an origin", bad)
		}
	}
}
