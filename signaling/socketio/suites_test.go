package socketio

import (
	"net"
	"net/http"
	"os"
	"os/signal"
	"testing"
	"time"

	"lectern/signaling/conn"
	"lectern/signaling/protocol"
	"lectern/signaling/socketio/engine"
)

// TestServeSuites is the server that the two official test suites want
// (docs/engine.io-protocol and docs/socket.io-protocol of socketio/socket.io).
// It runs until it is interrupted, at LECTERN_SUITES, for example
// localhost:3000; "make suites" does the whole. Refused, and so failing there,
// is what needs binary: one test of HTTP polling, one of WebSocket, and two of
// Socket.IO.
func TestServeSuites(t *testing.T) {
	address := os.Getenv("LECTERN_SUITES")
	if address == "" {
		t.Skip("LECTERN_SUITES is not set")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: suitesHandler(), ReadHeaderTimeout: time.Second}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		<-interrupted
		_ = server.Close()
	}()
	t.Log(server.Serve(l))
}

func suitesHandler() http.Handler {
	o := Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, ConnectTimeout: time.Second}
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", engine.New(func(s *engine.Session) engine.Receiver { return engineEcho{s} },
		engine.Options{PingInterval: o.PingInterval, PingTimeout: o.PingTimeout, Allow: conn.Origins{}.Allow}))
	mux.Handle("/socket.io/", newHandler(o, []string{"/", "/custom"}, func(s *socket, auth []byte) listener {
		if auth == nil {
			auth = []byte("{}")
		}
		s.Send("auth", auth, 0)
		return echo{s}
	}))
	return mux
}

type engineEcho struct{ session *engine.Session }

func (e engineEcho) Message(text []byte) {
	e.session.Send(append([]byte{engine.PacketMessage}, text...))
}
func (engineEcho) Violation(string, string) {}
func (engineEcho) Closing()                 {}
func (engineEcho) Closed(bool)              {}

// echo sends events back.
type echo struct{ socket *socket }

func (e echo) Event(name string, args []protocol.Value, ack func([]byte)) {
	var all []byte
	for i, a := range args {
		if i > 0 {
			all = append(all, ',')
		}
		all = append(all, a.Bytes()...)
	}
	if ack != nil {
		ack(all)
		return
	}
	e.socket.Send(name+"-back", all, 0)
}
func (echo) Violation(string, string) {}
func (echo) Closing(string)           {}
func (echo) Closed()                  {}
