package auto

import (
	"fmt"

	"lectern/signaling/protocol"
)

// Check reports a broken invariant of the plane; tests call it after every
// step. It is for the plane's owner.
func (p *Plane) Check() error {
	if len(p.order) != len(p.members) {
		return fmt.Errorf("auto: %d members, %d ids", len(p.order), len(p.members))
	}
	if p.relay == nil && p.server == nil {
		return fmt.Errorf("auto: there is no plane")
	}
	if both := p.relay != nil && p.server != nil; both != (p.change != nil) {
		return fmt.Errorf("auto: two planes: %v, a change under way: %v", both, p.change != nil)
	}
	for _, m := range p.order {
		switch {
		case p.members[m.id] != m:
			return fmt.Errorf("auto: member %s is not found by its id", m.id)
		case m.inRelay && p.relay == nil || m.inServer && p.server == nil:
			return fmt.Errorf("auto: member %s is attached to a plane that has ended", m.id)
		case !m.inRelay && !m.inServer:
			return fmt.Errorf("auto: member %s is attached to no plane", m.id)
		case p.server != nil && !m.inServer && !p.change.back():
			return fmt.Errorf("auto: member %s is not attached to the server", m.id)
		case p.relay != nil && p.mode() == protocol.ModeSFU && !m.inRelay:
			return fmt.Errorf("auto: member %s does not go back with the others", m.id)
		}
	}
	return p.checkPairs()
}

// checkPairs: two members of the mesh have the mesh or the server, and both only
// while they change over, which a member does in one pair at a time.
func (p *Plane) checkPairs() error {
	if p.change == nil || p.change.to != protocol.ModeSFU {
		return nil
	}
	moving := map[*member]int{}
	pairs := map[[2]*member]*pair{}
	for _, x := range p.change.pairs {
		pairs[[2]*member{x.a, x.b}] = x
		if !x.moves.at.IsZero() && !x.moves.lasts(p.now, slowTime) {
			moving[x.a]++
			moving[x.b]++
		}
	}
	for m, n := range moving {
		if n > 1 {
			return fmt.Errorf("auto: member %s moves in %d pairs at once", m.id, n)
		}
	}
	var err error
	p.eachPair(func(a, b *member) {
		meshed := a.inRelay && b.inRelay && p.relay.Answered(a.id, b.id)
		if moves := pairs[[2]*member{a, b}] != nil; meshed != moves && err == nil {
			err = fmt.Errorf("auto: %s and %s have a connector of the mesh: %v; they are yet to move: %v", a.id, b.id, meshed, moves)
		}
	})
	return err
}
