package sfu

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"

	"lectern/sfu/description"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// routed is how many ICE agents and client addresses the port knows, which
// package transport does not tell.
func routed(s *Server) (agents, sources int) {
	mux := reflect.ValueOf(s.endpoint).Elem().FieldByName("mux").Elem()
	mu := (*sync.RWMutex)(unsafe.Pointer(mux.FieldByName("mu").UnsafeAddr())) //nolint:gosec // a test's look inside
	mu.RLock()
	defer mu.RUnlock()
	return mux.FieldByName("agents").Len(), mux.FieldByName("sources").Len()
}

// holds describes all that a room's plane and server keep.
func (r *room) holds() (s string) {
	r.do(func() {
		p := r.plane.Plane
		boxes := 0
		for _, m := range p.members {
			boxes += len(m.boxes)
		}
		s = fmt.Sprintf("%d members, %d in order, %d connectors, %d asks, %d boxes", len(p.members), len(p.order), len(p.connectors), len(p.asks), boxes)
	})
	agents, sources := routed(r.server)
	return s + fmt.Sprintf(", %d sessions, %d agents, %d addresses", r.sessions(), agents, sources)
}

// ghost is a client without a network: it answers as it is told to.
type ghost struct {
	room *room
	id   protocol.MemberID
	loop *queue
	kept []protocol.Outgoing // what it was told; guarded by the room's goroutine
}

func newGhost(r *room, id protocol.MemberID) *ghost {
	g := &ghost{room: r, id: id, loop: newQueue()}
	r.join(id, func(m protocol.Outgoing) {
		g.kept = append(g.kept, m)
		g.loop.put(func() { g.take(m) })
	})
	return g
}

// handTo has a client take over.
func (g *ghost) handTo(c *client) {
	g.room.do(func() {
		for _, m := range g.kept {
			c.hears(m)
		}
		g.room.members[g.id] = c.hears
	})
}

// take answers an offer, and connects to nothing. It runs on the test's
// goroutine, in answer.
func (g *ghost) take(m protocol.Outgoing) {
	offer, ok := m.(*protocol.RelayedOffer)
	if !ok {
		return
	}
	d, err := description.Parse(offer.Offer.SDP)
	if err != nil {
		g.room.t.Error(err)
		return
	}
	// The offer may be for a connector that has ended since.
	_ = g.room.signal(g.id, &protocol.Answer{
		Remote: offer.Remote, Connector: "x" + offer.Remote, Member: offer.Member,
		Answer: protocol.Description{Type: "answer", SDP: sdpOf("video sendrecv, audio sendrecv, app", d)},
	})
}

func (g *ghost) answer() { g.loop.run() }

func TestJoinsAndLeavesLeakNothing(t *testing.T) {
	r := newRoom(t)
	running := goleak.IgnoreCurrent()
	empty := r.holds()
	const joins, present = 1000, 2
	var ghosts []*ghost
	gone := func() {
		r.leave(ghosts[0].id)
		ghosts = slices.Delete(ghosts, 0, 1)
	}
	for i := range joins {
		id := protocol.MemberID(fmt.Sprint("m", i))
		if i%250 == 249 {
			c := newClient(r, id)
			if i%500 == 499 {
				eventually(t, "a connection is up", func() bool {
					return slices.ContainsFunc(c.everyLeg(), func(l *leg) bool { return l.connected.Load() != nil })
				}, c.state)
			}
			c.leave() // the other one in the middle of its handshakes
			continue
		}
		ghosts = append(ghosts, newGhost(r, id))
		if i%5 == 0 {
			ghosts[len(ghosts)-1].answer()
		}
		if len(ghosts) > present {
			gone()
		}
	}
	for len(ghosts) > 0 {
		gone()
	}
	eventually(t, "all is as before", func() bool { return r.holds() == empty }, r.holds, func() string { return "want " + empty })
	if err := goleak.Find(running); err != nil {
		t.Error(err)
	}
}

// Everything of one member goes soon after it has left.
func TestLeaveEndsAll(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	list := members(r, 3)
	agents, _ := routed(r.server)
	b := list[1]
	start := time.Now()
	r.leave(b.id)
	eventually(t, "its connections end", func() bool {
		now, _ := routed(r.server)
		return r.sessions() == 2 && now < agents
	}, r.holds)
	if took := time.Since(start); took > time.Second {
		t.Errorf("a member's connections took %v to end", took)
	}
	b.close()
	flows(t, list[0], list[2], 5)
}

func TestCloseWithLiveConnections(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	members(r, 3)
	newGhost(r, "g").answer()
	start := time.Now()
	r.close()
	if took := time.Since(start); took > closeTime/2 {
		t.Errorf("closing took %v", took)
	}
	if agents, sources := routed(r.server); r.sessions() != 0 || agents != 0 || sources != 0 {
		t.Errorf("%d sessions, %d agents, %d addresses are left", r.sessions(), agents, sources)
	}
}

// A plane that is closed between the end of a link's work and the plane's look
// at it must not be called back.
func TestCloseAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range 20 {
		p := s.NewPlane(s.log)
		for id := range 4 {
			p.Attach(protocol.MemberID('a'+rune(id)), media.Profile{Stage: true})
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if len(p.Drain()) > 8 {
			t.Error("a closed plane goes on")
		}
	}
	if s.clock.mu.Lock(); len(s.clock.sessions) > 0 {
		t.Errorf("%d sessions are left", len(s.clock.sessions))
	}
	s.clock.mu.Unlock()
}
