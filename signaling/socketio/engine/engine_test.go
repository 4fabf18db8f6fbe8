package engine_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lectern/signaling/socketio/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Receiver that writes down what it hears, and answers "echo …".
type recorder struct {
	session *engine.Session

	mu sync.Mutex
	// Guarded by mu.
	messages   []string
	violations []string
	closing    bool

	closed chan bool // gets what Closed is told; has room for two
}

func (r *recorder) Message(text []byte) {
	r.mu.Lock()
	r.messages = append(r.messages, string(text))
	r.mu.Unlock()
	if strings.HasPrefix(string(text), "echo") {
		r.session.Send([]byte("4" + string(text)))
	}
}

func (r *recorder) Violation(errType, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, errType)
	r.session.Send([]byte("4violation"))
}

func (r *recorder) Closing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
}

func (r *recorder) Closed(clean bool) { r.closed <- clean }

func (r *recorder) heard() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.messages...)
}

func (r *recorder) broke() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.violations, ",")
}

// bench is a handler and the receivers of its sessions.
type bench struct {
	t       *testing.T
	handler *engine.Handler

	mu sync.Mutex
	// Guarded by mu.
	all []*recorder
}

func newBench(t *testing.T, o engine.Options) *bench {
	b := &bench{t: t}
	b.handler = engine.New(func(s *engine.Session) engine.Receiver {
		r := &recorder{session: s, closed: make(chan bool, 2)}
		b.mu.Lock()
		b.all = append(b.all, r)
		b.mu.Unlock()
		return r
	}, o)
	t.Cleanup(b.close)
	return b
}

func (b *bench) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.handler.Close(ctx); err != nil {
		b.t.Errorf("closing: %v", err)
	}
}

func (b *bench) last() *recorder {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all[len(b.all)-1]
}

// do serves one request without a network.
func (b *bench) do(method, query, body string) (status int, answer string) {
	return b.doWith(b.t.Context(), method, query, strings.NewReader(body))
}

func (b *bench) doWith(ctx context.Context, method, query string, body io.Reader) (status int, answer string) {
	r := httptest.NewRequestWithContext(ctx, method, "/engine.io/?"+query, body)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// open opens a session that polls and returns its query.
func (b *bench) open() (query string, r *recorder) {
	b.t.Helper()
	status, body := b.do("GET", "EIO=4&transport=polling", "")
	if status != http.StatusOK || !strings.HasPrefix(body, "0") {
		b.t.Fatalf("handshake: %d %q", status, body)
	}
	var h struct {
		SID          string
		Upgrades     []string
		PingInterval int
		PingTimeout  int
		MaxPayload   int
	}
	if err := json.Unmarshal([]byte(body[1:]), &h); err != nil {
		b.t.Fatal(err)
	}
	if len(h.Upgrades) != 1 || h.Upgrades[0] != "websocket" || h.PingInterval == 0 || h.PingTimeout == 0 || h.MaxPayload != 1_000_000 {
		b.t.Fatalf("handshake: %s", body)
	}
	return "EIO=4&transport=polling&sid=" + url.QueryEscape(h.SID), b.last()
}

func (b *bench) want(status int, answer string, method, query, body string) {
	b.t.Helper()
	if s, a := b.do(method, query, body); s != status || answer != "" && a != answer {
		b.t.Errorf("%s with %q is answered %d %q, want %d %q", method, body, s, a, status, answer)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t, engine.Options{})
	query, _ := b.open()
	for _, c := range []struct {
		method, query string
		code          int
	}{
		{"GET", "EIO=4", 0},
		{"GET", "EIO=4&transport=smoke", 0},
		{"GET", "EIO=4&transport=polling&sid=nobody", 1},
		{"POST", "EIO=4&transport=polling", 2},
		{"PUT", "EIO=4&transport=polling", 2},
		{"GET", "EIO=4&transport=websocket", 3},
		{"PUT", query, 3},
		{"GET", strings.Replace(query, "polling", "websocket", 1), 3},
		{"GET", "transport=polling", 5},
		{"GET", "EIO=3&transport=polling", 5},
	} {
		status, body := b.do(c.method, c.query, "")
		var answer struct {
			Code    *int
			Message string
		}
		if status != 400 || json.Unmarshal([]byte(body), &answer) != nil || answer.Code == nil || *answer.Code != c.code || answer.Message == "" {
			t.Errorf("%s %s: %d %s, want 400 and code %d", c.method, c.query, status, body, c.code)
		}
	}
}

func TestOrigins(t *testing.T) {
	b := newBench(t, engine.Options{Allow: func(r *http.Request) (string, bool) {
		o := r.Header.Get("Origin")
		return o, o != "https://evil.example"
	}})
	ask := func(method, query, origin string) http.Header {
		r := httptest.NewRequest(method, "/engine.io/?"+query, nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		w.Header().Set("Status", http.StatusText(w.Code))
		return w.Header()
	}
	for _, c := range []struct{ method, query, origin, status, allowed string }{
		{"GET", "EIO=4&transport=polling", "https://a.example", "OK", "https://a.example"},
		{"GET", "EIO=4&transport=smoke", "https://a.example", "Bad Request", "https://a.example"},
		{"OPTIONS", "EIO=4&transport=polling", "https://a.example", "No Content", "https://a.example"},
		{"GET", "EIO=4&transport=polling", "https://evil.example", "Forbidden", ""},
	} {
		h := ask(c.method, c.query, c.origin)
		if h.Get("Status") != c.status || h.Get("Access-Control-Allow-Origin") != c.allowed || h.Get("Vary") == "" {
			t.Errorf("%s from %s: %v", c.method, c.origin, h)
		}
	}
}

func TestPolling(t *testing.T) {
	b := newBench(t, engine.Options{})
	query, r := b.open()
	b.want(200, "ok", "POST", query, "4echo 1\x1e4silent\x1e4echo 2")
	b.want(200, "4echo 1\x1e4echo 2", "GET", query, "")
	if got := strings.Join(r.heard(), "|"); got != "echo 1|silent|echo 2" {
		t.Errorf("the receiver heard %s", got)
	}
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, engine.Options{PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second})
		query, r := b.open()
		start := time.Now()
		for i := 1; i <= 3; i++ {
			b.want(200, "2", "GET", query, "")
			if at := time.Since(start); at != time.Duration(i)*25*time.Second {
				t.Fatalf("ping %d came after %v", i, at)
			}
			b.want(200, "ok", "POST", query, "3")
		}
		b.want(200, "2", "GET", query, "")
		b.want(200, "ok", "POST", query, "4traffic is no pong")
		start = time.Now()
		if <-r.closed {
			t.Error("a time-out counts as an orderly end")
		}
		if after := time.Since(start); after != 20*time.Second {
			t.Errorf("given up after %v", after)
		}
		b.want(400, "", "GET", query, "")
	})
}

// A request that comes when the time is up finds the session closed, even if
// the timer did not get to run.
func TestDeadlineOnArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, engine.Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond})
		query, _ := b.open()
		time.Sleep(500 * time.Millisecond)
		b.want(400, "", "GET", query, "")
	})
}

func TestClientCloses(t *testing.T) {
	for _, order := range []string{"while polling", "before the poll"} {
		t.Run(order, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, engine.Options{})
				query, r := b.open()
				poll := make(chan string, 1)
				get := func() {
					_, body := b.do("GET", query, "")
					poll <- body
				}
				if order == "while polling" {
					go get()
					synctest.Wait()
				}
				b.want(200, "ok", "POST", query, "1")
				if order != "while polling" {
					get()
				}
				if got := <-poll; got != "6" {
					t.Errorf("the poll got %q", got)
				}
				if !<-r.closed {
					t.Error("a client's goodbye counts as a broken connection")
				}
				b.want(400, "", "GET", query, "")
				if n := b.handler.Len(); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
			})
		})
	}
}

func TestServerCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, engine.Options{})
		query, r := b.open()
		r.session.Send([]byte("4last words"))
		r.session.Close("test")
		if r.session.Send([]byte("4too late")) {
			t.Error("a closed session takes more")
		}
		b.want(200, "4last words", "GET", query, "")
		b.want(200, "1", "GET", query, "")
		b.want(400, "", "GET", query, "")
		<-r.closed
		b.open()
		b.last().session.Close("nobody asks again")
		time.Sleep(time.Minute)
		if n := b.handler.Len(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
}

func TestBadBodies(t *testing.T) {
	for _, c := range []struct {
		body      string
		status    int
		violation string
	}{
		{"", 400, "invalid"},
		{"abc", 400, "invalid"},
		{"4ok\x1e", 400, "invalid"},
		{"2", 400, "invalid"},
		{"2probe", 400, "invalid"},
		{"bAQID", 400, "invalid"},
		{"4\xff", 400, "invalid"},
		{"4" + strings.Repeat("x", 1_000_000), 413, "too-large"},
	} {
		b := newBench(t, engine.Options{})
		query, r := b.open()
		b.want(c.status, "", "POST", query, c.body)
		if got := r.broke(); got != c.violation {
			t.Errorf("%.10q: violation %q, want %q", c.body, got, c.violation)
		}
		<-r.closed
		b.want(400, "", "GET", query, "")
	}
}

func TestQueueIsBounded(t *testing.T) {
	b := newBench(t, engine.Options{MaxQueued: 100})
	_, r := b.open()
	if !r.session.Send(make([]byte, 60)) || r.session.Send(make([]byte, 60)) || !r.session.Send(make([]byte, 40)) {
		t.Error("the queue's bound is not 100 bytes")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	b := newBench(t, engine.Options{MaxPerAddress: 2})
	b.open()
	b.open()
	b.want(503, "", "GET", "EIO=4&transport=polling", "")
}

func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, engine.Options{})
		query, r := b.open()
		alive := make(chan bool, 1)
		r.session.Probe(2*time.Second, func(is bool) { alive <- is })
		b.want(200, "2", "GET", query, "")
		b.want(200, "ok", "POST", query, "3")
		if !<-alive {
			t.Error("a client that answers is not alive")
		}
		start := time.Now()
		r.session.Probe(2*time.Second, func(is bool) { alive <- is })
		if <-alive || time.Since(start) != 2*time.Second {
			t.Errorf("a silent client is alive after %v", time.Since(start))
		}
	})
}
