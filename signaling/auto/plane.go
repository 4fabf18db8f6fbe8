package auto

import (
	"log/slog"
	"slices"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// Relay is what auto needs of its P2P plane. *p2p.Plane is one.
type Relay interface {
	media.Plane
	// Knows reports whether a signal is about a connector of this plane, or
	// is the offer that a getOffer of this plane asked for.
	Knows(from protocol.MemberID, s protocol.Signal) bool
	// Shares reports whether a member offers its screen to somebody. It may
	// be out of date.
	Shares(id protocol.MemberID) bool
	// Answered reports whether two members have a user connector that both
	// know.
	Answered(a, b protocol.MemberID) bool
	// Connected reports whether a member's client said that its user
	// connector to another one is connected.
	Connected(id, to protocol.MemberID) bool
	// Failed gives two members whose connector failed for good.
	Failed() (a, b protocol.MemberID, ok bool)
	// AskAgain asks a member for an offer to everybody, so that its client
	// offers its screen again.
	AskAgain(id protocol.MemberID)
	// Part ends every connector of two members with each other, and connects
	// them no more until Meet, which has one of them asked for an offer.
	Part(a, b protocol.MemberID)
	Meet(who, to protocol.MemberID)
	// Connector is a member's own user connector to another one; empty: it has
	// none that is known.
	Connector(id, to protocol.MemberID) protocol.ConnectorID
}

// Server is what auto needs of its SFU plane.
type Server interface {
	media.Plane
	// Knows is as that of Relay.
	Knows(from protocol.MemberID, s protocol.Signal) bool
	// Carries reports whether all that is wanted of a member flows: its
	// connectors are connected, what its client sends has arrived, what it is
	// to receive is negotiated and, if video, began with a keyframe. It is
	// cheap: it is asked some forty times a second during a change.
	Carries(id protocol.MemberID) bool
	// Apart has two members not see each other until Show, which is said for
	// each of them. What they see of each other is ended.
	Apart(a, b protocol.MemberID)
	Show(at, of protocol.MemberID)
	// Plays reports whether all that a member is to have of another one flows.
	// It is false while they are apart. Flows reports whether what a member's
	// client says it sends has come, HasUplink whether it has a connector, or
	// was asked for one, for that to come over.
	Plays(at, of protocol.MemberID) bool
	Flows(id protocol.MemberID) bool
	HasUplink(id protocol.MemberID) bool
	// Reached reports whether a member's client answered a check of any of its
	// connectors. tried is whether it could have: it has the server's addresses.
	Reached(id protocol.MemberID) (reached, tried bool)
}

// Config is what a Plane is made of.
type Config struct {
	NewRelay  func() Relay
	NewServer func() Server

	MaxP2P int           // members a mesh may have; 0: DefaultMaxP2P
	Return time.Duration // how long a room must have been small before it goes back; 0: never

	// Go runs what takes time, the closing of a server that is no longer
	// needed, beside the room. nil: it is waited for.
	Go     func(func())
	Logger *slog.Logger // nil: silent
}

// DefaultMaxP2P is how many members a mesh may have unless Config says
// otherwise: each of them sends its picture three times then.
const DefaultMaxP2P = 4

// Plane is a room's media that changes its way. The room's goroutine owns it.
type Plane struct {
	config Config
	log    *slog.Logger
	now    time.Time // of the last Tick
	due    time.Time // of the next one, as the last one saw it

	members map[protocol.MemberID]*member
	order   []*member // oldest first

	relay  Relay   // nil in SFU mode, but for a change
	server Server  // nil in P2P mode, but for a change
	change *change // nil: none is under way

	pinned protocol.Mode // what was asked for by hand; empty: nothing

	failed since // a connector of the relay has
	small  since // the room could go back
	wanted since // a reason for a change holds, but it has to wait
	retry  backoff
	broken [2]protocol.MemberID // who could not reach each other; empty: nobody

	endedAt time.Time // when a plane was given up last

	relayAsks, serverAsks asks // getOffers that no offer has followed yet
	lateAsks              asks // those of a plane that has ended
	past                  refs // connectors that may have ended

	out []media.Event
}

var _ media.Plane = (*Plane)(nil)

// member is what a new plane is told of a member.
type member struct {
	id      protocol.MemberID
	profile media.Profile // Stage is kept up to date; Shares is as it came
	hidden  []protocol.StreamRef

	inRelay, inServer bool
	spoke             bool // it answered the server that is there, or offered it something
	toldSFU           bool // its joined said so, no event did
	talk              talk // its lines of chat
	shares            bool // it offered a screen to the server that is there
	firefox           bool // it is an existing client on Firefox
	sends             bool // the server that is there said so
	away, busy        bool
	awayFor           since
	saturated         bool
	saturatedFor      since
}

// New makes the plane of one room, which starts in P2P mode.
func New(c Config) *Plane {
	if c.MaxP2P <= 0 {
		c.MaxP2P = DefaultMaxP2P
	}
	if c.Go == nil {
		c.Go = func(f func()) { f() }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Plane{
		config: c, log: c.Logger, relay: c.NewRelay(),
		members:   map[protocol.MemberID]*member{},
		relayAsks: asks{}, serverAsks: asks{}, lateAsks: asks{},
	}
}

// Attach adds a member. If it is the one too many for a mesh, or comes while
// the room changes to SFU mode, the relay never sees it.
func (p *Plane) Attach(id protocol.MemberID, profile media.Profile) {
	m := &member{id: id, profile: profile}
	p.members[id] = m
	p.order = append(p.order, m)
	switch {
	case p.change == nil && p.mode() == protocol.ModeP2P:
		if why := p.reason(); why == "" || p.held() {
			p.toRelay(m, profile.Shares)
			return
		}
		p.promote()
	case p.change.back():
		p.toRelay(m, profile.Shares)
		return
	default:
		p.toServer(m, profile.Shares)
		if p.relay != nil && p.mode() == protocol.ModeSFU {
			p.toRelay(m, profile.Shares)
		}
	}
	m.toldSFU = true
}

func (p *Plane) toRelay(m *member, shares bool) {
	m.inRelay = true
	profile := m.profile
	profile.Shares = shares
	p.relay.Attach(m.id, profile)
}

func (p *Plane) toServer(m *member, shares bool) {
	m.inServer = true
	profile := m.profile
	profile.Shares = shares
	p.server.Attach(m.id, profile)
}

// mode is the room's. While it changes, it is still the old one.
func (p *Plane) mode() protocol.Mode {
	if p.server == nil || p.change != nil && (p.change.to == protocol.ModeSFU || p.change.retreats) {
		return protocol.ModeP2P
	}
	return protocol.ModeSFU
}

// each calls f with every plane a member is attached to, the older one first.
func (p *Plane) each(m *member, f func(media.Plane)) {
	if m.inRelay && p.mode() == protocol.ModeP2P {
		f(p.relay)
	}
	if m.inServer {
		f(p.server)
	}
	if m.inRelay && p.mode() == protocol.ModeSFU {
		f(p.relay)
	}
}

// SetStage has a member publish from now on, or no longer.
func (p *Plane) SetStage(id protocol.MemberID, onStage bool) {
	if m := p.members[id]; m != nil {
		m.profile.Stage = onStage
		p.each(m, func(plane media.Plane) { plane.SetStage(id, onStage) })
	}
}

// View is remembered, and told a new server.
func (p *Plane) View(id protocol.MemberID, hidden []protocol.StreamRef) {
	if m := p.members[id]; m != nil {
		m.hidden = slices.Clone(hidden)
		p.each(m, func(plane media.Plane) { plane.View(id, hidden) })
	}
}

// Report takes in what a member's client sees: it may be a reason to change,
// or to wait.
func (p *Plane) Report(id protocol.MemberID, r *protocol.Report) {
	m := p.members[id]
	if m == nil {
		return
	}
	if r.Saturated != nil {
		m.saturated = *r.Saturated
	}
	if r.Busy != nil {
		m.busy = *r.Busy
	}
	p.each(m, func(plane media.Plane) { plane.Report(id, r) })
}

// Away says that a member's socket is gone. Nothing changes while one is away.
func (p *Plane) Away(id protocol.MemberID) {
	if m := p.members[id]; m != nil {
		m.away, m.awayFor = true, since{}
		p.each(m, func(plane media.Plane) { plane.Away(id) })
	}
}

// Return says that a member is back. During a change its connectors are those
// of both planes.
func (p *Plane) Return(id protocol.MemberID, how media.Return) []protocol.ConnectorRef {
	m := p.members[id]
	if m == nil {
		return nil
	}
	m.away, m.awayFor = false, since{}
	if how.Address.IsValid() {
		m.profile.Address = how.Address
	}
	m.toldSFU = m.toldSFU || p.Mode(id) == protocol.ModeSFU
	var list []protocol.ConnectorRef
	p.each(m, func(plane media.Plane) { list = append(list, plane.Return(id, how)...) })
	return list
}

// Detach removes a member from both planes. A change goes on without it.
func (p *Plane) Detach(id protocol.MemberID, named []protocol.LeaveItem) {
	m := p.members[id]
	if m == nil {
		return
	}
	p.absorb()
	if p.change != nil || len(p.past.list) > 0 {
		// The relay believes what a client names; the server's connectors
		// are none of its business.
		named = slices.DeleteFunc(slices.Clone(named), func(i protocol.LeaveItem) bool {
			return p.past.has(i.Member, i.Remote)
		})
	}
	p.each(m, func(plane media.Plane) { plane.Detach(id, named) })
	delete(p.members, id)
	p.order = slices.DeleteFunc(p.order, func(x *member) bool { return x == m })
	p.relayAsks.forget(id)
	p.serverAsks.forget(id)
	if p.change != nil {
		p.change.forget(m)
	}
}

// Mode is SFU as soon as there is a server: from then on it takes what members
// say, and during a change it knows who has heard it already. When a change to
// SFU mode has failed it is P2P, though the server may still carry a member.
func (p *Plane) Mode(id protocol.MemberID) protocol.Mode {
	switch retreats := p.change.back(); {
	case p.server != nil && !retreats:
		return protocol.ModeSFU
	case p.change == nil && p.members[id] == nil && !p.held() && (p.reason() != "" || len(p.order) >= p.config.MaxP2P):
		return protocol.ModeSFU
	}
	return protocol.ModeP2P
}

// Ready is the server's, so it is another one when there is another server, or
// none.
func (p *Plane) Ready() <-chan struct{} {
	if p.server != nil {
		return p.server.Ready()
	}
	return p.relay.Ready()
}

// Drain gives what is to be sent since the last call.
func (p *Plane) Drain() []media.Event {
	p.absorb()
	out := p.out
	p.out = nil
	return out
}

// Close ends both planes.
func (p *Plane) Close() error {
	var err error
	if p.server != nil {
		err = p.server.Close()
	}
	if p.relay != nil {
		if e := p.relay.Close(); err == nil {
			err = e
		}
	}
	return err
}
