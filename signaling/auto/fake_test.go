package auto_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

// fakeServer is an SFU plane that carries nothing. It makes the connectors the
// real one would make for existing clients, and one for everything with a
// downlink, and does what its script says.
type fakeServer struct {
	say func(format string, args ...any)
	n   *int // numbers connectors, of all servers of a test

	members    []protocol.MemberID
	connectors []*fakeConnector
	downlinks  map[protocol.MemberID]bool
	sharers    map[protocol.MemberID]bool
	asked      map[[2]protocol.MemberID]int
	carries    map[protocol.MemberID]bool
	carriesAll bool
	relay      func() *p2p.Plane
	wrong      error                      // as in world
	silent     map[protocol.MemberID]bool // no check of theirs is answered; "all" is everybody
	apart      map[[2]protocol.MemberID]bool
	closed     bool
	out        []media.Event
}

// fakeConnector is one connector at a client.
type fakeConnector struct {
	id, theirs protocol.ConnectorID
	at, plays  protocol.MemberID
	stream     protocol.StreamType
}

func (f *fakeServer) send(to protocol.MemberID, m protocol.Outgoing) {
	f.out = append(f.out, media.Event{To: to, Msg: m})
}

func (f *fakeServer) connector(at, plays protocol.MemberID, stream protocol.StreamType) *fakeConnector {
	*f.n++
	c := &fakeConnector{id: protocol.ConnectorID(fmt.Sprint("s", *f.n)), at: at, plays: plays, stream: stream}
	f.connectors = append(f.connectors, c)
	return c
}

func (f *fakeServer) offer(at, plays protocol.MemberID) {
	c := f.connector(at, plays, protocol.StreamUser)
	f.send(at, &protocol.RelayedOffer{Remote: c.id, Member: plays, StreamType: c.stream})
}

func words(p media.Profile) string {
	s := " audience"
	if p.Stage {
		s = ""
	}
	for _, w := range []struct {
		is   bool
		word string
	}{{p.Events, " events"}, {p.Downlink, " downlink"}, {p.Shares, " shares"}} {
		if w.is {
			s += w.word
		}
	}
	return s
}

func (f *fakeServer) Attach(id protocol.MemberID, p media.Profile) {
	f.say("sfu attaches %s%s", id, words(p))
	if slices.Contains(f.members, id) {
		panic("attached twice")
	}
	f.sharers[id], f.downlinks[id] = p.Shares, p.Downlink
	if p.Downlink {
		f.offer(id, protocol.ServerMember)
	}
	for _, other := range f.members {
		f.meet(other, id)
		f.meet(id, other)
	}
	f.members = append(f.members, id)
}

func (f *fakeServer) Apart(a, b protocol.MemberID) {
	if (f.Plays(a, b) || f.Plays(b, a)) && !f.relay().Answered(a, b) {
		f.wrong = fmt.Errorf("%s and %s lost the server, and the mesh does not connect them", a, b)
	}
	for _, v := range [][2]protocol.MemberID{{a, b}, {b, a}} {
		f.apart[v] = true
		f.connectors = slices.DeleteFunc(f.connectors, func(c *fakeConnector) bool {
			ends := c.at == v[0] && c.plays == v[1] && c.stream == protocol.StreamUser
			if ends && c.theirs != "" {
				f.send(c.at, &protocol.ConnectorGone{Connector: c.theirs, Member: c.plays})
			}
			return ends
		})
	}
}

func (f *fakeServer) Show(at, of protocol.MemberID) {
	if f.apart[[2]protocol.MemberID{at, of}] {
		f.say("sfu shows %s to %s", of, at)
		delete(f.apart, [2]protocol.MemberID{at, of})
		f.meet(at, of)
	}
}

// Plays: what a member is shown of another one flows when both are carried and
// the connector is answered.
func (f *fakeServer) Plays(at, of protocol.MemberID) bool {
	c := f.user(at, of)
	shown := slices.Contains(f.members, at) && slices.Contains(f.members, of) && !f.apart[[2]protocol.MemberID{at, of}]
	return shown && f.Carries(at) && f.Carries(of) && (f.downlinks[at] || c != nil && c.theirs != "")
}

func (f *fakeServer) Flows(id protocol.MemberID) bool { return f.Carries(id) }

func (f *fakeServer) HasUplink(id protocol.MemberID) bool {
	for key, n := range f.asked {
		if key[0] == id && n > 0 {
			return true
		}
	}
	return f.downlinks[id] || slices.ContainsFunc(f.connectors, func(c *fakeConnector) bool { return c.at == id })
}

func (f *fakeServer) Reached(id protocol.MemberID) (reached, tried bool) {
	tried = slices.ContainsFunc(f.connectors, func(c *fakeConnector) bool { return c.at == id && c.theirs != "" })
	return tried && !f.silent[id] && !f.silent["all"], tried
}

// meet has a member see another one. Who shares its screen is asked for its
// first connector, and so for the screen.
func (f *fakeServer) meet(at, plays protocol.MemberID) {
	switch {
	case f.downlinks[at] || f.apart[[2]protocol.MemberID{at, plays}]:
	case f.sharers[at]:
		f.sharers[at] = false
		f.asked[[2]protocol.MemberID{at, plays}]++
		f.send(at, &protocol.GetOffer{Member: plays})
	default:
		f.offer(at, plays)
	}
}

func (f *fakeServer) SetStage(id protocol.MemberID, on bool) { f.say("sfu stage %s %v", id, on) }
func (f *fakeServer) View(id protocol.MemberID, hidden []protocol.StreamRef) {
	f.say("sfu view %s %v", id, hidden)
}
func (f *fakeServer) Report(protocol.MemberID, *protocol.Report) {}
func (f *fakeServer) Away(id protocol.MemberID)                  { f.say("sfu away %s", id) }
func (f *fakeServer) Say(to protocol.MemberID, line *protocol.ChatLine) {
	f.say("sfu says to %s: %s", to, line.ID)
}

func (f *fakeServer) find(id protocol.ConnectorID) *fakeConnector {
	for _, c := range f.connectors {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (f *fakeServer) own(at protocol.MemberID, theirs protocol.ConnectorID) *fakeConnector {
	for _, c := range f.connectors {
		if c.at == at && c.theirs == theirs && theirs != "" {
			return c
		}
	}
	return nil
}

func (f *fakeServer) user(at, plays protocol.MemberID) *fakeConnector {
	for _, c := range f.connectors {
		if c.at == at && c.plays == plays && c.stream == protocol.StreamUser {
			return c
		}
	}
	return nil
}

func (f *fakeServer) Knows(from protocol.MemberID, s protocol.Signal) bool {
	switch m := s.(type) {
	case *protocol.Offer:
		return f.asked[[2]protocol.MemberID{from, m.Member}] > 0
	case *protocol.Answer:
		c := f.find(m.Remote)
		return c != nil && c.at == from
	case *protocol.ICECandidate:
		c := f.find(m.Remote)
		return c != nil && c.at == from
	case *protocol.ReconnectWork:
		return f.own(from, m.Connector) != nil
	}
	return false
}

func (f *fakeServer) Signal(from protocol.MemberID, s protocol.Signal) error {
	f.say("sfu takes %s of %s", s.Event(), from)
	switch m := s.(type) {
	case *protocol.Offer:
		key := [2]protocol.MemberID{from, m.Member}
		asked := m.StreamType == protocol.StreamUser && f.asked[key] > 0
		if asked {
			f.asked[key]--
		}
		if !slices.Contains(f.members, m.Member) && m.Member != protocol.ServerMember ||
			m.StreamType == protocol.StreamUser && (f.apart[[2]protocol.MemberID{from, m.Member}] || f.user(from, m.Member) != nil || f.downlinks[from]) {
			f.send(from, &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member})
			return nil
		}
		c := f.connector(from, m.Member, m.StreamType)
		c.theirs = m.Connector
		f.send(from, &protocol.RelayedAnswer{Remote: c.id, Connector: m.Connector, Member: m.Member})
	case *protocol.Answer:
		c := f.find(m.Remote)
		if c == nil || c.at != from {
			f.send(from, &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member})
			return nil
		}
		c.theirs = m.Connector
	case *protocol.ReconnectWork:
		if f.own(from, m.Connector) == nil {
			return protocol.NewError(protocol.ErrGone)
		}
	}
	return nil
}

func (f *fakeServer) Return(id protocol.MemberID, _ media.Return) []protocol.ConnectorRef {
	for _, other := range f.members {
		for range f.asked[[2]protocol.MemberID{id, other}] {
			f.send(id, &protocol.GetOffer{Member: other})
		}
	}
	var refs []protocol.ConnectorRef
	for _, c := range f.connectors {
		if c.at == id && c.theirs != "" {
			refs = append(refs, protocol.ConnectorRef{Connector: c.theirs, Member: c.plays})
		}
	}
	return refs
}

func (f *fakeServer) Detach(id protocol.MemberID, _ []protocol.LeaveItem) {
	f.say("sfu detaches %s", id)
	f.connectors = slices.DeleteFunc(f.connectors, func(c *fakeConnector) bool {
		if c.plays == id && c.theirs != "" {
			f.send(c.at, &protocol.ConnectorGone{Connector: c.theirs, Member: id})
		}
		return c.plays == id || c.at == id
	})
	f.members = slices.DeleteFunc(f.members, func(m protocol.MemberID) bool { return m == id })
	maps.DeleteFunc(f.apart, func(v [2]protocol.MemberID, _ bool) bool { return v[0] == id || v[1] == id })
}

func (f *fakeServer) Carries(id protocol.MemberID) bool {
	if !slices.Contains(f.members, id) {
		panic("asked about a stranger")
	}
	if carries, ok := f.carries[id]; ok {
		return carries
	}
	return f.carriesAll
}

// play takes a line of the script: "carries a", "drops a", "silent a", "heard
// all", "lost b why", "breaks b why", "said a id text", "error b".
func (f *fakeServer) play(w []string) {
	id := protocol.MemberID(w[1])
	switch w[0] {
	case "carries", "drops":
		if id == "all" {
			f.carriesAll = w[0] == "carries"
			clear(f.carries)
			return
		}
		f.carries[id] = w[0] == "carries"
	case "silent":
		f.silent[id] = true
	case "heard":
		clear(f.silent)
	case "lost", "breaks": // without any check answered, and with some
		f.send(id, protocol.NewError(protocol.ErrMedia).Message("en"))
		f.out = append(f.out, media.Event{Lost: &media.Lost{Member: id, Why: strings.Join(w[2:], " "), Silent: w[0] == "lost"}})
	case "sends", "stops":
		f.out = append(f.out, media.Event{Sends: &media.Sends{Member: id, Sends: w[0] == "sends"}})
	case "error":
		f.out = append(f.out, media.Event{To: id, Err: protocol.NewError(protocol.ErrMedia)})
	case "said":
		f.out = append(f.out, media.Event{Said: &media.Said{From: id, ID: w[2], Text: strings.Join(w[3:], " ")}})
	default:
		panic("no such step: " + strings.Join(w, " "))
	}
}

func (f *fakeServer) Mode(protocol.MemberID) protocol.Mode { return protocol.ModeSFU }
func (f *fakeServer) SetMode(protocol.Mode) error          { return nil }
func (f *fakeServer) Tick(time.Time)                       {}
func (f *fakeServer) Deadline() time.Time                  { return time.Time{} }
func (f *fakeServer) Ready() <-chan struct{}               { return nil }

func (f *fakeServer) Drain() []media.Event {
	if f.closed {
		panic("drained when closed")
	}
	out := f.out
	f.out = nil
	return out
}

func (f *fakeServer) Close() error {
	f.closed = true
	f.say("sfu closes")
	return nil
}
