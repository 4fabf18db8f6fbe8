package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"lectern/api"
	"lectern/api/admin"
	"lectern/sfu"
	"lectern/signaling/conn"
	"lectern/signaling/door"
	"lectern/signaling/room"
	"lectern/signaling/socketio"
	"lectern/signaling/wsjson"
	"lectern/static"
)

const (
	// drainTime is how long clients have to take their leave; with abortTime
	// it stays under the five seconds that the manual promises.
	drainTime = 4 * time.Second
	abortTime = 500 * time.Millisecond

	// headerTimeout ends connections that never say what they want.
	headerTimeout = 10 * time.Second
	// idleTimeout ends kept-alive connections that nothing comes over. A
	// browser's next request then makes a new one.
	idleTimeout = 2 * time.Minute
	// maxHeader bounds the header of a request, in bytes.
	maxHeader = 64 << 10
)

// serve runs the server until ctx ends and then shuts it down.
func serve(ctx context.Context, cfg Config, log *slog.Logger, stdout io.Writer) error {
	s, err := newServer(cfg, log)
	if err != nil {
		return err
	}
	if err := s.listen(ctx); err != nil {
		s.closeHub()
		return err
	}
	if err := s.greet(stdout); err != nil {
		log.Warn("the start-up message could not be printed", "error", err)
	}
	log.Info("serving", "address", s.addr().String(), "version", buildVersion(), "mode", cfg.Mode,
		"rtc-port", s.rtcPort(), "tls", cfg.TLS, "admin", cfg.AdminToken != "")

	failed := make(chan error, 1)
	go func() { failed <- s.run() }() // ends with shutdown
	select {
	case err := <-failed:
		s.shutdown()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("shutting down")
	s.shutdown()
	<-failed
	return nil
}

// server is one running Lectern; several may be in one process.
type server struct {
	// Set at construction.
	cfg        Config
	log        *slog.Logger
	hub        *room.Hub
	sfu        *sfu.Server    // nil if the mode is p2p
	closings   sync.WaitGroup // of planes that rooms have done with; none begins after hub.Close
	transports []transport
	certs      certificates // nil without TLS
	http       *http.Server
	door       *door.Door

	// Set by listen.
	listener net.Listener

	closing atomic.Bool
}

// transport is a socket endpoint.
type transport interface {
	http.Handler
	// Close tells the clients, closes their connections so that they come
	// back, and returns when all is quiet or ctx ends.
	Close(ctx context.Context) error
}

// newServer wires everything; nothing runs or listens yet.
func newServer(cfg Config, log *slog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log}
	origins, err := conn.ParseOrigins(cfg.Origins)
	if err != nil {
		return nil, err
	}
	if s.certs, err = newCertificates(cfg, log); err != nil {
		return nil, err
	}
	rooms, err := s.roomSettings()
	if err != nil {
		return nil, err
	}
	if s.sfu, err = openMedia(cfg, log); err != nil {
		return nil, err
	}
	s.hub = room.NewHub(rooms, log)
	conns := conn.NewServer(s.hub, conn.Options{Log: log})

	ws := wsjson.New(conns, wsjson.Options{
		PingInterval: cfg.PingInterval, PingTimeout: cfg.PingTimeout, Origins: origins, Logger: log,
	})
	sio := socketio.New(conns, socketio.Options{
		PingInterval: cfg.PingInterval, PingTimeout: cfg.PingTimeout, Origins: origins, Logger: log,
	})
	s.transports = []transport{ws, sio}

	handler, err := api.New(api.Options{
		Rooms:      s.hub,
		SocketIO:   sio,
		WS:         ws,
		Static:     pageFiles(),
		ICEServers: cfg.iceServers(),
		Origins:    origins,
		Admin:      admin.Options{Hub: s.hub, Token: string(cfg.AdminToken), Media: s.sfu != nil, Logger: log},
		// Not with a certificate of the server's own: where its warning is
		// clicked away, a browser that insists on HTTPS offers no such click.
		Strict:  cfg.TLS == "files",
		Version: buildVersion(),
		Ready:   s.ready,
		Logger:  log,
	})
	if err != nil {
		s.closeHub()
		return nil, err
	}
	if err := s.openDoor(); err != nil {
		s.closeHub()
		return nil, err
	}
	s.http = s.httpServer(handler)
	return s, nil
}

// httpServer serves a handler to those that the door lets in.
func (s *server) httpServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           s.door.Handler(handler),
		ConnContext:       s.door.ConnContext,
		ConnState:         s.door.ConnState,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// Mostly handshakes that a browser or a scanner broke off.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// pageFiles is the page.
func pageFiles() fs.FS { return static.Files }

func (s *server) ready() error {
	if s.closing.Load() {
		return errors.New("shutting down")
	}
	return nil
}

// listen opens the port.
func (s *server) listen(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return listenError(s.cfg.Listen, err)
	}
	s.listener = s.door.Listen(l)
	s.tellDoor()
	return nil
}

// listenError says what to do about it.
func listenError(address string, err error) error {
	_, port, _ := net.SplitHostPort(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s is in use: stop the program that uses it, or choose another with --listen :PORT", port)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("not allowed to listen on port %s: choose one from 1024 up with --listen :PORT, or grant the right to", port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine: choose another with --listen, or :%s for all", address, port)
	}
	return fmt.Errorf("listen on %s: %w", address, err)
}

// addr is the address listened on, with the real port.
func (s *server) addr() *net.TCPAddr {
	a, _ := s.listener.Addr().(*net.TCPAddr)
	return a
}

// run serves until shutdown, and then returns nil.
func (s *server) run() error {
	var err error
	if s.certs == nil {
		err = s.http.Serve(s.listener)
	} else {
		err = s.runTLS()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutdown stops accepting, sends the clients away so that they come back,
// and returns when every goroutine of the server has ended, or after at most
// drainTime and abortTime.
func (s *server) shutdown() {
	s.closing.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	// Requests that wait (long polling) end only when their transport closes,
	// so both close at once.
	done := make(chan error, len(s.transports))
	for _, t := range s.transports {
		go func() { done <- t.Close(ctx) }() // ends with ctx at the latest
	}
	err := s.http.Shutdown(ctx)
	for range s.transports {
		if e := <-done; e != nil && err == nil {
			err = e
		}
	}
	if err != nil {
		s.log.Warn("some clients did not take their leave in time", "error", err)
		_ = s.http.Close()
	}
	s.closeHub()
	s.log.Info("stopped")
}

// closeHub ends the rooms. They never wait, so this is quick; if a fault
// should make it slow, the process ends all the same.
func (s *server) closeHub() {
	ended := make(chan struct{})
	go func() {
		s.hub.Close()
		s.closings.Wait()
		if s.sfu != nil {
			_ = s.sfu.Close()
		}
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(abortTime):
		s.log.Error("a room does not end")
	}
}
