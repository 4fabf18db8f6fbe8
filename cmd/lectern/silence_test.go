package main

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"lectern/cmd/lectern/client"
	"lectern/signaling/protocol"
)

// silence is the way of one client's sockets to the server. While it is deep
// everything that goes into it is lost, and neither end notices.
type silence struct {
	mu sync.Mutex
	// Guarded by mu.
	deep bool
	open []*silenced
}

// silenced is a connection. One that was silent stays so to its end: an offer that
// came out of it late would be answered into a socket that is closing, and an old
// client keeps the connector of an answer that got lost.
type silenced struct {
	net.Conn
	deep atomic.Bool
}

func (s *silence) through(o *client.Options) {
	o.Dialer = &websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		conn := &silenced{Conn: c}
		conn.deep.Store(s.deep)
		s.open = append(s.open, conn)
		return conn, nil
	}}
}

func (s *silence) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deep = true
	for _, c := range s.open {
		c.deep.Store(true)
	}
}

// end has the client's goodbye arrive on the connections that were silent. The
// server ends them then, which the client notices.
func (s *silence) end(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deep = false
	for _, c := range s.open {
		// A close frame with the code 1000 (RFC 6455 section 5.5.1), masked by zeros.
		if _, err := c.Conn.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8}); err != nil {
			t.Fatal(err)
		}
	}
	s.open = nil
}

func (c *silenced) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.deep.Load() {
			return n, err
		}
	}
}

func (c *silenced) Write(b []byte) (int, error) {
	if c.deep.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestReturnInModeAuto has a client's socket fall silent in a room that may
// change its mode: before that begins, while the server takes the room over and
// waits for this client too, and after it. Others come and go meanwhile, and the
// client's late goodbye arrives before it is back. Then all members have each
// other's picture and sound, over the connectors of the room's mode.
func TestReturnInModeAuto(t *testing.T) {
	for name, set := range map[string]func(*client.Options){"old": existing, "capable": func(*client.Options) {}} {
		t.Run("before/"+name, func(t *testing.T) {
			r, way := silentRoom(t, set, "ann", "bob")
			way.begin()
			r.join("dan", existing)
			way.end(t)
			r.settled(func(*client.Client) int { return 2 })
		})
		t.Run("during/"+name, func(t *testing.T) {
			r, way := silentRoom(t, set, "ann", "bob", "cy")
			way.begin()
			r.join("dan", existing)
			r.wait(r.clients[0], "connectors of both modes", func(client.State) bool {
				list, err := r.clients[0].Connectors(r.limit())
				return err == nil && len(list) > 2
			})
			way.end(t)
			r.carried(set)
		})
		t.Run("after/"+name, func(t *testing.T) {
			r, way := silentRoom(t, set, "ann", "bob", "cy", "dan")
			r.carried(set)
			way.begin()
			if err := r.clients[3].Leave(r.limit()); err != nil {
				t.Fatal(err)
			}
			r.clients = slices.Delete(r.clients, 3, 4)
			r.join("eve", existing)
			way.end(t)
			r.carried(set)
		})
	}
}

// silentRoom is a room of old clients and bob, whose socket can fall silent.
func silentRoom(t *testing.T, bob func(*client.Options), names ...string) (*changing, *silence) {
	t.Helper()
	r, way := newChanging(t, "--p2p-max", "3", "--p2p-return", "1h"), &silence{}
	for _, name := range names {
		if name == "bob" {
			r.join(name, bob, way.through)
		} else {
			r.join(name, existing)
		}
	}
	if len(names) <= 3 {
		r.settled(func(*client.Client) int { return len(names) - 1 })
	}
	return r, way
}

// carried waits until the server carries the whole room: an old client has a
// connector for each other member, a capable one two in all.
func (r *changing) carried(bob func(*client.Options)) {
	r.t.Helper()
	var o client.Options
	bob(&o)
	if !o.Old {
		r.wait(r.clients[1], "SFU mode", func(s client.State) bool { return s.Mode == protocol.ModeSFU })
	}
	r.settled(func(c *client.Client) int {
		if c == r.clients[1] && !o.Old {
			return 2
		}
		return len(r.clients) - 1
	})
}
