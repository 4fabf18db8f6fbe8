package wsjson

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/conn"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
)

// TestHalfAFrameHasADeadline holds that a client which never ends a frame is
// ended itself, although it answers every ping meanwhile, and that what it sent
// does not count any more.
func TestHalfAFrameHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := room.NewHub(room.Settings{
			NewPlane: func(string, room.Policy) media.Plane { return p2p.New() }, NewToken: func() string { return "" },
		}, slog.New(slog.NewTextHandler(io.Discard, nil)))
		defer hub.Close()
		h := New(conn.NewServer(hub, conn.Options{}), Options{PingInterval: 3 * time.Second, PingTimeout: 3 * time.Second})
		near, far := net.Pipe()
		web := &http.Server{Handler: h}
		l := &once{c: near, done: make(chan struct{})}
		go func() { _ = web.Serve(l) }()
		client, res, err := (&websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return far, nil }}).Dial("ws://x/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		ended := make(chan time.Time, 1)
		go func() { // reads, and so answers pings, until the server ends it
			for {
				if _, _, err := client.NextReader(); err != nil {
					ended <- time.Now()
					return
				}
			}
		}()
		began := time.Now()
		w, err := client.NextWriter(websocket.TextMessage)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if used := h.server.Budget().Used(); used < 90_000 || used > 300_000 {
			t.Errorf("half a frame of 100,000 bytes counts %d", used)
		}
		if took := (<-ended).Sub(began); took < frameTime || took > frameTime+time.Minute {
			t.Errorf("it was ended after %v, want some %v", took, frameTime)
		}
		_ = client.Close()
		synctest.Wait()
		if used := h.server.Budget().Used(); used != 0 {
			t.Errorf("%d bytes are counted after the end", used)
		}
		_ = web.Close()
	})
}

// once is a listener of one connection.
type once struct {
	c    net.Conn
	done chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	if c := o.c; c != nil {
		o.c = nil
		return c, nil
	}
	<-o.done
	return nil, net.ErrClosed
}

func (o *once) Close() error {
	close(o.done)
	return nil
}

func (o *once) Addr() net.Addr { return &net.TCPAddr{} }
