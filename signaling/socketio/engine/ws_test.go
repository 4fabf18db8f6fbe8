package engine_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"lectern/signaling/socketio/engine"
)

// listen serves the bench over a real socket.
func (b *bench) listen() *httptest.Server {
	s := httptest.NewServer(b.handler)
	b.t.Cleanup(func() {
		b.close()
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

type wsClient struct {
	t  *testing.T
	ws *websocket.Conn
}

// patience is for what happens at once unless the machine is busy.
const patience = time.Minute

func dial(t *testing.T, s *httptest.Server, query string) *wsClient {
	t.Helper()
	ws, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/engine.io/?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return &wsClient{t, ws}
}

func (c *wsClient) send(packet string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *wsClient) receive() string {
	c.t.Helper()
	_, packet, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(packet)
}

func (c *wsClient) want(packet string) {
	c.t.Helper()
	if got := c.receive(); got != packet {
		c.t.Fatalf("got %q, want %q", got, packet)
	}
}

func (c *wsClient) wantEnd(code int) {
	c.t.Helper()
	for {
		_, _, err := c.ws.ReadMessage()
		var closed *websocket.CloseError
		switch {
		case err == nil:
			continue
		case code == 0, errors.As(err, &closed) && closed.Code == code && closed.Text != "" && utf8.ValidString(closed.Text):
		default:
			c.t.Errorf("the connection ended with %v, want %d and a reason", err, code)
		}
		return
	}
}

const wsHandshake = "EIO=4&transport=websocket"

func TestWebSocket(t *testing.T) {
	b := newBench(t, engine.Options{})
	c := dial(t, b.listen(), wsHandshake)
	if open := c.receive(); !strings.Contains(open, `"upgrades":[]`) {
		t.Errorf("handshake %s", open)
	}
	c.send("4echo")
	c.want("4echo")
	c.send("1")
	c.wantEnd(0)
	if !<-b.last().closed {
		t.Error("a client's goodbye counts as a broken connection")
	}
}

func TestWebSocketHeartbeat(t *testing.T) {
	b := newBench(t, engine.Options{PingInterval: 20 * time.Millisecond, PingTimeout: 50 * time.Millisecond})
	c := dial(t, b.listen(), wsHandshake)
	c.receive()
	for range 3 {
		c.want("2")
		c.send("3")
	}
	c.want("2")
	c.wantEnd(0)
	if <-b.last().closed {
		t.Error("a time-out counts as an orderly end")
	}
}

func TestBadFrames(t *testing.T) {
	for _, c := range []struct {
		name, frame string
		kind, code  int
		violation   string
	}{
		{"unknown type", "abc", websocket.TextMessage, websocket.CloseProtocolError, "invalid"},
		{"a ping", "2", websocket.TextMessage, websocket.CloseProtocolError, "invalid"},
		{"empty", "", websocket.TextMessage, websocket.CloseProtocolError, "invalid"},
		{"binary", "4x", websocket.BinaryMessage, websocket.CloseUnsupportedData, "invalid"},
		{"not UTF-8", "4\xff", websocket.TextMessage, websocket.CloseInvalidFramePayloadData, "invalid"},
		{"too large", "4" + strings.Repeat("x", 5_000_000), websocket.TextMessage, websocket.CloseMessageTooBig, "too-large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, engine.Options{})
			client := dial(t, b.listen(), wsHandshake)
			client.receive()
			_ = client.ws.WriteMessage(c.kind, []byte(c.frame)) // may break off midway
			client.want("4violation")
			client.wantEnd(c.code)
			if got := b.last().broke(); got != c.violation {
				t.Errorf("violation %q, want %q", got, c.violation)
			}
			<-b.last().closed
		})
	}
}

func TestServerClosesWebSocket(t *testing.T) {
	b := newBench(t, engine.Options{})
	c := dial(t, b.listen(), wsHandshake)
	c.receive()
	r := b.last()
	r.session.Send([]byte("4last words"))
	r.session.Close(strings.Repeat("原因", 100)) // longer than a close frame may be
	c.want("4last words")
	c.wantEnd(websocket.ClosePolicyViolation)
	if !<-r.closed {
		t.Error("the server's own close counts as a broken connection")
	}
}

// request is one poll or post over the network.
func request(t *testing.T, s *httptest.Server, method, query, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/engine.io/?"+query, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	answer, err := s.Client().Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// TestUpgradeUnderLoad upgrades while the server talks: everything arrives,
// once, in order.
func TestUpgradeUnderLoad(t *testing.T) {
	const messages = 2000
	b := newBench(t, engine.Options{})
	s := b.listen()
	for range 5 {
		query, r := b.open()
		go func() {
			for i := range messages {
				r.session.Send(fmt.Appendf(nil, "4%d", i))
			}
		}()
		var got []string
		polled := make(chan struct{})
		ready := make(chan struct{})
		go func() { // polls until the probe is answered, as the client does
			defer close(polled)
			for {
				_, body := request(t, s, "GET", query, "")
				for p := range strings.SplitSeq(body, "\x1e") {
					if strings.HasPrefix(p, "4") {
						got = append(got, p)
					}
				}
				select {
				case <-ready:
					return
				default:
				}
			}
		}()
		c := dial(t, s, strings.Replace(query, "polling", "websocket", 1))
		c.send("2probe")
		c.want("3probe")
		close(ready)
		<-polled
		c.send("5")
		for len(got) < messages {
			if p := c.receive(); p != "2" {
				got = append(got, p)
			}
		}
		for i, p := range got {
			if p != fmt.Sprintf("4%d", i) {
				t.Fatalf("message %d is %s", i, p)
			}
		}
		c.send("4echo")
		c.want("4echo")
		if status, _ := request(t, s, "GET", query, ""); status != 400 {
			t.Errorf("a poll after the upgrade is answered %d", status)
		}
	}
}

// A poll that waits when the probe comes is released at once, one that comes
// later again, so that the client can go on.
func TestUpgradeReleasesPolls(t *testing.T) {
	b := newBench(t, engine.Options{})
	s := b.listen()
	query, _ := b.open()
	c := dial(t, s, strings.Replace(query, "polling", "websocket", 1))
	c.send("2probe")
	c.want("3probe")
	for range 3 {
		if status, body := request(t, s, "GET", query, ""); status != 200 || body != "6" {
			t.Errorf("a poll during the upgrade is answered %d %q", status, body)
		}
	}
	c.send("5")
	c.send("4echo")
	c.want("4echo")
}

func TestUpgradeFails(t *testing.T) {
	for _, c := range []struct{ name, first, second string }{
		{"no probe", "4hello", ""},
		{"too long a probe", "2" + strings.Repeat("probe", 100), ""},
		{"no upgrade", "2probe", "4hello"},
		{"silence", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, engine.Options{UpgradeTimeout: 100 * time.Millisecond})
			s := b.listen()
			query, r := b.open()
			client := dial(t, s, strings.Replace(query, "polling", "websocket", 1))
			if c.first != "" {
				client.send(c.first)
			}
			if c.second != "" {
				client.want("3probe")
				client.send(c.second)
			}
			client.wantEnd(0)
			r.session.Send([]byte("4still here"))
			if status, body := request(t, s, "GET", query, ""); status != 200 || body != "4still here" {
				t.Errorf("the poll is answered %d %q", status, body)
			}
		})
	}
}

// A second WebSocket for a session is accepted and closed, during the upgrade
// and after it.
func TestSecondWebSocket(t *testing.T) {
	b := newBench(t, engine.Options{})
	s := b.listen()
	query, _ := b.open()
	query = strings.Replace(query, "polling", "websocket", 1)
	c := dial(t, s, query)
	c.send("2probe")
	c.want("3probe")
	dial(t, s, query).wantEnd(0)
	c.send("5")
	c.send("4echo")
	c.want("4echo")
	dial(t, s, query).wantEnd(0)
	c.send("4echo again")
	c.want("4echo again")
}

// A client that never reads fills its queue, and nothing else.
func TestNeverReads(t *testing.T) {
	b := newBench(t, engine.Options{MaxQueued: 1 << 20})
	dial(t, b.listen(), wsHandshake).receive() // nothing after the handshake
	r := b.last()
	packet := append([]byte("4"), make([]byte, 64<<10)...)
	for i := 0; r.session.Send(packet); i++ {
		if i > 2000 {
			t.Fatal("128 MB were taken for a client that reads nothing")
		}
	}
}

// Closing the handler ends polls, WebSockets and upgrades alike, and tells the
// receivers first.
func TestClose(t *testing.T) {
	b := newBench(t, engine.Options{})
	s := b.listen()
	polling, first := b.open()
	answered := make(chan string, 1)
	go func() {
		_, body := request(t, s, "GET", polling, "")
		answered <- body
	}()
	c := dial(t, s, wsHandshake)
	c.receive()
	second := b.last()
	upgrading, _ := b.open()
	probing := dial(t, s, strings.Replace(upgrading, "polling", "websocket", 1))
	probing.send("2probe")
	probing.want("3probe")

	go b.close()
	c.wantEnd(websocket.CloseGoingAway)
	probing.wantEnd(0)
	if body := <-answered; body != "1" {
		t.Errorf("the waiting poll got %q", body)
	}
	for _, r := range []*recorder{first, second} {
		if !<-r.closed || !r.told() {
			t.Error("a receiver was not told that the server goes away")
		}
	}
	b.want(503, "", "GET", "EIO=4&transport=polling", "")
}

func (r *recorder) told() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closing
}
