package sfu

import (
	"log/slog"
	"maps"
	"slices"

	"lectern/sfu/codec"
	"lectern/sfu/track"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

const (
	// maxConnectors is how many connectors one client may open. What the
	// server opens is bounded by the room's members.
	maxConnectors = 512
	// maxEnded is how many ended connectors are remembered. What is still said
	// to them while the news of their end travels is no mistake of the client.
	maxEnded = 1024
	// maxAsks bounds how many unanswered getOffers are remembered.
	maxAsks = 1024
)

// ask is a getOffer: who was asked to offer to whom.
type ask struct{ who, to protocol.MemberID }

// Plane is the SFU of one room. The room's goroutine owns all of it but queue.
type Plane struct {
	log      *slog.Logger
	makeLink linkMaker
	identity identity
	fan      *track.Fanout // nil in tests without packets
	queue    *queue

	members    map[protocol.MemberID]*member
	order      []*member        // oldest first
	stage      []*member        // those who publish, in the order they came on stage
	joined     uint64           // how many ever did
	choosy     map[*member]bool // whose clients refuse some format
	connectors map[protocol.ConnectorID]*connector
	asks       map[ask]int // getOffers that no offer has followed yet
	apart      map[sight]bool
	ended      []protocol.ConnectorID
	untidy     []*member // see tidy
	out        []media.Event
}

// identity is what all descriptions of a server have in common.
type identity struct {
	fingerprint string // SHA-256, as in SDP
	maxBitrate  uint64 // bit/s of a client's video; 0: no limit
}

var _ media.Plane = (*Plane)(nil)

func newPlane(log *slog.Logger, id identity, makeLink linkMaker) *Plane {
	return &Plane{
		log: log, makeLink: makeLink, identity: id, queue: newQueue(),
		members:    map[protocol.MemberID]*member{},
		choosy:     map[*member]bool{},
		connectors: map[protocol.ConnectorID]*connector{},
		asks:       map[ask]int{},
		apart:      map[sight]bool{},
	}
}

// member is one client.
type member struct {
	id         protocol.MemberID
	joined     uint64       // the how manieth it was
	stage      bool         // it publishes
	downlink   bool         // its client takes one connector for everything
	shares     bool         // its client shares a screen and has not offered it yet
	aimed      bool         // its files go somewhere
	connectors []*connector // with its client, oldest first
	down       *connector   // of a client that takes one; nil: not needed yet
	user       *publication
	display    *publication // nil while no screen is shared
	hidden     map[protocol.StreamRef]bool

	// What waits for its client. An existing one has a box for each sender of
	// files and one for chat, others have one for all files.
	boxes map[protocol.MemberID]*box
	inbox *box // nil at existing clients
	lines *box // nil at clients that are told by event
	said  recent

	// refuses are the formats its client was offered and did not take.
	refuses [2][]codec.Codec

	// Of an existing client (uploads.go).
	hushed bool    // in the audience: what it sends is not wanted
	wish   [2]bool // what it would send while hushed; by codec.Kind
	heard  bool    // its client has said whether it sends
	told   bool    // the room was told last that it sends
}

func newMember(id protocol.MemberID, profile media.Profile, joined uint64) *member {
	m := &member{
		id: id, joined: joined, stage: profile.Stage, downlink: profile.Downlink, shares: profile.Shares,
		boxes: map[protocol.MemberID]*box{},
	}
	if m.downlink {
		m.inbox = newBox()
	}
	if !profile.Events {
		m.lines = newBox()
		m.lines.steady = true
	}
	return m
}

// close ends what is the member's alone.
func (m *member) close() {
	for _, b := range m.boxes {
		b.close()
	}
	for _, b := range []*box{m.inbox, m.lines} {
		if b != nil {
			b.close()
		}
	}
	m.user.close()
	if m.display != nil {
		m.display.close()
	}
}

// boxFrom holds what another member says to this one.
func (m *member) boxFrom(other protocol.MemberID) *box {
	b := m.boxes[other]
	if b == nil {
		b = newBox()
		m.boxes[other] = b
	}
	return b
}

// userConnector is the member's connector that plays another one.
func (m *member) userConnector(plays protocol.MemberID) *connector {
	for _, c := range m.connectors {
		if c.stream == protocol.StreamUser && c.plays == plays {
			return c
		}
	}
	return nil
}

// own finds a connector by the client's id for it.
func (m *member) own(id protocol.ConnectorID) *connector {
	for _, c := range m.connectors {
		if c.remoteID == id && id != "" {
			return c
		}
	}
	return nil
}

func (p *Plane) askFor(who, to protocol.MemberID) {
	if len(p.asks) >= maxAsks {
		for a := range p.asks {
			if p.members[a.who] == nil || p.members[a.to] == nil && a.to != standIn {
				delete(p.asks, a)
			}
		}
	}
	p.asks[ask{who, to}]++
	p.send(who, &protocol.GetOffer{Member: to})
}

// answerAsk takes one outstanding getOffer back, if there is one.
func (p *Plane) answerAsk(a ask) bool {
	n := p.asks[a]
	if n <= 1 {
		delete(p.asks, a)
	} else {
		p.asks[a] = n - 1
	}
	return n > 0
}

func (p *Plane) send(to protocol.MemberID, m protocol.Outgoing) {
	p.out = append(p.out, media.Event{To: to, Msg: m})
}

// connect begins a connector that the server offers.
func (p *Plane) connect(at *member, plays protocol.MemberID, stream protocol.StreamType, source *publication) *connector {
	c := p.newConnector(at, plays, stream)
	c.source = source
	c.layOut()
	c.link = p.openLink(c)
	return c
}

func (p *Plane) newConnector(at *member, plays protocol.MemberID, stream protocol.StreamType) *connector {
	c := newConnector(p, at, plays, stream)
	at.connectors = append(at.connectors, c)
	p.connectors[c.id] = c
	return c
}

// openLink makes the link of a connector. Files and chat go over user
// connectors.
func (p *Plane) openLink(c *connector) link {
	if c.stream != protocol.StreamUser {
		return p.makeLink(c, nil, nil)
	}
	p.aimConnector(c)
	m := c.member
	if m.downlink {
		return p.makeLink(c, c.files, []*box{m.inbox})
	}
	var out []*box
	if m.lines != nil {
		out = append(out, m.lines)
	}
	if other := p.members[c.plays]; other != nil {
		out = append(out, m.boxFrom(other.id))
	}
	return p.makeLink(c, c.files, out)
}

// Return mends what the drop of a socket can have broken: connections that
// could not be had are tried again, and if the client's address changed, the
// others are restarted. What was offered and not answered the room says again.
func (p *Plane) Return(id protocol.MemberID, how media.Return) []protocol.ConnectorRef {
	m := p.members[id]
	if m == nil {
		return nil
	}
	p.queue.run()
	var refs []protocol.ConnectorRef
	for _, c := range slices.Clone(m.connectors) {
		if c.remoteID == "" {
			continue
		}
		refs = append(refs, protocol.ConnectorRef{Connector: c.remoteID, Member: c.plays})
		if how.Moved {
			c.moved()
		}
	}
	p.tryAgain(m)
	return refs
}

// tryAgain has a member see whom it does not see, and be seen: a connection that
// failed for good while the network was away is no reason against another one.
// What the client was asked for, and has not offered, it is asked for again.
func (p *Plane) tryAgain(m *member) {
	for a := range p.asks {
		if a.who == m.id && a.to == standIn {
			p.send(m.id, &protocol.GetOffer{Member: standIn})
		}
	}
	for _, other := range slices.Clone(p.stage) {
		if other == m {
			continue
		}
		if other.display != nil && !m.sees(other.display) {
			p.showDisplay(m, other)
		}
		switch {
		case m.sees(other.user):
		case p.asks[ask{m.id, other.id}] > 0:
			p.send(m.id, &protocol.GetOffer{Member: other.id})
		default:
			p.show(m, other)
		}
	}
	if m.stage {
		p.ensureUplink(m)
	}
}

// Detach ends everything of a member, and its tiles at the others.
func (p *Plane) Detach(id protocol.MemberID, _ []protocol.LeaveItem) {
	m := p.members[id]
	if m == nil {
		return
	}
	p.queue.run()
	delete(p.members, id)
	p.reunite(id)
	maps.DeleteFunc(p.asks, func(a ask, _ int) bool { return a.who == id })
	p.order = slices.DeleteFunc(p.order, func(x *member) bool { return x == m })
	p.stage = slices.DeleteFunc(p.stage, func(x *member) bool { return x == m })
	m.user.uplink = nil // it does not move
	for _, c := range slices.Clone(m.connectors) {
		p.end(c)
	}
	if m.user.seen {
		p.forget(m)
	}
	m.close()
	if p.choosy[m] {
		delete(p.choosy, m)
		p.pin()
	}
	if m.stage {
		p.aim()
	}
	p.ensureUplinks()
}

// forget ends the tiles of a member that is gone, and what it has said to the
// others and they have not heard.
func (p *Plane) forget(m *member) {
	for _, other := range p.order {
		other.stopReceiving(m.user)
		for _, c := range slices.Clone(other.connectors) {
			if c.plays == m.id && !c.carriesDisplay() && !p.outlives(c) {
				p.end(c)
				p.tellGone(c)
			}
		}
		if b := other.boxes[m.id]; b != nil {
			b.close()
			delete(other.boxes, m.id)
		}
	}
}

// tellGone tells the client that its connector has no other end any more. An
// answer that comes for it later is told the same.
func (p *Plane) tellGone(c *connector) {
	if c.remoteID != "" {
		p.send(c.member.id, &protocol.ConnectorGone{Connector: c.remoteID, Member: c.plays})
	}
}

// end forgets a connector and lets its member's publication go on elsewhere.
func (p *Plane) end(c *connector) {
	if c.ended {
		return
	}
	c.end()
	delete(p.connectors, c.id)
	if c.member.down == c {
		c.member.down = nil
	}
	c.member.connectors = slices.DeleteFunc(c.member.connectors, func(x *connector) bool { return x == c })
	if len(p.ended) == maxEnded {
		p.ended = slices.Delete(p.ended, 0, maxEnded/2)
	}
	p.ended = append(p.ended, c.id)
	if pub := c.member.user; pub.uplink == c {
		p.loseUplink(pub, c)
	}
	if c.carriesDisplay() {
		p.endDisplay(c.member)
	}
}

// Ready is readable when something happened in the background.
func (p *Plane) Ready() <-chan struct{} { return p.queue.ready }

// Drain gives what is to be sent since the last call.
func (p *Plane) Drain() []media.Event {
	p.queue.run()
	p.tidy()
	out := p.out
	p.out = nil
	return out
}

// Close ends all connectors.
func (p *Plane) Close() error {
	p.queue.close()
	for _, c := range p.connectors {
		c.end()
	}
	for _, m := range p.order {
		m.close()
	}
	p.members, p.order, p.stage, p.connectors = nil, nil, nil, nil
	return nil
}
