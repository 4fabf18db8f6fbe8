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
		case p.server != nil && !m.inServer:
			return fmt.Errorf("auto: member %s is not attached to the server", m.id)
		case p.relay != nil && p.mode() == protocol.ModeSFU && !m.inRelay:
			return fmt.Errorf("auto: member %s does not go back with the others", m.id)
		}
	}
	return nil
}
