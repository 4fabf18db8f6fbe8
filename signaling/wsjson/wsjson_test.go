package wsjson_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"lectern/signaling/conn"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
	"lectern/signaling/wsjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type server struct {
	t   *testing.T
	url string
}

func serve(t *testing.T, o wsjson.Options, s room.Settings) *server {
	t.Helper()
	s.NewPlane = func(string, room.Policy) media.Plane { return p2p.New() }
	s.NewToken = func() string { return "token" }
	if s.Grace == 0 {
		s.Grace = time.Minute
	}
	hub := room.NewHub(s, slog.New(slog.DiscardHandler))
	h := wsjson.New(conn.NewServer(hub, conn.Options{}), o)
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("closing the sockets: %v", err)
		}
		hub.Close()
		web.Close()
	})
	return &server{t, "ws" + strings.TrimPrefix(web.URL, "http")}
}

type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func (s *server) dial() *client {
	s.t.Helper()
	ws, res, err := websocket.DefaultDialer.Dial(s.url, http.Header{"Accept-Language": {"en"}})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	s.t.Cleanup(func() { _ = ws.Close() })
	return &client{s.t, ws}
}

func (c *client) send(frame string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		c.t.Fatal(err)
	}
}

type frame struct {
	Event string
	ID    json.RawMessage
	Data  map[string]any
}

func (c *client) receive() frame {
	c.t.Helper()
	_ = c.ws.SetReadDeadline(time.Now().Add(time.Minute))
	var f frame
	if err := c.ws.ReadJSON(&f); err != nil {
		c.t.Fatalf("reading a frame: %v", err)
	}
	return f
}

// want receives frames until one of the event comes.
func (c *client) want(event string) frame {
	c.t.Helper()
	for {
		if f := c.receive(); f.Event == event {
			return f
		}
	}
}

func (c *client) wantClose(code int) {
	c.t.Helper()
	_ = c.ws.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		if _, _, err := c.ws.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, code) {
				c.t.Fatalf("got %v, want close code %d", err, code)
			}
			return
		}
	}
}

const joinAnn = `{"event":"join","id":1,"data":{"id":"0123456789abcdef-ann","username":"ann","roomname":"r"}}`
const joinBob = `{"event":"join","id":2,"data":{"id":"0123456789abcdef-bob","username":"bob","roomname":"r","capabilities":["roster"]}}`

func TestJoinAndRelay(t *testing.T) {
	s := serve(t, wsjson.Options{}, room.Settings{})
	ann, bob := s.dial(), s.dial()
	ann.send(joinAnn)
	if f := ann.receive(); f.Event != "ack" || string(f.ID) != "1" || len(f.Data) != 0 {
		t.Fatalf("the ack of an old client's join is %+v, want an empty one", f)
	}
	bob.send(joinBob)
	joined := bob.want("joined")
	if ack := bob.want("ack"); ack.Data["memberId"] != joined.Data["memberId"] {
		t.Errorf("the ack of join is %v, want what joined says", ack.Data)
	}
	if got := ann.want("getOffer").Data["memberId"]; got != joined.Data["memberId"] {
		t.Fatalf("getOffer names %v, want %v", got, joined.Data["memberId"])
	}
	ann.send(`{"event":"offer","data":{"connectorId":"c1","memberId":"` + joined.Data["memberId"].(string) +
		`","streamType":"user","offer":{"type":"offer","sdp":"v=0"}}}`)
	if f := bob.want("offer"); f.Data["remoteConnectorId"] != "c1" {
		t.Errorf("the offer arrives as %v", f.Data)
	}
	bob.send(`{"event":"ping","id":"x"}`)
	if f := bob.receive(); f.Event != "ack" {
		t.Errorf("a ping is answered by %v, want an ack", f.Event)
	}
}

func TestRefusalKeepsTheConnection(t *testing.T) {
	s := serve(t, wsjson.Options{}, room.Settings{})
	c := s.dial()
	for _, bad := range []string{
		`{"event":"join","id":5,"data":{"id":"x","username":7,"roomname":"r"}}`,
		`{"event":"nonsense","id":5}`, `{"id":5}`, `{"event":{},"id":5,"data":[]}`,
		`{"event":"leave","id":5,"data":{}}`,
	} {
		c.send(bad)
		if f := c.receive(); f.Event != "error" || f.Data["type"] != "invalid" {
			t.Errorf("%s: got %+v, want an invalid error", bad, f)
		}
		if f := c.receive(); f.Event != "ack" || f.Data["error"] == nil {
			t.Errorf("%s: got %+v, want an ack with the error", bad, f)
		}
	}
	c.send(joinAnn)
	if f := c.receive(); f.Event != "ack" {
		t.Errorf("after the refusals join is answered by %+v", f)
	}
}

func TestShutdownTellsAndComesBack(t *testing.T) {
	s := room.Settings{
		Grace:    time.Minute,
		NewPlane: func(string, room.Policy) media.Plane { return p2p.New() }, NewToken: func() string { return "t" },
	}
	hub := room.NewHub(s, slog.New(slog.DiscardHandler))
	h := wsjson.New(conn.NewServer(hub, conn.Options{}), wsjson.Options{})
	web := httptest.NewServer(h)
	defer web.Close()
	defer hub.Close()
	c := (&server{t, "ws" + strings.TrimPrefix(web.URL, "http")}).dial()
	c.send(joinBob)
	c.want("ack")
	go func() { _ = h.Close(context.Background()) }()
	c.want("closing")
	c.wantClose(websocket.CloseGoingAway)
}

func TestTakeoverKicksTheOldSocket(t *testing.T) {
	s := serve(t, wsjson.Options{}, room.Settings{})
	old := s.dial()
	old.send(joinAnn)
	old.want("ack")
	back := s.dial()
	back.send(strings.Replace(joinAnn, "join", "reconnect", 1))
	if f := back.receive(); f.Event != "ack" {
		t.Fatalf("reconnect is answered by %+v, want silence but for the ack", f)
	}
	old.wantClose(4001)
}

func TestDeadClientIsNoticed(t *testing.T) {
	// Long enough for a busy machine to let the living answer.
	s := serve(t, wsjson.Options{PingInterval: 100 * time.Millisecond, PingTimeout: 900 * time.Millisecond},
		room.Settings{Grace: time.Millisecond})
	ann := s.dial()
	ann.send(joinAnn)
	ann.want("ack")
	bob := s.dial()
	bob.send(joinBob)
	go func() { // answers pings by reading; ends with the socket
		for {
			if _, _, err := bob.ws.ReadMessage(); err != nil {
				return
			}
		}
	}()
	ann.want("getOffer") // and from here on ann reads nothing, so it sends no pongs
	cat := s.dial()
	for i := range 2000 { // each try waits for the server's answer
		cat.send(`{"event":"join","id":3,"data":{"id":"0123456789abcdef-cat","username":"ann","roomname":"r"}}`)
		if f := cat.want("ack"); f.Data["error"] == nil {
			return
		}
		if i == 1999 {
			t.Error("a client that answers no ping kept its name")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// A client that asks and never reads is closed once the kernel and its queue
// take no more, and finds its place again.
func TestReaderThatNeverReads(t *testing.T) {
	s := serve(t, wsjson.Options{MaxQueued: 64 << 10}, room.Settings{})
	watcher := s.dial()
	watcher.send(`{"event":"join","id":1,"data":{"id":"0123456789abcdef-eve","username":"eve","roomname":"r","capabilities":["roster"]}}`)
	watcher.want("ack")
	for i := range 60 { // so many make joined large
		extra := s.dial()
		extra.send(fmt.Sprintf(`{"event":"join","id":1,"data":{"id":"0123456789abcdef-%d","username":"%s %d","roomname":"r"}}`, i, strings.Repeat("x", 50), i))
		extra.want("ack")
	}
	deaf := s.dial()
	deaf.send(joinBob)
	id := deaf.want("joined").Data["memberId"]
	go func() { // ends when the server has closed the connection
		for range 4000 {
			if deaf.ws.WriteMessage(websocket.TextMessage, []byte(joinBob)) != nil {
				return
			}
		}
	}()
	for {
		if f := watcher.want("member"); f.Data["memberId"] == id && f.Data["away"] == true {
			break
		}
	}
	back := s.dial()
	back.send(`{"event":"reconnect","id":3,"data":{"id":"0123456789abcdef-bob","username":"bob","roomname":"r","capabilities":["roster"],"resumeToken":"token"}}`)
	if f := back.want("joined"); f.Data["resumed"] != true || f.Data["memberId"] != id {
		t.Errorf("the client comes back as %v, want the member that it was", f.Data)
	}
}

// TestIdleMemory holds the cost of a connection that does nothing. The client's
// end is a bare TCP connection without a buffer or a goroutine, so what is
// counted is the server's.
func TestIdleMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory is not what is measured")
	}
	const clients, limit = 1000, 16 << 10
	s := serve(t, wsjson.Options{}, room.Settings{})
	for range 100 { // what is made once
		s.idle()
	}
	before := memory()
	for range clients {
		s.idle()
	}
	each := (memory() - before) / clients
	t.Logf("%d bytes per idle connection", each)
	if each > limit {
		t.Errorf("an idle connection costs %d bytes, want at most %d", each, limit)
	}
}

// idle opens a connection without a WebSocket library.
func (s *server) idle() {
	s.t.Helper()
	host := strings.TrimPrefix(s.url, "ws://")
	c, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	const key = "dGhlIHNhbXBsZSBub25jZQ==" // of RFC 6455 section 1.3
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n"))
	answer := make([]byte, 512)
	if n, err := c.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 101 ") {
		s.t.Fatalf("the upgrade is answered %q, %v", answer[:n], err)
	}
}

func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
