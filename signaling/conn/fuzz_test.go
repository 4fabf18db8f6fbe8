package conn

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// FuzzOrigins asks by what the rule allows: an origin that a browser can send,
// and one of those meant.
func FuzzOrigins(f *testing.F) {
	for _, origin := range []string{
		"https://good.example", "https://a.wild.example", "https://wild.example", "http://a.wild.example", "null", "https://evilwild.example",
		"https://evil.example/.wild.example", "https://evil.example#.wild.example", "https://evil.example?.wild.example", "https://u:p@a.wild.example",
		"https://evil.example\\.wild.example", "https://server.example", "//server.example", "x://server.example", "https://.wild.example", "https://a.wild.example:1",
	} {
		f.Add(origin, "https://*.wild.example")
	}
	f.Add("https://a", "*.a")
	meant := regexp.MustCompile(`^(https://good\.example|https?://server\.example|https://([^/?#@\\.:]+\.)+wild\.example)$`)
	o, err := ParseOrigins([]string{"https://good.example", "https://*.wild.example"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, origin, listed string) {
		r := &http.Request{Host: "server.example", Header: http.Header{"Origin": {origin}}}
		if allow, ok := o.Allow(r); ok && origin != "" && (allow != origin || !meant.MatchString(strings.ToLower(origin))) {
			t.Fatalf("the origin %q is allowed as %q", origin, allow)
		}
		if list, err := ParseOrigins([]string{listed}); err == nil {
			_, _ = list.Allow(r)
		}
	})
}
