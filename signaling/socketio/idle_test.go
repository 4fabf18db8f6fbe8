package socketio

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// TestIdleMemory holds the cost of a client that has polled, upgraded, joined a
// namespace, and now does nothing. The client's end is a bare TCP connection
// without a buffer or a goroutine, so what is counted is the server's.
func TestIdleMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory is not what is measured")
	}
	const clients, limit = 1000, 16 << 10
	s := serve(t, Options{PingInterval: time.Hour})
	for range 100 { // what is made once
		s.upgraded(t)
	}
	before := memory()
	for range clients {
		s.upgraded(t)
	}
	each := (memory() - before) / clients
	t.Logf("%d bytes per idle connection", each)
	if each > limit {
		t.Errorf("an idle connection costs %d bytes, want at most %d", each, limit)
	}
}

func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// upgraded makes an idle client.
func (s *server) upgraded(t *testing.T) {
	t.Helper()
	base := s.web.URL + "/socket.io/?EIO=4&transport=polling"
	var h struct{ SID string }
	if err := json.Unmarshal([]byte(ask(t, "GET", base, "")[1:]), &h); err != nil {
		t.Fatal(err)
	}
	base += "&sid=" + h.SID
	ask(t, "POST", base, "40")
	ask(t, "GET", base, "") // 40{"sid"}
	address := strings.TrimPrefix(s.web.URL, "http://")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	key := make([]byte, 16)
	_, _ = rand.Read(key)
	_, _ = fmt.Fprintf(c, "GET /socket.io/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
		h.SID, address, base64.StdEncoding.EncodeToString(key))
	r := bufio.NewReaderSize(c, 256)
	for line := ""; line != "\r\n"; {
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	frame := func(text string) {
		b := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...) // masked with zeros
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	frame("2probe")
	if _, err := io.ReadFull(r, make([]byte, 2+len("3probe"))); err != nil {
		t.Fatal(err)
	}
	frame("5")
	frame(`421["ping"]`)
	if _, err := io.ReadFull(r, make([]byte, 2+len("431[{}]"))); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, url, answer.StatusCode, text)
	}
	return string(text)
}
