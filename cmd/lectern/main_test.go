package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
	"rsc.io/qr"
)

// TestMain is also the program itself, for tests that need a process.
func TestMain(m *testing.M) {
	if args := os.Getenv(processArgs); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
	}
	goleak.VerifyTestMain(m)
}

// processArgs names the environment variable that makes a program of the test's
// binary.
const processArgs = "LECTERN_BIN_ARGS"

// program is the whole program, running.
type program struct {
	url    string
	stderr *syncBuffer
	stop   context.CancelFunc
	exit   chan int
}

// syncBuffer is a buffer that the program writes while a test reads it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // Guarded by mu.
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// anyRTCPort keeps tests off the port that a server on this machine may have.
var anyRTCPort = []string{"LECTERN_RTC_PORT=0"}

// start runs the program on a free port and waits for its start-up message.
// It is stopped, and must end well, when the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	return startWith(t, anyRTCPort, args...)
}

// startWith is start in an environment.
func startWith(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	env = append(slices.Clone(env), "LECTERN_STATE_DIR="+t.TempDir()) // not that of whoever runs the tests
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	p := &program{stderr: &syncBuffer{}, stop: cancel, exit: make(chan int, 1)}
	go func() {
		code := run(ctx, append([]string{"--listen", "127.0.0.1:0"}, args...), env, in, p.stderr)
		_ = in.Close()
		p.exit <- code
	}()
	t.Cleanup(func() {
		if code := p.end(t); code != 0 {
			t.Errorf("exit code %d\n%s", code, p.stderr)
		}
	})
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		if i := strings.Index(lines.Text(), "http"); i >= 0 {
			p.url = lines.Text()[i:]
		}
	}
	if p.url == "" {
		t.Fatalf("no address printed\n%s", p.stderr)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the program
	return p
}

// end stops the program and gives its exit code; it may be called again.
func (p *program) end(t *testing.T) int {
	t.Helper()
	p.stop()
	select {
	case code := <-p.exit:
		p.exit <- code
		return code
	case <-time.After(time.Minute): // on a busy machine; by itself it takes 5 s at most
		t.Fatalf("it did not end\n%s", p.stderr)
		return -1
	}
}

// get fetches without keeping the connection.
func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// dial opens the JSON WebSocket.
func dial(t *testing.T, p *program) *websocket.Conn {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(p.url, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(time.Minute))
	return ws
}

func TestServesAndStops(t *testing.T) {
	p := start(t)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n", "/api/ice-servers": "{\"iceServers\":[]}\n"} {
		if code, body := get(t, http.DefaultClient, p.url+path); code != 200 || body != want {
			t.Errorf("%s: got %d %q", path, code, body)
		}
	}
	if code := p.end(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://")); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
}

func TestJoinIsSeenByCheckUsername(t *testing.T) {
	p, other := start(t), start(t)
	ws := dial(t, p)
	join := `{"event":"join","id":1,"data":{"id":"0123456789abcdef","username":"ann","roomname":"r"}}`
	if err := ws.WriteMessage(websocket.TextMessage, []byte(join)); err != nil {
		t.Fatal(err)
	}
	waitEvent(t, ws, "ack")
	for _, c := range []struct {
		p    *program
		want bool
	}{{p, true}, {other, false}} {
		_, body := get(t, http.DefaultClient, c.p.url+"/checkUsername?username=ann&roomname=r")
		if want := fmt.Sprintf(`{"success":true,"isRepeat":%v}`, c.want); strings.TrimSpace(body) != want {
			t.Errorf("got %s, want %s: each server has its own rooms", body, want)
		}
	}
}

// waitEvent reads until an event comes.
func waitEvent(t *testing.T, ws *websocket.Conn, event string) {
	t.Helper()
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("waiting for %s: %v", event, err)
		}
		var m struct{ Event string }
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		if m.Event == event {
			return
		}
	}
}

func TestShutdownSendsClientsAway(t *testing.T) {
	p := start(t)
	ws := dial(t, p)
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"ping","id":1}`)); err != nil {
		t.Fatal(err)
	}
	waitEvent(t, ws, "ack")
	p.stop()
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
				t.Errorf("got %v, want close code 1001, after which clients come back", err)
			}
			break
		}
	}
	if code := p.end(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.stderr)
	}
}

func TestPortInUse(t *testing.T) {
	p := start(t)
	port := p.url[strings.LastIndexByte(p.url, ':')+1:]
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"--listen", "127.0.0.1:" + port}, anyRTCPort, io.Discard, &stderr)
	want := "lectern: port " + port + " is in use: stop the program that uses it, or choose another with --listen :PORT\n"
	if code != 1 || stderr.String() != want {
		t.Errorf("got %d %q, want 1 %q", code, stderr.String(), want)
	}
}

func TestCommandLine(t *testing.T) {
	cases := []struct {
		args           []string
		code           int
		stdout, stderr string // the beginnings
	}{
		{[]string{"version"}, 0, "lectern devel", ""},
		{[]string{"--help"}, 0, "Lectern serves video rooms", ""},
		{[]string{"--tls", "off", "-h"}, 0, "Lectern serves video rooms", ""},
		{[]string{"bench", "--help"}, 0, "Lectern bench measures a running server", ""},
		{[]string{"bench", "--rooms", "0"}, 2, "", "lectern: --rooms: 0 is not between 1 and 1000\nRun lectern bench --help"},
		{[]string{"bench", "--pid", "999999999"}, 1, "", "lectern: --pid: "},
		{[]string{"--mode", "mesh"}, 2, "", "lectern: --mode: \"mesh\" is not possible"},
		{[]string{"--tls", "files", "--tls-cert", "no.pem", "--tls-key", "no.pem"}, 1, "", "lectern: tls-cert: stat no.pem"},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), c.args, nil, &stdout, &stderr)
			if code != c.code || !strings.HasPrefix(stdout.String(), c.stdout) || !strings.HasPrefix(stderr.String(), c.stderr) ||
				(c.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("got %d\nstdout: %s\nstderr: %s", code, stdout.String(), stderr.String())
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	lan := []netip.Addr{netip.MustParseAddr("192.168.1.5"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")}
	cases := []struct {
		name, listen, scheme string
		lan                  []netip.Addr
		want                 string
	}{
		{"everywhere", "[::]:3000", "http", lan, "http://localhost:3000 [http://192.168.1.5:3000 http://10.0.0.2:3000]"},
		{"standard port", "0.0.0.0:443", "https", lan[:1], "https://localhost [https://192.168.1.5]"},
		{"only v6", "[::]:80", "http", lan[2:], "http://localhost [http://[fd00::2]]"},
		{"loopback", "127.0.0.1:3000", "http", lan, "http://127.0.0.1:3000 []"},
		{"one address", "192.168.1.5:3000", "http", lan, " [http://192.168.1.5:3000]"},
		{"alone", "[::]:3000", "http", nil, "http://localhost:3000 []"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.listen))
			local, network := addresses(c.scheme, at, c.lan)
			if got := fmt.Sprint(local, " ", network); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestHalfBlocksAreTheCode(t *testing.T) {
	code, err := qr.Encode("http://192.168.1.5:3000", qr.L)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("\x1b[97;40m", "", "\x1b[0m", "").Replace(drawHalfBlocks(code))
	for row, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		for col, c := range []rune(line)[2:] {
			x, y := col-quietZone, 2*row-quietZone
			upper, lower := c == ' ' || c == '▄', c == ' ' || c == '▀'
			if upper != code.Black(x, y) || lower != code.Black(x, y+1) {
				t.Fatalf("module %d,%d is drawn as %q", x, y, c)
			}
		}
	}
}
