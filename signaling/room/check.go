package room

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"lectern/signaling/protocol"
)

// Check reports a broken invariant of the room; tests call it after every
// step. It is for the room's owner.
func (r *Room) Check(now time.Time) error {
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
	if err := r.checkNames(); err != nil {
		return err
	}
	if err := r.checkSockets(); err != nil {
		return err
	}
	if err := r.checkStage(); err != nil {
		return err
	}
	if err := r.checkWaiting(now); err != nil {
		return err
	}
	if err := r.checkHost(now); err != nil {
		return err
	}
	if err := r.checkSeats(); err != nil {
		return err
	}
	for _, m := range r.order {
		if m.post.counted > maxKept || m.post.counted < m.post.bytes {
			return fmt.Errorf("room: of %d bytes kept for %s %d are counted", m.post.bytes, m.id, m.post.counted)
		}
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
	for _, m := range r.order {
		if !m.role.OnStage() {
			if m.role != protocol.RoleAudience || !r.policy.audience() {
				return fmt.Errorf("room: member %s has the role %q", m.id, m.role)
			}
			continue
		}
		stage = append(stage, m)
	}
	if !slices.Equal(stage, r.stage) {
		return fmt.Errorf("room: %d are on stage, %d are listed", len(stage), len(r.stage))
	}
	if r.policy.audience() && len(stage) > r.policy.Stage+r.over {
		return fmt.Errorf("room: %d are on stage", len(stage))
	}
	return nil
}

// checkWaiting holds that who waits for a place on stage is counted and gets it,
// and that no silent old client has one for long in a room that has outgrown its
// stage.
func (r *Room) checkWaiting(now time.Time) error {
	waiting, calling := 0, 0
	for _, m := range r.order {
		if m.waits && (m.role.OnStage() || m.capable || m.listens) {
			return fmt.Errorf("room: member %s waits for a place on stage, its role is %s", m.id, m.role)
		}
		if m.waits {
			waiting++
		}
		if m.waits && m.sends {
			calling++
		}
	}
	switch {
	case waiting != r.waiting || calling != r.calling:
		return fmt.Errorf("room: %d wait and %d of them send, counted are %d and %d", waiting, calling, r.waiting, r.calling)
	case r.policy.audience() && r.nextToCome(now) != nil:
		return fmt.Errorf("room: member %s waits, and there is a place", r.nextToCome(now).id)
	case reached(r.silenceDue(), now):
		return fmt.Errorf("room: member %s is silent and on stage", r.mostSilent().id)
	case r.policy.audience() && r.mode == protocol.ModeSFU && len(r.order) > r.policy.Stage && !r.outgrown:
		return fmt.Errorf("room: it has not outgrown its stage with %d members", len(r.order))
	}
	return nil
}

// checkHost holds that there is one host at most, and one that can act where
// any member on stage can.
func (r *Room) checkHost(now time.Time) error {
	awaited := r.awaitsHost(now)
	for _, m := range r.order {
		if (m.role == protocol.RoleHost) != (m == r.host) {
			return fmt.Errorf("room: member %s has the role %s, the host is another", m.id, m.role)
		}
		if m == r.host || !m.role.OnStage() || !m.capable || m.socket == "" || r.policy.HostToken && m.claim == 0 {
			continue
		}
		switch h := r.host; {
		case h == nil:
			return fmt.Errorf("room: there is no host, and %s could be", m.id)
		case !h.capable || h.socket == "" && !now.Before(h.dropped.Add(hostPatience)):
			return fmt.Errorf("room: %s is host and cannot act, %s could", h.id, m.id)
		case h.socket != "" && m.claim != 0 && (h.claim == 0 || m.claim < h.claim):
			return fmt.Errorf("room: %s is host, %s was before", h.id, m.id)
		}
	}
	switch {
	case r.host == nil && len(r.stage) > 0 && !r.policy.HostToken:
		return errors.New("room: no member on stage is host")
	case r.locked && r.host == nil && !awaited:
		return errors.New("room: it is locked and no member can unlock it")
	}
	return nil
}

// checkSeats holds that what is kept of former members is bounded, and that
// members are found by what they prove.
func (r *Room) checkSeats() error {
	if len(r.seats) > maxSeats || len(r.removed) > maxRemoved {
		return fmt.Errorf("room: %d former members are remembered, %d removed", len(r.seats), len(r.removed))
	}
	if !slices.IsSortedFunc(r.seats, func(a, b *seat) int { return a.until.Compare(b.until) }) {
		return errors.New("room: the seats are out of order")
	}
	for p, m := range r.proofs {
		if r.byID[m.id] != m || m.proof() != p && m.shown != p {
			return fmt.Errorf("room: %s is found by a proof that is not its own", m.id)
		}
	}
	absent := map[netip.Prefix]int{}
	for _, m := range r.absent {
		absent[owner(m.addr)]++
	}
	for addr, a := range r.addresses {
		if a.absent != absent[addr] {
			return fmt.Errorf("room: %d members of %s are absent, counted are %d", absent[addr], addr, a.absent)
		}
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
		if len(m.said) > maxSaid || m.post.bytes > maxKept || len(m.post.refusals) > maxRefusals {
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
