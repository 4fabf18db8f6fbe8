package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
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

func TestTokensOutliveARestart(t *testing.T) {
	a, err := tokenKey("0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := tokenKey("0123456789abcdef")
	c, _ := tokenKey("0123456789abcdeg")
	none, _ := tokenKey("")
	if !bytes.Equal(a, b) || bytes.Equal(a, c) || len(a) != 32 || none != nil || bytes.Contains(a, []byte("0123")) {
		t.Errorf("got %x, %x, %x and %x", a, b, c, none)
	}
}
