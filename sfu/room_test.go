package sfu

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// TestMain overlooks one goroutine of the tests' clients: pion's connection keeps it
// for good when it is closed in the moment in which its handshake ends. The server
// has no such session.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/pion/srtp/v3.(*session).start.func1"))
}

// patience is how long a test waits for what must come, on a busy machine.
const patience = 2 * time.Minute

// eventually waits for something that gives no sign of itself.
func eventually(t testing.TB, what string, ok func() bool, state ...func() string) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-look.C:
		case <-late:
			for _, s := range state {
				what += "; " + s()
			}
			t.Fatalf("it never came that %s", what)
		}
	}
}

func newServer(t testing.TB) *Server { return serverOn(t, 0) }

func serverOn(t testing.TB, sockets int) *Server {
	t.Helper()
	s, err := New(Config{Listen: netip.MustParseAddr("127.0.0.1"), Sockets: sockets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// room drives a plane as a room of package signaling does: one goroutine calls
// it, and drains it after each call and whenever it is ready.
type room struct {
	t      testing.TB
	server *Server
	plane  *RoomPlane
	calls  chan func()
	done   chan struct{} // closed to end it
	ended  chan struct{} // closed by run

	members map[protocol.MemberID]func(protocol.Outgoing) // owned by run
}

func newRoom(t testing.TB) *room { return roomOf(t, newServer(t)) }

// onSockets runs a test in a room whose server has one socket, and in one whose
// server has several, so that its members have different readers.
func onSockets(t *testing.T, test func(*testing.T, *room)) {
	t.Parallel()
	for _, n := range []int{1, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := serverOn(t, n)
			if s.endpoint.Sockets() != n {
				t.Skip("no port has several sockets here")
			}
			test(t, roomOf(t, s))
		})
	}
}

func roomOf(t testing.TB, s *Server) *room {
	t.Helper()
	r := &room{
		t: t, server: s, plane: s.NewPlane(slog.New(slog.DiscardHandler)),
		calls: make(chan func()), done: make(chan struct{}), ended: make(chan struct{}),
		members: map[protocol.MemberID]func(protocol.Outgoing){},
	}
	go r.run()
	t.Cleanup(r.close)
	return r
}

func (r *room) run() {
	defer close(r.ended)
	for {
		select {
		case call := <-r.calls:
			call()
		case <-r.plane.Ready():
		case <-r.done:
			return
		}
		for _, e := range r.plane.Drain() {
			r.take(e)
		}
	}
}

// take does what a room does with what its plane says.
func (r *room) take(e media.Event) {
	switch {
	case e.Said != nil:
		r.say(&protocol.ChatLine{ID: e.Said.ID, Member: e.Said.From, Name: string(e.Said.From), Text: e.Said.Text, Clock: e.Said.Clock})
	case e.Sends != nil:
		if e.Sends.Sends {
			r.plane.SetStage(e.Sends.Member, true)
		}
	case e.Err != nil:
		if take := r.members[e.To]; take != nil {
			take(e.Err.Message(""))
		}
	case e.Msg != nil:
		if take := r.members[e.To]; take != nil {
			take(e.Msg)
		}
	}
}

// say brings a line to everybody else.
func (r *room) say(line *protocol.ChatLine) {
	for id := range r.members {
		if id != line.Member {
			r.plane.Say(id, line)
		}
	}
}

// do runs something on the room's goroutine and waits for it. After the end of
// the room it does nothing.
func (r *room) do(work func()) {
	done := make(chan struct{})
	select {
	case r.calls <- func() { work(); close(done) }:
		<-done
	case <-r.ended:
	}
}

// close ends the room and its plane; a second call does nothing.
func (r *room) close() {
	select {
	case <-r.ended:
		return
	default:
	}
	close(r.done)
	<-r.ended
	if err := r.plane.Close(); err != nil {
		r.t.Error(err)
	}
}

// join has a member join. take gets what the plane says to it, and must not
// block.
func (r *room) join(id protocol.MemberID, take func(protocol.Outgoing)) {
	r.do(func() {
		r.members[id] = take
		r.plane.Attach(id, media.Profile{Stage: true})
	})
}

func (r *room) leave(id protocol.MemberID) {
	r.do(func() {
		r.plane.Detach(id, nil)
		delete(r.members, id)
	})
}

var errRoomEnded = errors.New("the room has ended")

func (r *room) signal(from protocol.MemberID, s protocol.Signal) error {
	err := errRoomEnded
	r.do(func() { err = r.plane.Signal(from, s) })
	return err
}

func (r *room) comeBack(id protocol.MemberID, how media.Return) {
	r.do(func() { r.plane.Return(id, how) })
}

// sessions is how many connections the clock drives.
func (r *room) sessions() int {
	r.server.clock.mu.Lock()
	defer r.server.clock.mu.Unlock()
	return len(r.server.clock.sessions)
}

func TestSocketsForCores(t *testing.T) {
	for cores, want := range map[int]int{1: 1, 2: 2, 3: 3, 8: 8, 9: 8, 64: 8} {
		if got := socketsFor(cores); got != want {
			t.Errorf("%d cores: %d sockets, want %d", cores, got, want)
		}
	}
}
