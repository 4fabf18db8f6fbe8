package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImportArrows holds the arrows of the code map in README.md: imports
// point inward, and only this package sees both the sockets and the SFU.
// Packages that do not exist are skipped.
func TestImportArrows(t *testing.T) {
	const module = "lectern/"
	all := goList(t, "./...")
	deps := make(map[string][]string)
	for _, pkg := range all {
		deps[pkg] = goList(t, "-deps", pkg)
	}

	type rule struct {
		name  string
		from  func(pkg string) bool
		never func(dep string) bool
	}
	is := func(names ...string) func(string) bool {
		return func(p string) bool {
			for _, n := range names {
				if p == n || strings.HasPrefix(p, n+"/") {
					return true
				}
			}
			return false
		}
	}
	rules := []rule{
		{"signaling knows no pion", is(module + "signaling"), is("github.com/pion")},
		{"the SFU knows no websockets, router or HTTP", is(module + "sfu"),
			is("github.com/gorilla", "github.com/go-chi", "net/http", module+"api",
				module+"signaling/room", module+"signaling/conn", module+"signaling/socketio", module+"signaling/wsjson")},
		{"the core knows no network", is(module+"signaling/protocol", module+"signaling/media", module+"signaling/p2p", module+"signaling/auto", module+"signaling/room"),
			func(dep string) bool { return is("net")(dep) && dep != "net/netip" }},
		{"wsjson does not know socketio", is(module + "signaling/wsjson"), is(module + "signaling/socketio")},
		{"socketio does not know wsjson", is(module + "signaling/socketio"), is(module + "signaling/wsjson")},
		{"the protocol knows nothing of ours", is(module + "signaling/protocol"),
			func(dep string) bool { return is("lectern")(dep) && !is(module+"signaling/protocol")(dep) }},
		{"api knows no pion and no transport", is(module + "api"),
			is("github.com/pion", module+"sfu", module+"signaling/socketio", module+"signaling/wsjson")},
		{"only tests know OpenAPI", is("lectern"), is("github.com/getkin")},
		{"the room knows no connection", is(module + "signaling/room"), is(module+"signaling/conn", module+"signaling/p2p", module+"signaling/auto")},
		{"only cmd imports the SFU", func(p string) bool { return !is(module+"cmd", module+"sfu")(p) }, is(module + "sfu")},
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for pkg, list := range deps {
				if !r.from(pkg) {
					continue
				}
				for _, dep := range list {
					if r.never(dep) {
						t.Errorf("%s depends on %s", pkg, dep)
					}
				}
			}
		})
	}
}

// goList returns the lines `go list` prints.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.Fields(string(out))
}
