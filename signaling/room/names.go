package room

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"lectern/signaling/protocol"
)

// HasName reports whether a newcomer by that name would be refused because a
// member is called so, or has a name that looks like it (protocol.Looks). The
// name must be normalised (protocol.Name).
func (r *Room) HasName(name string) bool { return r.taken(name, nil) }

// proves reports whether a member has that user name and proof is its secret.
func (r *Room) proves(name, proof string) bool {
	m := r.byName[name]
	if m == nil {
		return false
	}
	secret := m.token
	if !m.capable {
		if !m.user.Proves() {
			return false
		}
		secret = string(m.user)
	}
	return secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(proof)) == 1
}

// taken is HasName for a client that is a member already, or nil.
func (r *Room) taken(name string, mine *member) bool {
	for _, key := range protocol.Looks(name) {
		if holder := r.looks[key]; holder != nil && holder != mine {
			return true
		}
	}
	return false
}

// hold keeps others from a member's name, and what looks like it.
func (r *Room) hold(m *member, renamed bool) {
	m.renamed = renamed
	for _, key := range protocol.Looks(m.name) {
		r.looks[key] = m
	}
}

// release ends hold. No two members have a key in common.
func (r *Room) release(m *member) {
	for _, key := range protocol.Looks(m.name) {
		delete(r.looks, key)
	}
}

func (r *Room) checkNames() error {
	keys := map[string]bool{}
	for _, m := range r.order {
		for _, key := range protocol.Looks(m.name) {
			keys[key] = true
			if r.looks[key] != m {
				return fmt.Errorf("room: what looks like the name of member %s is free or another's", m.id)
			}
		}
	}
	if len(keys) != len(r.looks) {
		return errors.New("room: a name is held that is no member's")
	}
	return nil
}
