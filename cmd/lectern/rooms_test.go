package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASecondServerTakesAnotherMediaPort(t *testing.T) {
	c, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	taken := c.LocalAddr().(*net.UDPAddr).Port
	env := []string{fmt.Sprintf("LECTERN_RTC_PORT=%d", taken)}

	p := startWith(t, env, "--mode", "auto")
	if log := p.stderr.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, fmt.Sprintf("rtc-port=%d", taken)) {
		t.Errorf("in mode auto it is warned of: %s", log)
	}

	var stderr bytes.Buffer
	code := run(t.Context(), []string{"--listen", "127.0.0.1:0", "--mode", "sfu"}, env, io.Discard, &stderr)
	want := fmt.Sprintf("lectern: UDP port %d is in use: stop the program that uses it, or choose another with --rtc-port PORT\n", taken)
	if code != 1 || stderr.String() != want {
		t.Errorf("in mode sfu: got %d %q, want 1 %q", code, stderr.String(), want)
	}

	if log := startWith(t, env, "--mode", "p2p").stderr.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("in mode p2p no port is opened: %s", log)
	}
}

func TestModesOfRooms(t *testing.T) {
	env := append(anyRTCPort, "LECTERN_ADMIN_TOKEN="+adminToken)
	servers := map[string]*program{}
	for _, mode := range []string{"auto", "p2p", "sfu"} {
		servers[mode] = startWith(t, env, "--mode", mode, "--p2p-max", "2", "--stage", "7", "--max-file", "3")
	}
	for _, mode := range []string{"p2p", "sfu"} {
		for _, server := range []string{"auto", "sfu"} {
			operator{t, servers[server]}.want(201, "POST", "/api/rooms", `{"name":"only `+mode+`","mode":"`+mode+`"}`)
		}
	}
	cases := []struct{ server, room, first, listener, third string }{
		{"p2p", "r", "p2p", "p2p", "p2p"},
		{"sfu", "r", "sfu", "sfu", "sfu"},
		{"auto", "r", "p2p", "sfu", "sfu"}, // the listener makes it change
		{"auto", "only p2p", "p2p", "p2p", "p2p"},
		{"auto", "only sfu", "sfu", "sfu", "sfu"},
		{"sfu", "only p2p", "p2p", "p2p", "p2p"},
	}
	for _, c := range cases {
		t.Run(c.server+"/"+c.room, func(t *testing.T) {
			p := servers[c.server]
			for i, more := range []string{"", `,"role":"audience"`, ""} {
				_, joined := enter(t, p, c.room, fmt.Sprint("m", i), more)
				want := []string{c.first, c.listener, c.third}[i]
				if joined["mode"] != want || joined["stage"] != 7.0 || joined["maxFileBytes"] != 3.0*(1<<20) {
					t.Errorf("member %d: got %v, want mode %s", i, joined, want)
				}
			}
		})
	}
}

// TestTokensOutliveARestart holds that the key of role tokens is the same after
// a restart, another one with another administrator's token, and cannot be had
// from that token alone.
func TestTokensOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	key := func(dir, admin string) []byte {
		s := &server{cfg: Config{AdminToken: secret(admin), StateDir: dir}, log: slog.New(slog.DiscardHandler)}
		k, err := s.tokenKey()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	a, again := key(dir, "0123456789abcdef"), key(dir, "0123456789abcdef")
	if !bytes.Equal(a, again) || len(a) != 32 {
		t.Errorf("after a restart the key is %x, before it was %x", again, a)
	}
	if bytes.Equal(a, key(dir, "0123456789abcdeg")) || bytes.Equal(a, key(t.TempDir(), "0123456789abcdef")) {
		t.Error("another token, or another server, has the same key")
	}
	if key(dir, "") != nil {
		t.Error("there is a key without an administrator's token")
	}
	file := filepath.Join(dir, keyFile)
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	key(dir, "0123456789abcdef")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the key is %v (%v), want that only its owner may read it", info.Mode(), err)
	}
}

// TestServersThatStartAtOnceAgreeOnAKey holds that the key is made once.
func TestServersThatStartAtOnceAgreeOnAKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	keys := make(chan string, 16)
	for range cap(keys) {
		go func() {
			key, err := keptKey(dir)
			keys <- fmt.Sprintf("%x %v", key, err)
		}()
	}
	first := <-keys
	for range cap(keys) - 1 {
		if other := <-keys; other != first {
			t.Errorf("one server has %s, another %s", first, other)
		}
	}
}
