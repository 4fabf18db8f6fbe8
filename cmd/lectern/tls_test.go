package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/fault"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// trusting is a client that trusts the certificate in a PEM file only.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		t.Fatalf("%s has no certificate", file)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func TestSelfSigned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	file := filepath.Join(dir, selfFile)
	p := start(t, "--tls", "self", "--state-dir", dir)
	if !strings.HasPrefix(p.url, "https://") {
		t.Fatalf("the message shows %s", p.url)
	}
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(p.url, "https://"))
	client := trusting(t, file)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if code, body := get(t, client, "https://"+net.JoinHostPort(host, port)+"/healthz"); code != 200 || body != "ok\n" {
			t.Errorf("%s: got %d %q", host, code, body)
		}
	}
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: client.Transport.(*http.Transport).TLSClientConfig.RootCAs}}
	ws, res, err := dialer.DialContext(t.Context(), "wss"+strings.TrimPrefix(p.url, "https")+"/ws", nil)
	if err != nil {
		t.Fatalf("the WebSocket over TLS: %v", err)
	}
	_ = res.Body.Close()
	_ = ws.Close()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file is %v, %v", info.Mode(), err)
	}
	p.end(t)

	before, _ := os.ReadFile(file)
	p = start(t, "--tls", "self", "--state-dir", dir)
	after, _ := os.ReadFile(file)
	if !bytes.Equal(before, after) {
		t.Error("the certificate was not kept across starts")
	}
	get(t, client, p.url+"/healthz")
}

func TestPlainHTTPOnTheTLSPortIsRedirected(t *testing.T) {
	p := start(t, "--tls", "self", "--state-dir", t.TempDir())
	address := strings.TrimPrefix(p.url, "https://")
	res, err := http.DefaultTransport.RoundTrip(must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/r/x?y=1", nil)))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if got := res.Header.Get("Location"); res.StatusCode != 307 || got != p.url+"/r/x?y=1" {
		t.Errorf("got %d to %q", res.StatusCode, got)
	}

	// Who connects and says nothing keeps neither the others waiting nor the
	// server from ending.
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	old, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	_, _ = io.WriteString(old, "GET / HTTP/1.0\r\n\r\n")
	_ = old.SetReadDeadline(time.Now().Add(time.Minute))
	if b, err := io.ReadAll(old); err != nil || !strings.Contains(string(b), " 400 ") || !strings.Contains(string(b), "https://") {
		t.Errorf("without a Host header: got %q, %v", b, err)
	}
	p.end(t)
	_ = silent.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := silent.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the silent connection was left open: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSelfSignedIsRenewedWhenItMustBe(t *testing.T) {
	now := time.Now()
	s := &selfSigned{file: filepath.Join(t.TempDir(), selfFile), log: discard()}
	passing := 0 // a new IPv6 address each time, which must not matter
	serial := func(at time.Time, names ...string) string {
		t.Helper()
		passing++
		if err := s.renew(at, names, []string{"fd00::" + strconv.Itoa(passing)}); err != nil {
			t.Fatal(err)
		}
		return s.current.Leaf.SerialNumber.String()
	}
	home := serial(now, "localhost", "192.168.1.5")
	if serial(now, "localhost") != home {
		t.Error("fewer names need no new certificate")
	}
	if serial(now.Add(selfLife-selfRenew-time.Hour), "localhost") != home {
		t.Error("it was renewed too early")
	}
	work := serial(now, "localhost", "10.0.0.7")
	if work == home {
		t.Error("another address needs a new certificate")
	}
	if serial(now, "localhost", "192.168.1.5") != work {
		t.Error("back in the first network the second certificate is still good")
	}
	if serial(now.Add(selfLife-selfRenew+time.Hour), "localhost") == work {
		t.Error("it was not renewed near its end")
	}
	if serial(now.Add(-2*selfLife), "localhost") == work {
		t.Error("it was not renewed though it is not valid yet")
	}
	for i := range 3 * maxNames {
		serial(now, "localhost", net.IPv4(10, 1, 0, byte(i)).String())
	}
	if n := len(certNames(s.current.Leaf)); n > maxNames {
		t.Errorf("%d names are kept", n)
	}
}

func TestSelfSignedReplacesABrokenFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, selfFile), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := newSelfSigned(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	names := certNames(s.current.Leaf)
	for _, n := range []string{"localhost", "127.0.0.1", "::1"} {
		if !slices.Contains(names, n) {
			t.Errorf("the certificate is not for %s: %v", n, names)
		}
	}
	if _, err := newSelfSigned(filepath.Join(dir, selfFile), discard()); err == nil {
		t.Error("a folder that cannot be made passed")
	}
}

// writePair writes a new pair to two files, with a time later than any before.
func writePair(t *testing.T, cert, key string, at time.Time) {
	t.Helper()
	b, err := makeSelfSigned(time.Now(), []string{"localhost", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte("-----BEGIN PRIVATE"))
	for file, part := range map[string][]byte{cert: b[:i], key: b[i:]} {
		if err := os.WriteFile(file, part, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	now := time.Now()
	writePair(t, cert, key, now)
	var logged bytes.Buffer
	f, err := newKeyPairFiles(cert, key, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	serial := func(look bool) string {
		t.Helper()
		if look {
			f.checked = time.Time{}
		}
		c, err := f.certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.String()
	}
	first := serial(true)
	writePair(t, cert, key, now.Add(time.Minute))
	f.checked = time.Now()
	if serial(false) != first {
		t.Error("the files are looked at more than once a second")
	}
	second := serial(true)
	if second == first {
		t.Error("a new pair was not taken")
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if serial(true) != second || strings.Count(logged.String(), "the old one stays") != 1 {
		t.Errorf("a broken pair must leave the old one and be logged: %s", &logged)
	}
	if serial(true); strings.Count(logged.String(), "the old one stays") != 1 {
		t.Error("the same broken pair is logged again")
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if serial(true) != second {
		t.Error("files that are being replaced must leave the old pair")
	}
	writePair(t, cert, key, now.Add(2*time.Minute))
	if serial(true) == second {
		t.Error("a good pair after a broken one was not taken")
	}
}

func TestServesWithFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, cert, key, time.Now())
	p := start(t, "--tls", "files", "--tls-cert", cert, "--tls-key", key)
	if code, _ := get(t, trusting(t, cert), p.url+"/readyz"); code != 200 {
		t.Errorf("got %d", code)
	}
}

// TestFaultOfAFirstByteEndsItsConnectionOnly has the reading of a connection's
// first byte panic: that connection is closed, and the next one is handed over.
func TestFaultOfAFirstByteEndsItsConnectionOnly(t *testing.T) {
	bad := &panicking{closed: make(chan struct{})}
	client, good := net.Pipe()
	conns := make(chan net.Conn, 2)
	conns <- bad
	conns <- good
	before := fault.Count()
	secure, plain := splitTLS(&listed{conns: conns, done: make(chan struct{})}, slog.New(slog.DiscardHandler))
	go func() { _, _ = client.Write([]byte("GET / HTTP/1.1\r\n")) }() // ends with client
	c, err := plain.Accept()
	if err != nil {
		t.Fatal(err)
	}
	<-bad.closed
	if n := fault.Count() - before; n != 1 {
		t.Errorf("%d faults are counted", n)
	}
	_, _ = c.Close(), client.Close()
	if err := secure.Close(); err != nil {
		t.Error(err)
	}
}

// panicking is a connection that cannot be read.
type panicking struct {
	net.Conn
	closed chan struct{}
}

func (*panicking) SetReadDeadline(time.Time) error { return nil }
func (*panicking) Read([]byte) (int, error)        { panic("thrown") }
func (p *panicking) Close() error {
	close(p.closed)
	return nil
}

// listed is a listener of some connections.
type listed struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *listed) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listed) Close() error {
	close(l.done)
	return nil
}

func (*listed) Addr() net.Addr { return &net.TCPAddr{} }
