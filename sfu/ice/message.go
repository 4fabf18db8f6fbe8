package ice

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"

	"github.com/pion/stun/v4"
)

// Attributes of ICE that package stun does not encode (RFC 8445 section 16.1).
type (
	priorityAttr   uint32
	useCandidateIs bool
)

func (p priorityAttr) AddTo(m *stun.Message) error {
	m.Add(stun.AttrPriority, binary.BigEndian.AppendUint32(nil, uint32(p)))
	return nil
}

func (u useCandidateIs) AddTo(m *stun.Message) error {
	if u {
		m.Add(stun.AttrUseCandidate, nil)
	}
	return nil
}

// role is the controlling attribute of the agent's messages.
type role struct {
	controlling bool
	tieBreaker  uint64
}

func (r role) AddTo(m *stun.Message) error {
	kind := stun.AttrICEControlled
	if r.controlling {
		kind = stun.AttrICEControlling
	}
	m.Add(kind, binary.BigEndian.AppendUint64(nil, r.tieBreaker))
	return nil
}

// roleOf is the client's role; ok is false if it does not say one.
func roleOf(m *stun.Message) (r role, ok bool) {
	for _, kind := range []stun.AttrType{stun.AttrICEControlling, stun.AttrICEControlled} {
		if v, err := m.Get(kind); err == nil && len(v) == 8 {
			return role{kind == stun.AttrICEControlling, binary.BigEndian.Uint64(v)}, true
		}
	}
	return role{}, false
}

func priorityOf(m *stun.Message) uint32 {
	if v, err := m.Get(stun.AttrPriority); err == nil && len(v) == 4 {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// transactionID is a number that finds the agent again, and 64 random bits, which
// are what proves that an answer's sender got the check.
func transactionID(key uint32) (id [stun.TransactionIDSize]byte) {
	_, _ = rand.Read(id[:]) // which does not fail
	binary.BigEndian.PutUint32(id[:], key)
	return id
}

// KeyOf is the key of the agent whose check a message answers (see New).
func KeyOf(message []byte) (key uint32, ok bool) {
	const at = 8 // RFC 8489 section 5
	if len(message) < at+stun.TransactionIDSize {
		return 0, false
	}
	return binary.BigEndian.Uint32(message[at:]), true
}

// ownPriority is that of the server's candidate as peer reflexive (RFC 8445 section
// 7.1.1). There is one for each address family, so it makes no difference.
const ownPriority = 110<<24 | 65535<<8 | 255

// build makes a message. It cannot fail: all parts have their bounds.
func build(parts ...stun.Setter) []byte {
	m, err := stun.Build(parts...)
	if err != nil {
		return nil
	}
	return m.Raw
}

func (a *Agent) buildCheck(id [stun.TransactionIDSize]byte, nominates bool) []byte {
	return build(stun.NewTransactionIDSetter(id), stun.BindingRequest,
		stun.NewUsername(a.remote.Ufrag+":"+a.local.Ufrag), a.role, priorityAttr(ownPriority), useCandidateIs(nominates),
		stun.NewShortTermIntegrity(a.remote.Password), stun.Fingerprint)
}

func (a *Agent) buildAnswer(request *stun.Message, to netip.AddrPort) []byte {
	return build(request, stun.BindingSuccess,
		&stun.XORMappedAddress{IP: to.Addr().AsSlice(), Port: int(to.Port())},
		stun.NewShortTermIntegrity(a.local.Password), stun.Fingerprint)
}

// buildConflict refuses a request of a client that has the same role (RFC 8445
// section 7.3.1.1).
func (a *Agent) buildConflict(request *stun.Message) []byte {
	return build(request, stun.BindingError, stun.ErrorCodeAttribute{Code: stun.CodeRoleConflict},
		stun.NewShortTermIntegrity(a.local.Password), stun.Fingerprint)
}
