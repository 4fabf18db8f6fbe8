package auto_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lectern/signaling/auto"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
)

// world is a plane with its clients and a room that is as simple as can be.
type world struct {
	plane   *auto.Plane
	relay   *p2p.Plane // the latest
	held    map[protocol.ConnectorRef]bool
	silent  map[protocol.MemberID]bool // who answers no check of any server
	wrong   error                      // a way that was taken from two members who had no other
	server  *fakeServer                // the latest; nil: none yet
	now     time.Time
	start   time.Time
	clients map[protocol.MemberID]*client
	lines   int      // numbers what a member says
	n       int      // numbers the server's connectors
	log     []string // what came of the last step
	timed   bool     // log lines begin with the time
}

// client is a page, as far as signalling goes.
type client struct {
	id      protocol.MemberID
	profile media.Profile
	firefox bool
	away    bool
	n       int
	// ends are its connectors, and to whom they lead.
	ends  map[protocol.ConnectorID]end
	inbox []protocol.Outgoing
}

type end struct {
	remote protocol.ConnectorID // empty: not answered
	member protocol.MemberID
	stream protocol.StreamType
}

func newWorld(c auto.Config) *world {
	w := &world{now: time.Unix(1e9, 0), start: time.Unix(1e9, 0), clients: map[protocol.MemberID]*client{}, silent: map[protocol.MemberID]bool{}, held: map[protocol.ConnectorRef]bool{}}
	c.NewRelay = func() auto.Relay {
		w.relay = p2p.New()
		return watchedRelay{w.relay, w}
	}
	c.NewServer = func() auto.Server {
		w.server = &fakeServer{
			say: w.say, n: &w.n, asked: map[[2]protocol.MemberID]int{}, carries: map[protocol.MemberID]bool{},
			silent: w.silent, apart: map[[2]protocol.MemberID]bool{}, relay: func() *p2p.Plane { return w.relay },
			sharers: map[protocol.MemberID]bool{}, downlinks: map[protocol.MemberID]bool{},
		}
		return w.server
	}
	w.plane = auto.New(c)
	return w
}

// watchedRelay sees to it that two members never lose a way before they have
// another one.
type watchedRelay struct {
	*p2p.Plane
	w *world
}

func (r watchedRelay) Part(a, b protocol.MemberID) {
	served := r.w.server != nil && r.w.server.Plays(a, b) && r.w.server.Plays(b, a)
	if r.Answered(a, b) && !served {
		r.w.wrong = fmt.Errorf("%s and %s lost the mesh, and the server does not carry them", a, b)
	}
	r.Plane.Part(a, b)
}

func (w *world) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if w.timed {
		line = fmt.Sprintf("%.3f %s", w.now.Sub(w.start).Seconds(), line)
	}
	w.log = append(w.log, line)
}

// settle has the plane take the time in and tells what comes of it.
func (w *world) settle() {
	w.plane.Tick(w.now)
	for events := w.plane.Drain(); len(events) > 0; events = w.plane.Drain() {
		for _, e := range events {
			w.event(e)
		}
	}
}

func (w *world) event(e media.Event) {
	switch {
	case e.Msg != nil:
		if c := w.clients[e.To]; c != nil {
			if h, holds := e.Msg.(*protocol.RelayedCandidate); holds && h.Candidate != nil && strings.Contains(string(h.Candidate), "sdpMLineIndex") {
				w.holds(e.To, h.Connector)
				return
			}
			if _, ages := e.Msg.(*protocol.GetOffer); ages && c.away {
				return // a room keeps all but these
			}
			w.say("%s <- %s", e.To, describe(e.Msg))
			c.inbox = append(c.inbox, e.Msg)
		}
	case e.Err != nil:
		w.say("%s <- %v", e.To, e.Err)
	case e.Said != nil:
		w.said(e.Said.From, e.Said.ID)
	case e.Sends != nil:
		w.say("%s sends: %v", e.Sends.Member, e.Sends.Sends)
	case e.Lost != nil:
		w.say("lost %s: %s", e.Lost.Member, e.Lost.Why)
	case e.Moved != "":
		w.say("moved %s", e.Moved)
	case e.Stays != nil:
		w.say("stays: %v", e.Stays)
	}
}

// holds tells of the first time a client is kept from showing its list, for each
// connector: it is said many times a second.
func (w *world) holds(id protocol.MemberID, c protocol.ConnectorID) {
	ref := protocol.ConnectorRef{Connector: c, Member: id}
	if !w.held[ref] {
		w.held[ref] = true
		w.say("%s <- icecandidate %s, again and again", id, c)
	}
}

// said does what a room does with a line of chat.
func (w *world) said(from protocol.MemberID, id string) {
	w.say("said %s", id)
	for _, to := range slices.Sorted(maps.Keys(w.clients)) {
		if c := w.clients[to]; to != from && !c.profile.Events {
			w.plane.Say(to, &protocol.ChatLine{ID: id, Member: from})
		}
	}
}

func describe(m protocol.Outgoing) string {
	switch m := m.(type) {
	case *protocol.GetOffer:
		return "getOffer " + string(m.Member)
	case *protocol.RelayedOffer:
		return fmt.Sprintf("offer %s of %s %s", m.Remote, m.Member, m.StreamType)
	case *protocol.RelayedAnswer:
		return fmt.Sprintf("answer %s to %s of %s", m.Remote, m.Connector, m.Member)
	case *protocol.ConnectorGone:
		return fmt.Sprintf("leave %s of %s", m.Connector, m.Member)
	case *protocol.RelayedCandidate:
		return "icecandidate " + string(m.Connector)
	case *protocol.Renegotiate:
		return fmt.Sprintf("reconnect %s %s of %s", m.Type, m.Connector, m.Member)
	case *protocol.ModeChanged:
		return "mode " + string(m.Mode)
	case *protocol.ErrorMessage:
		return "error " + string(m.Type)
	}
	return fmt.Sprintf("%T", m)
}

// wait lets time pass as a room would: Tick at each deadline.
func (w *world) wait(d time.Duration) {
	for stop := w.now.Add(d); ; {
		next := w.plane.Deadline()
		if next.IsZero() || next.After(stop) {
			w.now = stop
			return
		}
		if !next.After(w.now) {
			panic("a deadline that does not pass")
		}
		w.now = next
		w.settle()
	}
}

func (w *world) attach(id protocol.MemberID, p media.Profile) {
	w.clients[id] = &client{id: id, profile: p, ends: map[protocol.ConnectorID]end{}}
	w.plane.Attach(id, p)
}

func (w *world) away(id protocol.MemberID) {
	w.clients[id].away = true
	w.plane.Away(id)
}

func (w *world) back(id protocol.MemberID) []protocol.ConnectorRef {
	w.clients[id].away = false
	return w.plane.Return(id, media.Return{})
}

func (w *world) detach(id protocol.MemberID, named []protocol.LeaveItem) {
	delete(w.clients, id)
	w.plane.Detach(id, named)
}

func (w *world) signal(from protocol.MemberID, s protocol.Signal) {
	if err := w.plane.Signal(from, s); err != nil {
		w.say("refused %v", err)
	}
	w.settle()
}

// respond has the clients do what they were told, until nothing is left to do.
func (w *world) respond(ids ...protocol.MemberID) {
	for again := true; again; {
		again = false
		for _, id := range slices.Sorted(maps.Keys(w.clients)) {
			c := w.clients[id]
			if len(ids) > 0 && !slices.Contains(ids, id) || len(c.inbox) == 0 || c.away {
				continue
			}
			m := c.inbox[0]
			c.inbox = c.inbox[1:]
			again = true
			for _, s := range c.take(m) {
				w.say("%s -> %s", id, short(s))
				w.signal(id, s)
			}
		}
	}
}

func short(s protocol.Signal) string {
	switch s := s.(type) {
	case *protocol.Offer:
		return fmt.Sprintf("offer %s to %s %s", s.Connector, s.Member, s.StreamType)
	case *protocol.Answer:
		return fmt.Sprintf("answer %s to %s", s.Connector, s.Remote)
	}
	return s.Event()
}

func (c *client) newEnd(e end) protocol.ConnectorID {
	c.n++
	id := protocol.ConnectorID(fmt.Sprint(c.id, c.n))
	c.ends[id] = e
	return id
}

func (c *client) description(kind string) protocol.Description {
	d := protocol.Description{Type: kind, SDP: "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"}
	if c.firefox {
		d.SDP = "v=0\r\no=mozilla...THIS_IS_SDPARTA-153.0 1 0 IN IP4 0.0.0.0\r\n"
	}
	return d
}

// take does what an existing client does with a message.
func (c *client) take(m protocol.Outgoing) []protocol.Signal {
	switch m := m.(type) {
	case *protocol.GetOffer:
		var list []protocol.Signal
		streams := []protocol.StreamType{protocol.StreamUser}
		if c.profile.Shares {
			streams = []protocol.StreamType{protocol.StreamDisplay, protocol.StreamUser}
		}
		for _, s := range streams {
			id := c.newEnd(end{member: m.Member, stream: s})
			list = append(list, &protocol.Offer{Connector: id, Member: m.Member, StreamType: s, Offer: c.description("offer")})
		}
		return list
	case *protocol.RelayedOffer:
		id := c.newEnd(end{remote: m.Remote, member: m.Member, stream: m.StreamType})
		return []protocol.Signal{&protocol.Answer{Remote: m.Remote, Connector: id, Member: m.Member, Answer: c.description("answer")}}
	case *protocol.RelayedAnswer:
		if e, ok := c.ends[m.Connector]; ok {
			e.remote = m.Remote
			c.ends[m.Connector] = e
		}
	case *protocol.ConnectorGone:
		delete(c.ends, m.Connector)
	}
	return nil
}

// share has a client offer its screen for every user connector it has.
func (w *world) share(id protocol.MemberID) {
	c := w.clients[id]
	c.profile.Shares = true
	for _, k := range slices.Sorted(maps.Keys(c.ends)) {
		if e := c.ends[k]; e.stream == protocol.StreamUser && e.remote != "" {
			d := c.newEnd(end{member: e.member, stream: protocol.StreamDisplay})
			o := &protocol.Offer{Connector: d, Member: e.member, StreamType: protocol.StreamDisplay, Offer: c.description("offer")}
			w.say("%s -> %s", id, short(o))
			w.signal(id, o)
		}
	}
}

func candidate(remote, member string) *protocol.ICECandidate {
	return &protocol.ICECandidate{
		Remote: protocol.ConnectorID(remote), Member: protocol.MemberID(member), Candidate: json.RawMessage(`{"candidate":""}`),
	}
}

// lasting checks what must hold when everybody has heard and answered
// everything: the clients have exactly the connectors of the one plane there
// is.
func (w *world) lasting() error {
	for id, c := range w.clients {
		sfu := w.plane.Mode(id) == protocol.ModeSFU
		users := map[protocol.MemberID]int{}
		for k, e := range c.ends {
			isServers := strings.HasPrefix(string(e.remote), "s")
			if isServers != sfu {
				return fmt.Errorf("%s has a connector %s to %s (%s) of the other mode", id, k, e.member, e.remote)
			}
			if e.stream == protocol.StreamUser {
				users[e.member]++
			}
		}
		for other := range w.clients {
			want := 1
			if other == id || sfu && c.profile.Downlink {
				want = 0
			}
			if users[other] != want {
				return fmt.Errorf("%s has %d user connectors to %s, want %d: %v", id, users[other], other, want, c.ends)
			}
		}
	}
	return nil
}

// ways reports whether any two members lost the way they had.
func (w *world) ways() error {
	if w.server != nil && w.server.wrong != nil {
		return w.server.wrong
	}
	return w.wrong
}
