package room

import (
	"errors"
	"fmt"
	"slices"

	"lectern/signaling/protocol"
)

// Check reports a broken invariant of the room; tests call it after every
// step. It is for the room's owner.
func (r *Room) Check() error {
	if len(r.order) != len(r.byID) || len(r.order) != len(r.byName) {
		return fmt.Errorf("room: %d members, %d ids, %d names", len(r.order), len(r.byID), len(r.byName))
	}
	for i, m := range r.order {
		if r.byID[m.id] != m || r.byName[m.name] != m {
			return fmt.Errorf("room: member %s is not found by its id or name", m.id)
		}
		if i > 0 && r.order[i-1].seq >= m.seq {
			return fmt.Errorf("room: member %s is out of order", m.id)
		}
	}
	if err := r.checkSockets(); err != nil {
		return err
	}
	if err := r.checkStage(); err != nil {
		return err
	}
	return r.checkRest()
}

func (r *Room) checkSockets() error {
	present := 0
	for _, m := range r.order {
		if absent := slices.Contains(r.absent, m); absent != (m.socket == "") {
			return fmt.Errorf("room: member %s has the socket %q, absent: %v", m.id, m.socket, absent)
		}
		if m.socket == "" {
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
	if present != len(r.sockets) || present+len(r.absent) != len(r.order) {
		return errors.New("room: a socket or an absence is known that is no member's")
	}
	if !slices.IsSortedFunc(r.absent, func(a, b *member) int { return a.graceEnds.Compare(b.graceEnds) }) {
		return errors.New("room: the absent are out of order")
	}
	return nil
}

func (r *Room) checkStage() error {
	var stage []*member
	hosts := 0
	for _, m := range r.order {
		if !m.role.OnStage() {
			if m.role != protocol.RoleAudience || !r.policy.audience() {
				return fmt.Errorf("room: member %s has the role %q", m.id, m.role)
			}
			continue
		}
		stage = append(stage, m)
		if m.role == protocol.RoleHost {
			hosts++
		}
	}
	if !slices.Equal(stage, r.stage) {
		return fmt.Errorf("room: %d are on stage, %d are listed", len(stage), len(r.stage))
	}
	if r.policy.audience() && len(stage) > r.policy.Stage+r.over {
		return fmt.Errorf("room: %d are on stage", len(stage))
	}
	if hosts == 0 && len(stage) > 0 && !r.policy.HostToken {
		return errors.New("room: nobody on stage is host")
	}
	if r.locked && hosts == 0 {
		return errors.New("room: it is locked and nobody can unlock it")
	}
	return nil
}

func (r *Room) checkRest() error {
	users := 0
	for _, n := range r.users {
		users += n
	}
	if users != len(r.order) {
		return fmt.Errorf("room: %d members, %d user ids", len(r.order), users)
	}
	for _, m := range r.hands {
		if !m.hand || r.byID[m.id] != m {
			return fmt.Errorf("room: %s is listed with a raised hand", m.id)
		}
	}
	raised := 0
	for _, m := range r.order {
		if m.hand {
			raised++
		}
		if len(m.said) > maxSaid || len(m.away) > maxAway {
			return fmt.Errorf("room: too much is kept of or for member %s", m.id)
		}
	}
	if raised != len(r.hands) {
		return fmt.Errorf("room: %d hands are raised, %d listed", raised, len(r.hands))
	}
	if len(r.history) > protocol.MaxHistory || r.historyBytes > maxHistoryBytes {
		return fmt.Errorf("room: the history has %d lines and %d bytes", len(r.history), r.historyBytes)
	}
	for view, w := range r.waves {
		for _, m := range w.dirty {
			if !m.marked[view] {
				return fmt.Errorf("room: wave %d waits for %s, which is not marked", view, m.id)
			}
		}
	}
	return nil
}
