package p2p

import (
	"net/netip"
	"strings"

	"lectern/signaling/protocol"
	"lectern/signaling/reach"
)

// A client sends ICE checks to every address that another client names, so a member
// could have the others' browsers knock at addresses of its choice. What is relayed
// is therefore bounded, for candidates and for descriptions alike:
//
//   - A connector names at most maxCandidates addresses of each client, in its life.
//   - An address that is no host's, or a name other than an mDNS one, is not relayed.
//   - One that means another host in each network (loopback, link-local, private) is
//     relayed only between clients that share it, by the addresses from which the
//     server knows them: both in such networks themselves, or both at one address.
//
// Candidates of the usual form are left out without a word, as ICE does with those
// that do not work.

// maxCandidates is far above what a browser with many interfaces has, which is new
// with each of its ICE restarts.
const maxCandidates = 128

const candidateLine = "a=candidate:"

// names are the addresses that one client named for a connector.
type names map[string]bool

// mayName reports whether a candidate of a member is relayed to the other end of a
// pair.
func (p *Plane) mayName(n *pair, from protocol.MemberID, candidate string) bool {
	// RFC 8839 section 5.1: foundation, component, transport, priority, address,
	// port. With less, it is none.
	fields := strings.Fields(strings.TrimPrefix(candidate, "a="))
	if len(fields) < 6 {
		return true
	}
	address := fields[4]
	if a, err := netip.ParseAddr(address); err == nil {
		if !p.share(n.offerer, n.answerer, reach.Of(a)) {
			return false
		}
	} else if !strings.HasSuffix(strings.ToLower(strings.TrimSuffix(address, ".")), ".local") {
		return false
	}
	said := &n.offererNames
	if from == n.answerer {
		said = &n.answererNames
	}
	key := strings.ToLower(fields[2]) + " " + address + " " + fields[5]
	if (*said)[key] {
		return true // clients say the same for each section, and existing ones twice
	}
	if len(*said) >= maxCandidates {
		return false
	}
	if *said == nil {
		*said = names{}
	}
	(*said)[key] = true
	return true
}

// share reports whether an address of some scope means the same host to two members.
func (p *Plane) share(a, b protocol.MemberID, scope reach.Scope) bool {
	at, other := p.addresses[a], p.addresses[b]
	switch {
	case scope == reach.World:
		return true
	case scope == reach.None:
		return false
	case !at.IsValid(), !other.IsValid(): // not known: over a Unix socket
		return true
	case reach.Owner(at) == reach.Owner(other):
		return true
	case scope == reach.Host:
		return reach.Of(at) == reach.Host && reach.Of(other) == reach.Host
	}
	return reach.Of(at) < reach.World && reach.Of(other) < reach.World
}

// edited is a description as it is relayed: sized, and without the candidates that
// are not.
func (p *Plane) edited(n *pair, from protocol.MemberID, d protocol.Description) protocol.Description {
	d = sized(d)
	if !strings.Contains(d.SDP, candidateLine) {
		return d
	}
	var b strings.Builder
	kept := 0 // of d.SDP, in b
	at := 0
	for line := range strings.Lines(d.SDP) {
		at += len(line)
		if strings.HasPrefix(line, candidateLine) && !p.mayName(n, from, line) {
			b.WriteString(d.SDP[kept : at-len(line)])
			kept = at
		}
	}
	if kept > 0 {
		b.WriteString(d.SDP[kept:])
		d.SDP = b.String()
	}
	return d
}
