package client

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"lectern/signaling/room"
)

// hole is the way of one client's sockets to the server. While it is deep
// everything that goes into it is lost, and neither end notices.
type hole struct{ deep atomic.Bool }

func (h *hole) dialer() *websocket.Dialer {
	return &websocket.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return holed{c, h}, err
	}}
}

type holed struct {
	net.Conn
	hole *hole
}

func (c holed) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.hole.deep.Load() {
			return n, err
		}
	}
}

func (c holed) Write(b []byte) (int, error) {
	if c.hole.deep.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestGoodbyeOfADeadSocket: a member's socket is dead when others come and go.
// Its client then closes it in an orderly way, and that goodbye arrives. Once
// it is back everybody sees everybody.
func TestGoodbyeOfADeadSocket(t *testing.T) {
	for _, mode := range []string{room.ModeP2P, room.ModeSFU} {
		for name, set := range map[string]func(*Options){"old": old, "capable": func(*Options) {}, "light": light} {
			t.Run(mode+" "+name, func(t *testing.T) {
				s := newServer(t, room.Policy{Mode: mode})
				h := &hole{}
				ann := s.join(t, "ann", both, set)
				dan := s.join(t, "dan", both, set)
				bob := s.join(t, "bob", both, set, func(o *Options) { o.Dialer = h.dialer() })
				sees(t, bob, ann)
				sees(t, ann, bob)
				sees(t, bob, dan)
				h.deep.Store(true)
				if err := dan.Leave(within(t)); err != nil {
					t.Fatal(err)
				}
				cy := s.join(t, "cy", both, set)
				sees(t, cy, ann)
				h.deep.Store(false)
				bob.mu.Lock()
				dead := bob.socket
				bob.mu.Unlock()
				dead.close()
				sees(t, bob, cy)
				sees(t, cy, bob)
				await(t, bob, "nothing of dan", func(State) bool {
					list, err := bob.Connectors(t.Context())
					return err == nil && len(list) == 2
				})
			})
		}
	}
}
