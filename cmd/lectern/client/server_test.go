package client

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lectern/sfu"
	"lectern/signaling/conn"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
	"lectern/signaling/wsjson"
)

// testServer is the server's side on real sockets.
type testServer struct {
	url    string
	engine *Engine
	hub    *room.Hub
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// newServer starts a server in one of the modes of room.Policy. When the test
// ends it has to have left no goroutine.
func newServer(t *testing.T, p room.Policy) *testServer {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() && os.Getenv("LECTERN_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	plane := func(string, room.Policy) media.Plane { return p2p.New() }
	if p.Mode == room.ModeSFU {
		s, err := sfu.New(sfu.Config{Addresses: []netip.Addr{loopback}, Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		plane = func(string, room.Policy) media.Plane { return s.NewPlane(log) }
	}
	hub := room.NewHub(room.Settings{Grace: 5 * time.Second, Policy: p, NewPlane: plane, NewToken: rand.Text}, log)
	t.Cleanup(hub.Close)
	ws := wsjson.New(conn.NewServer(hub, conn.Options{Log: log}), wsjson.Options{Logger: log})
	h := httptest.NewServer(ws)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = ws.Close(ctx)
		h.CloseClientConnections()
		h.Close()
	})
	engine, err := NewEngine(loopback)
	if err != nil {
		t.Fatal(err)
	}
	return &testServer{url: h.URL, engine: engine, hub: hub}
}

// join makes a client that sends media, and has it join the room "r".
func (s *testServer) join(t *testing.T, name string, m Media, set ...func(*Options)) *Client {
	t.Helper()
	c := s.dial(t, name, set...)
	if err := c.Publish(m); err != nil {
		t.Fatal(err)
	}
	if err := c.Join(within(t)); err != nil {
		t.Fatalf("%s joins: %v", name, err)
	}
	return c
}

func (s *testServer) dial(t *testing.T, name string, set ...func(*Options)) *Client {
	t.Helper()
	o := Options{Name: name, Room: "r", Engine: s.engine}
	for _, f := range set {
		f(&o)
	}
	c, err := Dial(t.Context(), s.url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func old(o *Options) { o.Old = true }

func light(o *Options) { o.Light = true }

func role(r protocol.Role) func(*Options) { return func(o *Options) { o.Role = r } }

// within bounds what a test waits for.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// await waits until something holds of a client.
func await(t *testing.T, c *Client, what string, cond func(State) bool) {
	t.Helper()
	if err := c.Wait(within(t), cond); err != nil {
		t.Fatalf("%s: waiting for %s: %v\n%s", c.options.Name, what, err, c.Describe())
	}
}
