package auto

import (
	"slices"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// promote begins the change to SFU mode: both planes live side by side. If one
// that failed is being taken back, it goes on from there.
func (p *Plane) promote() {
	was := p.change
	p.change = &change{
		to: protocol.ModeSFU, why: p.reason(), byHand: p.pinned == protocol.ModeSFU,
		screens: map[protocol.MemberID]bool{},
	}
	if p.pinned == protocol.ModeP2P {
		p.pinned = ""
	}
	p.broken = [2]protocol.MemberID{}
	if a, b, ok := p.relay.Failed(); ok {
		p.broken = [2]protocol.MemberID{a, b}
	}
	p.log.Info("the room changes to SFU mode", "why", p.change.why, "members", len(p.order))
	if p.server == nil {
		p.server = p.config.NewServer()
	}
	p.eachPair(func(a, b *member) { p.setOut(a, b, was) })
	for _, m := range p.order {
		shares := m.profile.Shares
		if m.inRelay {
			shares = p.relay.Shares(m.id)
		}
		if shares && !m.shares {
			p.change.screens[m.id] = true
		}
		if !m.inServer {
			p.toServer(m, shares)
		}
	}
	for _, m := range p.order {
		if len(m.hidden) > 0 {
			p.server.View(m.id, m.hidden)
		}
	}
}

// eachPair calls f with every two members, the older one first.
func (p *Plane) eachPair(f func(a, b *member)) {
	for i, b := range p.order {
		for _, a := range p.order[:i] {
			f(a, b)
		}
	}
}

// setOut begins the way of two members to the server. If the mesh connects
// them, they are kept apart until it is their turn; else they have nothing to
// lose.
func (p *Plane) setOut(a, b *member, was *change) {
	if !a.inRelay || !b.inRelay {
		return
	}
	served := was != nil && slices.ContainsFunc(was.pairs, func(x *pair) bool { return x.has(a) && x.has(b) })
	switch {
	case served:
		p.relay.Part(a.id, b.id) // the server still carries them
	case p.relay.Answered(a.id, b.id):
		p.server.Apart(a.id, b.id)
		p.change.pairs = append(p.change.pairs, &pair{a: a, b: b})
	default:
		p.relay.Part(a.id, b.id)
		p.server.Show(a.id, b.id)
		p.server.Show(b.id, a.id)
	}
}

// cut ends the mesh. The server carries everything.
func (p *Plane) cut() {
	p.absorb()
	p.log.Info("the room is in SFU mode", "why", p.change.why, "members", len(p.order))
	p.emit(media.Event{Moved: protocol.ModeSFU})
	for _, m := range p.order {
		m.saturatedFor = since{}
	}
	p.endRelay()
	p.retry = backoff{}
}

// giveUp has every pair carried by the mesh again, one after the other: what
// only the server carries stays there until the mesh does. stays is told the
// hosts; nil: nothing is.
func (p *Plane) giveUp(why string, stays *protocol.Error) {
	p.absorb()
	p.log.Info("the room stays in P2P mode", "why", why, "tried for", p.change.why)
	for _, m := range p.order {
		if m.toldSFU && m.profile.Events {
			p.emit(media.Event{To: m.id, Msg: &protocol.ModeChanged{Mode: protocol.ModeP2P}})
		}
		m.toldSFU = false
	}
	if stays != nil {
		p.emit(media.Event{Stays: stays})
	}
	p.change = &change{to: protocol.ModeP2P, why: why, retreats: true}
	p.eachPair(p.turnBack)
	if len(p.change.pairs) == 0 {
		p.absorb() // whose connectors have just ended
		p.endServer()
	}
	p.reconnect()
}

// turnBack begins the way of two members back to the mesh. What the mesh
// carries, and what nothing does, the server loses.
func (p *Plane) turnBack(a, b *member) {
	meshed := a.inRelay && b.inRelay && p.relay.Answered(a.id, b.id)
	if !meshed && (p.server.Plays(a.id, b.id) || p.server.Plays(b.id, a.id)) {
		p.change.pairs = append(p.change.pairs, &pair{a: a, b: b})
		return
	}
	p.server.Apart(a.id, b.id)
}

// reconnect has the relay connect everybody it does not connect.
func (p *Plane) reconnect() {
	newcomers := slices.DeleteFunc(slices.Clone(p.order), func(m *member) bool { return m.inRelay })
	sharing := map[*member]bool{}
	for _, m := range newcomers {
		sharing[m] = m.shares || m.profile.Shares
	}
	p.askForScreens()
	p.eachPair(func(a, b *member) {
		if a.inRelay && b.inRelay {
			p.relay.Meet(a.id, b.id)
		}
	})
	for _, m := range newcomers {
		p.toRelay(m, sharing[m])
	}
}

// retreated ends what the server has.
func (p *Plane) retreated() {
	p.absorb()
	p.log.Info("the room is in P2P mode again", "members", len(p.order))
	p.endServer()
	p.askForScreens()
}

// askForScreens has the mesh get the screens that only the server has had.
func (p *Plane) askForScreens() {
	for _, m := range p.order {
		if m.inRelay && m.shares && !p.relay.Shares(m.id) {
			p.relay.AskAgain(m.id)
		}
		if p.server == nil {
			m.shares = false
		}
	}
}

// goBack begins the change to P2P mode.
func (p *Plane) goBack(byHand bool) {
	p.change = &change{to: protocol.ModeP2P, why: "small", byHand: byHand}
	if byHand {
		p.change.why = "asked for"
	}
	p.log.Info("the room changes to P2P mode", "why", p.change.why, "members", len(p.order))
	p.relay = p.config.NewRelay()
	p.failed = since{}
	for _, m := range p.order {
		p.toRelay(m, m.shares)
	}
}

// cutBack ends what the server has. The mesh carries everything.
func (p *Plane) cutBack() {
	p.absorb()
	p.log.Info("the room is in P2P mode", "why", p.change.why, "members", len(p.order))
	p.emit(media.Event{Moved: protocol.ModeP2P})
	p.endServer()
	p.askForScreens()
	for _, m := range p.order {
		m.saturated = false
	}
	p.broken, p.retry = [2]protocol.MemberID{}, backoff{}
}

// stay ends what the relay has, for the room stays in SFU mode.
func (p *Plane) stay(why string, stays *protocol.Error) {
	p.absorb()
	p.log.Info("the room stays in SFU mode", "why", why, "tried for", p.change.why)
	p.endRelay()
	p.small = since{}
	if stays != nil {
		p.emit(media.Event{Stays: stays})
	}
}

// endRelay and endServer end one plane and the change with it. Nothing of that
// plane is said afterwards.

func (p *Plane) endRelay() {
	p.end(p.relay, func(m *member) *bool { return &m.inRelay })
	if err := p.relay.Close(); err != nil {
		p.log.Error("closing the relay", "err", err)
	}
	p.lateAsks.take(p.relayAsks)
	p.endedAt = p.now
	p.relay, p.change, p.failed = nil, nil, since{}
}

func (p *Plane) endServer() {
	p.end(p.server, func(m *member) *bool { return &m.inServer })
	server := p.server
	p.config.Go(func() {
		if err := server.Close(); err != nil {
			p.log.Error("closing the room's server", "err", err)
		}
	})
	p.lateAsks.take(p.serverAsks)
	p.endedAt = p.now
	p.server, p.change = nil, nil
	for _, m := range p.order {
		if m.sends {
			p.emit(media.Event{Sends: &media.Sends{Member: m.id}})
		}
		m.toldSFU, m.spoke, m.sends = false, false, false
	}
}

// end tells everybody that the connectors of a plane ended. A plane that loses
// a member tells the others only; here nobody leaves the room, so each has to
// hear of its own. A connector that its client has not named yet is ended when
// it does: nobody knows it then.
func (p *Plane) end(plane media.Plane, in func(*member) *bool) {
	for _, m := range p.order {
		attached := in(m)
		if !*attached {
			continue
		}
		*attached = false
		for _, ref := range plane.Return(m.id, media.Return{}) {
			p.past.add(m.id, ref.Connector)
			p.emit(media.Event{To: m.id, Msg: &protocol.ConnectorGone{Connector: ref.Connector, Member: ref.Member}})
		}
	}
	for _, e := range plane.Drain() { // it would mend what is no more
		if e.Said != nil {
			p.emit(e)
		}
	}
}

func (p *Plane) emit(e media.Event) { p.out = append(p.out, e) }
