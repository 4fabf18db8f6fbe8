// Package p2p is the relay plane: every signal goes to the member it names, and
// media goes from member to member. It knows nothing of rooms' rules, sockets
// or WebRTC; it reads one line of a session description and edits it.
//
// It keeps a ledger of connectors: for every pair of connected members both
// connector ids, learnt from offer and answer. From it, and not from what a
// client remembers, the members are told that a connector ended, and
// renegotiation finds its way.
//
// Invariants:
//
//   - A pair stands in the lists of exactly the two members it connects, and
//     both are attached.
//   - An answer is relayed only for a pair of the ledger. For any other the
//     answerer is told that its connector is gone: it was built while the
//     other side went away (PROTOCOL.md section 3).
//   - A member who was asked for an offer more often than needed, because one
//     side left and came back while it was building one, gets its surplus
//     connectors ended, so that no tile stands twice.
//
// Bounds: a member has at most maxPairs pairs, then its oldest is forgotten;
// forgetting costs a leave message, never a call.
package p2p

import (
	"encoding/json"
	"net/netip"
	"slices"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// maxPairs is far above a mesh of any usable size, with a display each.
const maxPairs = 1024

// maxEnded is how many ended connectors are remembered. What is still said to
// them while the news of their end travels is no mistake of the sender's.
const maxEnded = 512

// pair is one peer connection: two members and a connector of each.
type pair struct {
	offerer, answerer protocol.MemberID
	offered, answered protocol.ConnectorID // answered is empty until the answer
	streamType        protocol.StreamType

	// What the two clients said last of its state; empty: nothing.
	offererSays, answererSays string
	// The addresses that the two clients named.
	offererNames, answererNames names
}

func (p *pair) state(of protocol.MemberID) string {
	if of == p.offerer {
		return p.offererSays
	}
	return p.answererSays
}

// side is a pair as one of its members sees it: its own connector, the far
// one, and the member there.
func (p *pair) side(of protocol.MemberID) (own, other protocol.ConnectorID, who protocol.MemberID) {
	if of == p.offerer {
		return p.offered, p.answered, p.answerer
	}
	return p.answered, p.offered, p.offerer
}

// Plane is the relay. The room's goroutine owns it.
type Plane struct {
	order []protocol.MemberID // attached, oldest first
	pairs map[protocol.MemberID][]*pair
	asks  asks
	ended []protocol.ConnectorRef // connectors of members who left, oldest first
	// sharers were said to share a screen when they were attached.
	sharers map[protocol.MemberID]bool
	parted  map[twosome]bool // whom Part has parted; see between
	// addresses are those from which the server knows the members.
	addresses map[protocol.MemberID]netip.Addr
	out       []media.Event
}

var _ media.Plane = (*Plane)(nil)

// New makes the plane of one room.
func New() *Plane {
	return &Plane{
		pairs: map[protocol.MemberID][]*pair{}, asks: newAsks(), sharers: map[protocol.MemberID]bool{},
		parted:    map[twosome]bool{},
		addresses: map[protocol.MemberID]netip.Addr{},
	}
}

// Attach asks everybody who is there for an offer to the newcomer.
func (p *Plane) Attach(id protocol.MemberID, profile media.Profile) {
	to := &protocol.GetOffer{Member: id}
	for _, present := range p.order {
		p.meet(present, to, profile)
	}
	p.asks.attend(id)
	if profile.Shares {
		p.sharers[id] = true
	}
	p.order = append(p.order, id)
	p.pairs[id] = nil
	p.addresses[id] = profile.Address
}

// askFor asks a member for an offer. m may be shared: a newcomer's is the same
// message to everybody, so that it is encoded once.
func (p *Plane) askFor(who protocol.MemberID, m *protocol.GetOffer) {
	p.asks.add(who, m.Member)
	p.send(who, m)
}

func (p *Plane) attached(id protocol.MemberID) bool {
	_, ok := p.pairs[id]
	return ok
}

func (p *Plane) send(to protocol.MemberID, m protocol.Outgoing) {
	p.out = append(p.out, media.Event{To: to, Msg: m})
}

// Signal relays one message.
func (p *Plane) Signal(from protocol.MemberID, s protocol.Signal) error {
	switch m := s.(type) {
	case *protocol.Offer:
		return p.offer(from, m)
	case *protocol.Answer:
		return p.answer(from, m)
	case *protocol.ICECandidate:
		return p.candidate(from, m)
	case *protocol.ReconnectWork:
		return p.reconnectWork(from, m)
	}
	return protocol.NewError(protocol.ErrInvalid)
}

func (p *Plane) offer(from protocol.MemberID, m *protocol.Offer) error {
	if m.Member == from {
		return protocol.Invalid("memberId", "must be another member", "须为其他成员")
	}
	asked := m.StreamType == protocol.StreamUser && p.asks.take(from, m.Member)
	if !p.attached(m.Member) {
		p.send(from, &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member})
		if asked {
			return nil // it left while the client was building its offer
		}
		return protocol.NewError(protocol.ErrNotInRoom)
	}
	if p.areParted(from, m.Member) || asked && p.userPair(from, m.Member) != nil {
		p.send(from, &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member})
		return nil
	}
	if m.StreamType == protocol.StreamDisplay {
		p.forgetDisplay(from, m.Member, m.Connector)
	}
	n := p.find(from, m.Connector)
	if n == nil {
		n = &pair{offerer: from, answerer: m.Member, offered: m.Connector, streamType: m.StreamType}
		p.add(n)
	}
	p.send(m.Member, &protocol.RelayedOffer{
		Remote: m.Connector, Offer: p.edited(n, from, m.Offer), Member: from, StreamType: m.StreamType,
	})
	return nil
}

// forgetDisplay drops the earlier screens of a sharer at a member. They were
// ended over their data channels, which the server does not see; unless there
// was none yet, or the sharer was asked for an offer again: then the ends are
// told.
func (p *Plane) forgetDisplay(from, to protocol.MemberID, but protocol.ConnectorID) {
	for _, n := range slices.Clone(p.pairs[from]) {
		if n.offerer != from || n.answerer != to || n.streamType != protocol.StreamDisplay || n.offered == but {
			continue
		}
		p.remove(n)
		if n.answered != "" && !p.asks.open(from, to) {
			continue
		}
		p.send(from, &protocol.ConnectorGone{Connector: n.offered, Member: to})
		if n.answered != "" {
			p.send(to, &protocol.ConnectorGone{Connector: n.answered, Member: from})
		}
	}
}

func (p *Plane) add(n *pair) {
	for _, id := range []protocol.MemberID{n.offerer, n.answerer} {
		if list := p.pairs[id]; len(list) >= maxPairs {
			p.remove(list[0])
		}
		p.pairs[id] = append(p.pairs[id], n)
	}
}

func (p *Plane) remove(n *pair) {
	for _, id := range []protocol.MemberID{n.offerer, n.answerer} {
		if list, ok := p.pairs[id]; ok {
			p.pairs[id] = slices.DeleteFunc(list, func(x *pair) bool { return x == n })
		}
	}
}

// find gives the pair a member's own connector belongs to.
func (p *Plane) find(id protocol.MemberID, own protocol.ConnectorID) *pair {
	for _, n := range p.pairs[id] {
		if c, _, _ := n.side(id); c == own && own != "" {
			return n
		}
	}
	return nil
}

// userPair gives the user pair between two members.
func (p *Plane) userPair(a, b protocol.MemberID) *pair {
	for _, n := range p.pairs[a] {
		if _, _, who := n.side(a); who == b && n.streamType == protocol.StreamUser {
			return n
		}
	}
	return nil
}

func (p *Plane) answer(from protocol.MemberID, m *protocol.Answer) error {
	n := p.find(m.Member, m.Remote)
	if n == nil || n.offerer != m.Member || n.answerer != from || n.answered != "" && n.answered != m.Connector {
		p.send(from, &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member})
		return nil
	}
	n.answered = m.Connector
	p.send(m.Member, &protocol.RelayedAnswer{
		Remote: m.Connector, Connector: m.Remote, Answer: p.edited(n, from, m.Answer), Member: from,
	})
	return nil
}

func (p *Plane) candidate(from protocol.MemberID, m *protocol.ICECandidate) error {
	if !p.attached(m.Member) {
		if p.hasEnded(m.Member, m.Remote) {
			return nil
		}
		return protocol.NewError(protocol.ErrNotInRoom)
	}
	n := p.find(m.Member, m.Remote)
	if n == nil {
		return nil // its connector has ended, or never was: no client can use it
	}
	if _, _, who := n.side(m.Member); who != from {
		return protocol.NewError(protocol.ErrGone) // it leads to another member
	}
	if !p.mayName(n, from, m.Line) {
		return nil
	}
	p.send(m.Member, &protocol.RelayedCandidate{Connector: m.Remote, Candidate: m.Candidate})
	return nil
}

// reconnectWork goes to the other end of the sender's connector, whatever
// member the client named: it only echoes what it was told.
func (p *Plane) reconnectWork(from protocol.MemberID, m *protocol.ReconnectWork) error {
	n := p.find(from, m.Connector)
	if n == nil || n.answered == "" {
		if m.Member != "" && !p.attached(m.Member) {
			p.send(from, &protocol.ConnectorGone{Connector: m.Connector, Member: m.Member})
			return nil
		}
		return protocol.NewError(protocol.ErrGone)
	}
	_, other, who := n.side(from)
	out := &protocol.Renegotiate{Type: m.Type, Data: m.Extra, Connector: other, Member: from}
	var inner any
	switch {
	case m.Offer != nil:
		inner = struct {
			Offer protocol.Description `json:"offer"`
		}{p.edited(n, from, *m.Offer)}
	case m.Answer != nil:
		inner = struct {
			Answer protocol.Description `json:"answer"`
		}{p.edited(n, from, *m.Answer)}
	}
	if inner != nil {
		data, err := protocol.Encode(inner)
		if err != nil {
			return protocol.NewError(protocol.ErrInternal)
		}
		out.Data = json.RawMessage(data)
	}
	p.send(who, out)
	return nil
}

// Return mends what the drop of a socket can have broken: members without a
// connection to the returner are asked for one, and, if the returner's address
// changed, the other side of each connection is asked to restart it. What was
// offered to the returner and not answered the room says again.
func (p *Plane) Return(id protocol.MemberID, how media.Return) []protocol.ConnectorRef {
	if how.Address.IsValid() {
		p.addresses[id] = how.Address
	}
	var refs []protocol.ConnectorRef
	for _, n := range p.pairs[id] {
		own, other, who := n.side(id)
		if own == "" {
			continue
		}
		refs = append(refs, protocol.ConnectorRef{Connector: own, Member: who})
		if how.Moved && n.answered != "" {
			p.send(who, &protocol.Renegotiate{Type: protocol.EventGetOffer, Connector: other, Member: id})
		}
	}
	to := &protocol.GetOffer{Member: id}
	for _, present := range p.order {
		if present != id && !p.areParted(id, present) && p.userPair(id, present) == nil {
			p.askFor(present, to)
		}
	}
	return refs
}

// Detach tells everybody with a connector to the member that it ended.
func (p *Plane) Detach(id protocol.MemberID, named []protocol.LeaveItem) {
	told := map[protocol.ConnectorRef]bool{}
	tell := func(who protocol.MemberID, connector protocol.ConnectorID) {
		ref := protocol.ConnectorRef{Connector: connector, Member: who}
		if connector == "" || told[ref] || who == id || !p.attached(who) {
			return
		}
		told[ref] = true
		p.send(who, &protocol.ConnectorGone{Connector: connector, Member: id})
	}
	for _, n := range slices.Clone(p.pairs[id]) {
		own, other, who := n.side(id)
		tell(who, other)
		p.remove(n)
		p.remember(protocol.ConnectorRef{Connector: own, Member: id})
	}
	for _, item := range named {
		if p.find(item.Member, item.Remote) == nil { // else it leads to somebody else
			tell(item.Member, item.Remote)
		}
	}
	p.asks.depart(id)
	delete(p.pairs, id)
	delete(p.sharers, id)
	p.forgetParted(id)
	delete(p.addresses, id)
	p.order = slices.DeleteFunc(p.order, func(m protocol.MemberID) bool { return m == id })
}

func (p *Plane) remember(ref protocol.ConnectorRef) {
	if len(p.ended) == maxEnded {
		p.ended = slices.Delete(p.ended, 0, maxEnded/2)
	}
	p.ended = append(p.ended, ref)
}

func (p *Plane) hasEnded(id protocol.MemberID, c protocol.ConnectorID) bool {
	return slices.Contains(p.ended, protocol.ConnectorRef{Connector: c, Member: id})
}
