package room

import (
	"errors"
	"fmt"
)

// Check reports a broken invariant of the room; tests call it after every
// step. It is for the room's owner.
func (r *Room) Check() error {
	if len(r.order) != len(r.byID) || len(r.order) != len(r.byName) {
		return fmt.Errorf("room: %d members, %d ids, %d names", len(r.order), len(r.byID), len(r.byName))
	}
	present := 0
	for _, m := range r.order {
		if r.byID[m.id] != m || r.byName[m.name] != m {
			return fmt.Errorf("room: member %s is not found by its id or name", m.id)
		}
		if m.socket == "" {
			if m.graceEnds.IsZero() {
				return fmt.Errorf("room: absent member %s has no end of grace", m.id)
			}
			continue
		}
		present++
		if r.sockets[m.socket] != m {
			return fmt.Errorf("room: member %s is not found by its socket", m.id)
		}
		if len(m.away) > 0 {
			return fmt.Errorf("room: messages are kept for member %s, who is present", m.id)
		}
	}
	if present != len(r.sockets) {
		return errors.New("room: a socket is known that is no member's")
	}
	return nil
}
