package main

import (
	"bufio"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"lectern/signaling/fault"
)

// certificates gives the certificate for a handshake. It is called
// concurrently.
type certificates interface {
	certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// newCertificates is nil when TLS is off.
func newCertificates(cfg Config, log *slog.Logger) (certificates, error) {
	switch cfg.TLS {
	case "self":
		dir, err := cfg.stateDir()
		if err != nil {
			return nil, err
		}
		return newSelfSigned(dir, log)
	case "files":
		return newKeyPairFiles(cfg.TLSCert, cfg.TLSKey, log)
	default:
		return nil, nil // no certificates is what off means
	}
}

// runTLS serves HTTPS, and redirects who comes to the same port by http: so a
// host and port typed into a phone lead to the page.
func (s *server) runTLS() error {
	secure, plain := splitTLS(s.listener, s.log)
	redirect := &http.Server{
		Handler:        http.HandlerFunc(redirectToHTTPS),
		ReadTimeout:    headerTimeout, // of a body too, which nothing reads
		WriteTimeout:   headerTimeout,
		IdleTimeout:    time.Second, // a client that was redirected does not return
		MaxHeaderBytes: maxHeader,
		ErrorLog:       s.http.ErrorLog,
	}
	s.http.TLSConfig = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: s.certs.certificate,
	}
	redirected := make(chan struct{})
	go func() { // ends when the listener does
		_ = redirect.Serve(plain)
		close(redirected)
	}()
	err := s.http.ServeTLS(secure, "", "")
	_ = redirect.Close()
	<-redirected
	return err
}

func redirectToHTTPS(w http.ResponseWriter, r *http.Request) {
	if r.Host == "" {
		http.Error(w, "This port speaks HTTPS: use https:// in the address.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
}

// recordHandshake is the first byte of every TLS connection (RFC 8446 section
// 5.1); no HTTP request begins with it.
const recordHandshake = 0x16

// splitter hands each connection of one listener to one of two by its first
// byte. One goroutine accepts; each new connection has one until its first
// byte or headerTimeout.
type splitter struct {
	net.Listener // the real one
	secure       *branch
	plain        *branch
	log          *slog.Logger
	peeking      sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu: connections without a first byte, and whether it is over.
	waiting map[net.Conn]struct{}
	ended   bool
}

// branch is one of the two listeners. Closing either closes both.
type branch struct {
	s     *splitter
	conns chan net.Conn
	done  chan struct{} // closed when there will be no more
	err   error         // why; set before done is closed
}

// splitTLS starts to accept. It ends when either listener is closed.
func splitTLS(l net.Listener, log *slog.Logger) (secure, plain net.Listener) {
	s := &splitter{Listener: l, log: log, waiting: map[net.Conn]struct{}{}}
	s.secure = &branch{s: s, conns: make(chan net.Conn), done: make(chan struct{})}
	s.plain = &branch{s: s, conns: make(chan net.Conn), done: make(chan struct{})}
	go s.run()
	return s.secure, s.plain
}

func (s *splitter) run() {
	for {
		c, err := s.Listener.Accept()
		if err == nil {
			if s.wait(c) {
				go s.sort(c)
			}
			continue
		}
		s.end(err)
		return
	}
}

// wait counts a connection among those without a first byte.
func (s *splitter) wait(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		_ = c.Close()
		return false
	}
	s.waiting[c] = struct{}{}
	s.peeking.Add(1)
	return true
}

// sort reads the first byte and hands the connection over.
func (s *splitter) sort(c net.Conn) {
	defer s.peeking.Done()
	defer fault.Contain(s.log, "a connection's first byte", func() {
		s.heard(c)
		_ = c.Close()
	})
	_ = c.SetReadDeadline(time.Now().Add(headerTimeout))
	r := bufio.NewReaderSize(c, 16) // 16 is the least there is
	first, err := r.Peek(1)
	s.heard(c)
	if err != nil {
		_ = c.Close()
		return
	}
	_ = c.SetReadDeadline(time.Time{})
	to := s.plain
	if first[0] == recordHandshake {
		to = s.secure
	}
	select {
	case to.conns <- &peeked{Conn: c, r: r}:
	case <-to.done:
		_ = c.Close()
	}
}

// heard takes a connection from those without a first byte.
func (s *splitter) heard(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, c)
}

// end tells both branches and closes who has said nothing yet.
func (s *splitter) end(err error) {
	s.mu.Lock()
	s.ended = true
	for c := range s.waiting {
		_ = c.Close()
	}
	s.mu.Unlock()
	for _, b := range []*branch{s.secure, s.plain} {
		b.err = err
		close(b.done)
	}
	s.peeking.Wait()
}

// Accept implements net.Listener.
func (b *branch) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.done:
		return nil, b.err
	}
}

// Close implements net.Listener.
func (b *branch) Close() error { return b.s.Listener.Close() }

// Addr implements net.Listener.
func (b *branch) Addr() net.Addr { return b.s.Listener.Addr() }

// peeked is a connection whose first bytes wait in r. Read is called by one
// goroutine at a time, as of any connection.
type peeked struct {
	net.Conn
	r *bufio.Reader // nil once it is empty
}

// NetConn is the connection itself, as tls.Conn has it.
func (p *peeked) NetConn() net.Conn { return p.Conn }

// Read gives what was peeked at first.
func (p *peeked) Read(b []byte) (int, error) {
	if p.r == nil {
		return p.Conn.Read(b)
	}
	n, err := p.r.Read(b)
	if p.r.Buffered() == 0 {
		p.r = nil
	}
	return n, err
}
