//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// process is the program in a process of its own.
type process struct {
	*program
	cmd *exec.Cmd
}

// startProcess runs the program with at most so many descriptors.
func startProcess(t *testing.T, descriptors int, args ...string) *process {
	t.Helper()
	args = append([]string{"--listen", "127.0.0.1:0"}, args...)
	cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0"`, descriptors), os.Args[0])
	cmd.Env = append(os.Environ(), processArgs+"="+strings.Join(args, " "))
	p := &process{program: &program{stderr: &syncBuffer{}, exit: make(chan int, 1)}, cmd: cmd}
	cmd.Stderr = p.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM) }
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		if i := strings.Index(lines.Text(), "http"); i >= 0 {
			p.url = lines.Text()[i:]
		}
	}
	go func() { // ends with the process
		for lines.Scan() {
			continue
		}
		_ = cmd.Wait()
		p.exit <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if p.url == "" {
		t.Fatalf("no address printed\n%s", p.stderr)
	}
	return p
}

// hold opens connections on which it says something and then nothing more.
func (p *process) hold(t *testing.T, n int, say string) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = c.Write([]byte(say)) // it may have been ended already
	}
}

// TestReachableWithFewDescriptors holds that clients which hold more
// connections than the process may have descriptors keep no new member out and
// put no member out, whatever they say on them, and that SIGTERM ends the
// server in time all the same. SIGHUP does not end it.
func TestReachableWithFewDescriptors(t *testing.T) {
	p := startProcess(t, 256, "--mode", "p2p", "--admin-token", adminToken, "--state-dir", t.TempDir())
	first, _ := join(t, p.program, "r", "ann", "")
	const upgrade = "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for i, say := range []string{
		"",
		"GET / HTTP/1.1\r\nHost: x\r\n",
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
		"POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		fmt.Sprintf(upgrade, "/ws"),
		fmt.Sprintf(upgrade, "/socket.io/?EIO=4&transport=websocket"),
	} {
		p.hold(t, 300, say)
		if code, _ := get(t, http.DefaultClient, p.url+"/healthz"); code != http.StatusOK {
			t.Fatalf("with 300 connections that say %q, /healthz answers %d", say, code)
		}
		join(t, p.program, "r", fmt.Sprint("member", i), "")
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := first.ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"ping","id":9}`)); err != nil {
		t.Fatal(err)
	}
	first.await("ack")
	if drainTime+abortTime >= 5*time.Second { // measured in real time it would be the machine's
		t.Errorf("the end may take %v, and the manual promises 5 s", drainTime+abortTime)
	}
	p.hold(t, 3, "POST /api/rooms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	if code := p.end(t); code != 0 {
		t.Errorf("after SIGTERM the exit code is %d\n%s", code, p.stderr)
	}
}

func TestConnectionLimit(t *testing.T) {
	for _, c := range []struct {
		limit, inUse    uint64
		all, perAddress int
	}{
		{0, 0, maxConnections, maxPerAddress},
		{1 << 20, 20, maxConnections, maxPerAddress},
		{256, 24, 200, 150},
		{16, 24, 8, 6},
	} {
		if all, per := connectionLimit(c.limit, c.inUse); all != c.all || per != c.perAddress {
			t.Errorf("%d descriptors of which %d are in use give %d connections and %d of one address, want %d and %d",
				c.limit, c.inUse, all, per, c.all, c.perAddress)
		}
	}
}
