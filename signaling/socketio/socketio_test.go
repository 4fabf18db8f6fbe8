package socketio

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"lectern/signaling/conn"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type server struct {
	t       *testing.T
	handler *Handler
	web     *httptest.Server
}

// serve runs the endpoint with rooms behind it.
func serve(t *testing.T, o Options) *server {
	hub := room.NewHub(room.Settings{
		Grace:    time.Minute,
		NewPlane: func(string, room.Policy) media.Plane { return p2p.New() },
		NewToken: func() string { return "token" },
	}, slog.New(slog.DiscardHandler))
	return start(t, New(conn.NewServer(hub, conn.Options{}), o), hub.Close)
}

// serveEcho runs the endpoint with the suites' echo behind it.
func serveEcho(t *testing.T, o Options) *server {
	return start(t, newHandler(o, []string{"/", "/custom"}, func(s *socket, _ []byte) listener { return echo{s} }), func() {})
}

func start(t *testing.T, h *Handler, after func()) *server {
	s := &server{t: t, handler: h, web: httptest.NewServer(h)}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("closing the sockets: %v", err)
		}
		after()
		s.web.CloseClientConnections()
		s.web.Close()
	})
	return s
}

type peer struct {
	t  *testing.T
	ws *websocket.Conn
	id string
}

// dial opens a session over WebSocket, without joining a namespace.
func (s *server) dial() *peer {
	s.t.Helper()
	ws, answer, err := websocket.DefaultDialer.Dial(
		"ws"+strings.TrimPrefix(s.web.URL, "http")+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = answer.Body.Close()
	s.t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(2 * time.Minute)) // for all that it reads
	c := &peer{t: s.t, ws: ws}
	c.receive()
	return c
}

// connect joins the main namespace.
func (s *server) connect() *peer {
	s.t.Helper()
	c := s.dial()
	c.send("40")
	var answer struct{ SID string }
	text := c.receive()
	if !strings.HasPrefix(text, "40{") || json.Unmarshal([]byte(text[2:]), &answer) != nil || answer.SID == "" {
		s.t.Fatalf("CONNECT is answered %q", text)
	}
	c.id = answer.SID
	return c
}

func (c *peer) send(packet string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *peer) receive() string {
	c.t.Helper()
	_, packet, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(packet)
}

func (c *peer) want(packet string) {
	c.t.Helper()
	if got := c.receive(); got != packet {
		c.t.Fatalf("got %q, want %q", got, packet)
	}
}

// wantEnd returns what came before the end.
func (c *peer) wantEnd() (before []string) {
	c.t.Helper()
	for {
		_, packet, err := c.ws.ReadMessage()
		if err != nil {
			if netErr, ok := err.(interface{ Timeout() bool }); ok && netErr.Timeout() {
				c.t.Fatal("the connection did not end")
			}
			return before
		}
		before = append(before, string(packet))
	}
}

func join(name string) string {
	return `["join",{"id":"0123456789abcdef-` + name + `","username":"` + name + `","roomname":"r"}]`
}

func TestRoom(t *testing.T) {
	s := serve(t, Options{})
	ann, bob := s.connect(), s.connect()
	ann.send("421" + join("ann"))
	ann.want("431[{}]")
	bob.send("42" + join("bob"))
	ann.want(`42["getOffer",{"memberId":"` + bob.id + `"}]`)
	ann.send(`42["offer",{"connectorId":"c1","memberId":"` + bob.id + `","streamType":"user","offer":{"type":"offer","sdp":"v=0"}}]`)
	if got := bob.receive(); !strings.HasPrefix(got, `42["offer",{`) || !strings.Contains(got, `"remoteConnectorId":"c1"`) {
		t.Errorf("the offer arrives as %s", got)
	}
	ann.send(`427["no such thing"]`)
	if got := ann.receive(); !strings.HasPrefix(got, `42["error",{"type":"invalid"`) {
		t.Errorf("an unknown event is answered %s", got)
	}
	if got := ann.receive(); !strings.HasPrefix(got, `437[{"error":{`) {
		t.Errorf("and acknowledged with %s", got)
	}
}

// A client that comes back under the name of a socket that is still open takes
// its place; the old socket is told to stay away.
func TestTakeoverKicks(t *testing.T) {
	s := serve(t, Options{})
	old, again := s.connect(), s.connect()
	old.send("421" + join("ann"))
	old.want("431[{}]")
	again.send("42" + strings.Replace(join("ann"), "join", "reconnect", 1))
	if got := old.wantEnd(); len(got) != 1 || got[0] != "41" {
		t.Errorf("the old socket got %q, want a DISCONNECT", got)
	}
}

func TestRejoinNamespace(t *testing.T) {
	s := serve(t, Options{})
	c := s.connect()
	c.send("421" + join("ann"))
	c.want("431[{}]")
	c.send("41")
	c.send("40")
	if got := c.receive(); !strings.HasPrefix(got, "40{") || strings.Contains(got, c.id) {
		t.Errorf("joining again is answered %s", got)
	}
}

func TestNamespaces(t *testing.T) {
	c := serveEcho(t, Options{}).connect()
	c.send(`40/nowhere,`)
	c.want(`44/nowhere,{"message":"Invalid namespace"}`)
	c.send(`40/custom?token=1,{"a":1}`)
	if got := c.receive(); !strings.HasPrefix(got, `40/custom,{"sid":"`) {
		t.Errorf("joining /custom is answered %s", got)
	}
	c.send(`42/custom,12["x",1,{"b":[null]}]`)
	c.want(`43/custom,12[1,{"b":[null]}]`)
	c.send(`41/custom`)
	c.send(`42["x",2.50]`)
	c.want(`42["x-back",2.50]`)
}

func TestBadPackets(t *testing.T) {
	s := serveEcho(t, Options{})
	for _, packet := range []string{
		"4", "4abc", "47", "40", `40/custom,[1]`, "40{", "41/nowhere", "41{}", "42", "42{}", "42[]", "42[1]", "42[null]",
		`42["connect"]`, `42["disconnect"]`, `42["newListener"]`, `42["x"`, `42abc["x"]`, `42/nowhere,["x"]`,
		`42` + strings.Repeat("1", 30) + `["x"]`, "43[1]", `43{}`, `431{}`, "44{}", `451-["x",{"_placeholder":true,"num":0}]`,
		"40/" + strings.Repeat("n", 200), `42["x",` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "]",
	} {
		c := s.connect()
		c.send(packet)
		if got := c.wantEnd(); len(got) != 0 {
			t.Errorf("%.40s is answered %q", packet, got)
		}
	}
	c := s.connect()
	c.send("43999[1]")
	c.send(`42["still here"]`)
	c.want(`42["still here-back"]`)
}

func TestNobodyConnects(t *testing.T) {
	s := serveEcho(t, Options{ConnectTimeout: 50 * time.Millisecond})
	s.dial().wantEnd()
	c := s.connect()
	c.send("41") // and stays
	c.wantEnd()
}

// A violation reaches the client as an error before its connection ends.
func TestViolationIsSaid(t *testing.T) {
	c := serve(t, Options{}).connect()
	c.send("42{}")
	if got := c.wantEnd(); len(got) != 1 || !strings.HasPrefix(got[0], `42["error",{"type":"invalid"`) {
		t.Errorf("the client got %q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"0", `0{"token":"x"}`, "0/custom", "0/custom,{}", "1", "1/custom,", `2["x",1]`, `212["x"]`, `2/a,3["x",{"y":[1]}]`,
		`31[1]`, "4{}", `51-["x"]`, "", "2", "2[null]", `2["connect"]`, "0/?,", "2/",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parse(text)
		if err != nil || p.kind != typeEvent {
			return
		}
		name, args, err := p.event()
		if err != nil {
			return
		}
		var raw []byte
		for i, a := range args {
			if i > 0 {
				raw = append(raw, ',')
			}
			raw = append(raw, a.Bytes()...)
		}
		again, err := parse(eventFrame(p.namespace, name, raw, 0).AppendTo(nil)[1:])
		if err != nil && p.namespace == mainNamespace && isWord(name) {
			t.Fatalf("%q does not survive: %v", text, err)
		}
		if err == nil && again.kind != typeEvent {
			t.Fatalf("%q becomes %q", text, eventFrame(p.namespace, name, raw, 0).AppendTo(nil))
		}
	})
}

func isWord(s string) bool {
	for _, r := range s {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	return true
}
