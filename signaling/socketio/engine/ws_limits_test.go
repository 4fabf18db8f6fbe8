package engine_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/socketio/engine"
)

// TestWebSocketPingsAreLimited holds that a flood of pings of WebSocket itself,
// which no client of this protocol needs, ends the session.
func TestWebSocketPingsAreLimited(t *testing.T) {
	b := newBench(t, engine.Options{PingInterval: time.Hour})
	c := dial(t, b.listen(), "EIO=4&transport=websocket")
	c.receive()
	r := b.last()
	go func() { // takes the pongs until the connection ends
		for {
			if _, _, err := c.ws.ReadMessage(); err != nil {
				return
			}
		}
	}()
	for range 10_000 {
		if c.ws.WriteControl(websocket.PingMessage, []byte("x"), time.Now().Add(patience)) != nil {
			break // the server has ended it
		}
	}
	select {
	case <-r.closed:
	case <-time.After(patience):
		t.Error("a flood of pings does not end the session")
	}
}

// BenchmarkEngineIO is a message to a client and back, over a real WebSocket.
func BenchmarkEngineIO(b *testing.B) {
	h := engine.New(func(s *engine.Session) engine.Receiver {
		return &recorder{session: s, closed: make(chan bool, 2)}
	}, engine.Options{})
	s := httptest.NewServer(h)
	ws, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/?"+wsHandshake, nil)
	if err != nil {
		b.Fatal(err)
	}
	_ = answer.Body.Close()
	message := []byte("4echo " + strings.Repeat("x", 200))
	if _, _, err := ws.ReadMessage(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := ws.WriteMessage(websocket.TextMessage, message); err != nil {
			b.Fatal(err)
		}
		if _, _, err := ws.ReadMessage(); err != nil {
			b.Fatal(err)
		}
	}
	_ = ws.Close()
	_ = h.Close(b.Context())
	s.Close()
}
