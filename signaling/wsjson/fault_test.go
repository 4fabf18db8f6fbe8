package wsjson

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"lectern/signaling/budget"
	"lectern/signaling/conn"
	"lectern/signaling/fault"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
)

// TestFaultsEndTheirSocketOnly throws a panic in each goroutine and timer of a
// socket: on a socket without a connection whatever touches it panics.
func TestFaultsEndTheirSocketOnly(t *testing.T) {
	boom := func(bool) { panic("boom") }
	for name, run := range map[string]func(s *socket){
		"the reader": func(s *socket) { s.handler.readers.Add(1); s.read() },
		"the writer": func(s *socket) {
			f := budget.Frame{Head: []byte("{}")}
			s.account.Queue(f)
			s.queue, s.writing = []budget.Frame{f}, true
			go s.flush()
		},
		"the heartbeat":         func(s *socket) { time.AfterFunc(time.Second, s.heartbeat) },
		"a probe":               func(s *socket) { s.Probe(time.Second, func(bool) {}) },
		"a probe's answer":      func(s *socket) { s.ended = true; s.Probe(time.Second, boom) },
		"a probe that runs out": func(s *socket) { s.Probe(time.Second, boom) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := room.NewHub(room.Settings{
					NewPlane: func(string, room.Policy) media.Plane { return p2p.New() }, NewToken: func() string { return "" },
				}, slog.New(slog.NewTextHandler(io.Discard, nil)))
				defer hub.Close()
				h := New(conn.NewServer(hub, conn.Options{}), Options{})
				s := newSocket(h, httptest.NewRequest("GET", "/ws", nil))
				s.conn = h.server.Open(s)
				s.account = h.server.Budget().Open(s.abort)
				s.ping = time.NewTimer(time.Hour)
				before := fault.Count()
				run(s)
				time.Sleep(time.Minute)
				synctest.Wait()
				if fault.Count() == before {
					t.Error("no fault was counted")
				}
			})
		})
	}
}
