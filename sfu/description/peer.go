package description

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	maxCandidates = 128
	maxCandidate  = 512 // bytes of one
)

// peer is what one section, or the session level, says of the transport.
type peer struct {
	ufrag, password   string
	hash, fingerprint string
	setup             Setup
	hasSetup          bool
}

// read takes one of the four attributes.
func (p *peer) read(name, value string) error {
	switch name {
	case "ice-ufrag":
		if !credential(value, 4) {
			return errors.New("a=ice-ufrag is not 4 to 256 characters")
		}
		p.ufrag = value
	case "ice-pwd":
		if !credential(value, 22) {
			return errors.New("a=ice-pwd is not 22 to 256 characters")
		}
		p.password = value
	case "fingerprint":
		return p.readFingerprint(value)
	case "setup":
		switch value {
		case "actpass":
			p.setup = ActPass
		case "active":
			p.setup = Active
		case "passive":
			p.setup = Passive
		default:
			return fmt.Errorf("a=setup:%.20q is not supported", value)
		}
		p.hasSetup = true
	}
	return nil
}

// credential tells whether a value has the length of an ICE credential (RFC
// 8839 section 5.4) and is one word. The characters are not narrowed further:
// some clients use more than the ice-chars.
func credential(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && word(s)
}

// word tells whether all of s is visible ASCII.
func word(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// hashes are the hash functions of RFC 8122 section 5 that still count, with
// the size of what they make in bytes.
var hashes = map[string]int{"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}

// readFingerprint reads "sha-256 0A:1B...". Of several the first counts, or the
// one by SHA-256, which everybody has to know (RFC 8122 section 5.1). One by an
// unknown function is passed over.
func (p *peer) readFingerprint(value string) error {
	hash, digest, _ := strings.Cut(value, " ")
	hash = strings.ToLower(hash)
	size, known := hashes[hash]
	if !known || p.fingerprint != "" && (hash != "sha-256" || p.hash == hash) {
		return nil
	}
	if !digestOf(digest, size) {
		return fmt.Errorf("a=fingerprint is not %d hex bytes with colons", size)
	}
	p.hash, p.fingerprint = hash, strings.ToUpper(digest)
	return nil
}

// digestOf tells whether s is size bytes as in "0A:1B".
func digestOf(s string, size int) bool {
	if len(s) != 3*size-1 {
		return false
	}
	var b [1]byte
	for i := 0; i < len(s); i += 3 {
		if _, err := hex.Decode(b[:], []byte(s[i:i+2])); err != nil || i > 0 && s[i-1] != ':' {
			return false
		}
	}
	return true
}

// addCandidate keeps a candidate of RTP. Those of RTCP (component 2), which
// Firefox gathers as an offerer, have no use with a=rtcp-mux.
func (p *parser) addCandidate(candidate string) {
	if len(p.d.Candidates) == maxCandidates || len(candidate) > maxCandidate {
		return
	}
	_, rest, _ := strings.Cut(candidate, " ")
	if component, _, _ := strings.Cut(rest, " "); component != "1" || slices.Contains(p.d.Candidates, candidate) {
		return
	}
	p.d.Candidates = append(p.d.Candidates, candidate)
}
