package conn

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins is the one rule for which web pages may use the server: it serves
// CORS and WebSocket upgrades alike. The zero value allows any. It may be used
// concurrently.
type Origins struct {
	exact    []string // "https://example.org", "http://localhost:8080"
	suffixes []wildcard
}

type wildcard struct{ scheme, suffix string }

// ParseOrigins reads a list of origins: "https://example.org", or with one
// leading wildcard label "https://*.example.org". "*" or an empty list allows
// any.
func ParseOrigins(list []string) (Origins, error) {
	var o Origins
	for _, s := range list {
		s = strings.ToLower(strings.TrimSpace(s))
		if s == "*" {
			return Origins{}, nil
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" {
			return Origins{}, fmt.Errorf("%q is not an origin: write http://host, https://host:port, https://*.host or *", s)
		}
		if rest, ok := strings.CutPrefix(u.Host, "*."); ok {
			o.suffixes = append(o.suffixes, wildcard{u.Scheme, "." + rest})
		} else {
			o.exact = append(o.exact, u.Scheme+"://"+u.Host)
		}
	}
	return o, nil
}

// Allow reports whether a request may be served, and the value of
// Access-Control-Allow-Origin for its answer. A request without Origin header
// does not come from a web page of elsewhere and is always served; a page of
// the server's own host too.
func (o Origins) Allow(r *http.Request) (allowOrigin string, ok bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return "", true
	}
	if len(o.exact) == 0 && len(o.suffixes) == 0 {
		return origin, true
	}
	low := strings.ToLower(origin)
	u, err := url.Parse(low)
	// Browsers send no more than scheme and host (RFC 6454 section 6.1), and
	// extensions and files have schemes of their own.
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != low {
		return "", false
	}
	if u.Host == strings.ToLower(r.Host) || slices.Contains(o.exact, low) {
		return origin, true
	}
	for _, w := range o.suffixes {
		if u.Scheme == w.scheme && strings.HasSuffix(u.Host, w.suffix) && u.Host != w.suffix {
			return origin, true
		}
	}
	return "", false
}
