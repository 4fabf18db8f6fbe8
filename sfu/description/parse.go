package description

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The bounds of Parse. A browser's offer has about 120 lines for a video
// section with all of its formats, and a client adds a section each time a
// device is switched on again.
const (
	maxSize     = 1 << 20 // bytes
	maxLines    = 10_000
	maxSections = 64
)

// parser is a description half read.
type parser struct {
	d       *Description
	started bool   // the v-line was read
	bundle  string // the mids of the first BUNDLE group
	bundled bool   // there is such a group
	mixed   bool   // a=extmap-allow-mixed at session level
	session peer
	section reader
	peers   []peer // one for each of d.Sections
}

// Parse reads a session description. Line ends may be CRLF or LF. Its errors
// name what is wrong, and where it is one line the line; they are the client's
// fault.
//
// A section without a=mid, which Firefox writes for a rejected one, gets its
// index as its MID, with as many "x" before it as it takes to be unique. A live
// section must be in the first BUNDLE group, if there is a group at all:
// without one all sections count as bundled. A description that rejects every
// section, or has none, is an error, since nothing can be done with it.
func Parse(sdp string) (*Description, error) {
	if len(sdp) > maxSize {
		return nil, fmt.Errorf("description: %d bytes, more than %d", len(sdp), maxSize)
	}
	p := parser{d: &Description{}}
	for number := 1; len(sdp) > 0; number++ {
		if number > maxLines {
			return nil, fmt.Errorf("description: more than %d lines", maxLines)
		}
		var line string
		line, sdp, _ = strings.Cut(sdp, "\n")
		if err := p.readLine(strings.TrimRight(line, " \t\r")); err != nil {
			return nil, fmt.Errorf("description: line %d: %w", number, err)
		}
	}
	if err := p.finish(); err != nil {
		return nil, fmt.Errorf("description: %w", err)
	}
	return p.d, nil
}

// readLine reads one line, "x=value". Lines of no interest (s, t, c, b) pass.
func (p *parser) readLine(line string) error {
	if line == "" {
		return nil
	}
	for i := range len(line) {
		if line[i] < ' ' {
			return fmt.Errorf("control character %#02x", line[i])
		}
	}
	if !p.started {
		if line != "v=0" {
			return fmt.Errorf("begins with %.20q and not with v=0", line)
		}
		p.started = true
		return nil
	}
	if len(line) < 2 || line[1] != '=' {
		return fmt.Errorf("%.20q is no line of a description", line)
	}
	value := line[2:]
	switch line[0] {
	case 'o':
		p.readOrigin(value)
	case 'm':
		return p.begin(value)
	case 'a':
		name, value, _ := strings.Cut(value, ":")
		return p.readAttribute(name, value)
	}
	return nil
}

// readOrigin reads the o-line: user name, session id, version, address.
func (p *parser) readOrigin(value string) {
	_, value, _ = strings.Cut(value, " ")
	id, value, _ := strings.Cut(value, " ")
	version, _, _ := strings.Cut(value, " ")
	p.d.SessionID = number64(id)
	p.d.Version = number64(version)
}

// number64 is a decimal number, 0 for anything else.
func number64(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// readAttribute reads an a-line of the session or of the section under way.
func (p *parser) readAttribute(name, value string) error {
	inSection := p.section.open
	at := &p.session
	if inSection {
		at = &p.section.peer
	}
	switch name {
	case "candidate":
		p.addCandidate("candidate:" + value)
		return nil
	case "end-of-candidates":
		p.d.EndOfCandidates = true
		return nil
	case "ice-ufrag", "ice-pwd", "fingerprint", "setup":
		return at.read(name, value)
	}
	if inSection {
		return p.section.readAttribute(name, value)
	}
	switch name {
	case "ice-lite":
		p.d.Lite = true
	case "extmap-allow-mixed":
		p.mixed = true
	case "group":
		if semantics, mids, _ := strings.Cut(value, " "); semantics == "BUNDLE" && !p.bundled {
			p.bundled, p.bundle = true, mids
		}
	}
	return nil
}

// begin ends the section under way and begins the one of this m-line.
func (p *parser) begin(value string) error {
	if err := p.end(); err != nil {
		return err
	}
	if len(p.d.Sections) == maxSections {
		return fmt.Errorf("more than %d sections", maxSections)
	}
	return p.section.begin(value)
}

// end puts away the section under way, if there is one.
func (p *parser) end() error {
	if !p.section.open {
		return nil
	}
	s, err := p.section.end(p.mixed)
	if err != nil {
		return err
	}
	p.d.Sections = append(p.d.Sections, s)
	p.peers = append(p.peers, p.section.peer)
	return nil
}

// finish checks what concerns the description as a whole, and picks its
// transport.
func (p *parser) finish() error {
	if err := p.end(); err != nil {
		return err
	}
	if len(p.d.Sections) == 0 {
		return errors.New("no section")
	}
	index, err := p.name()
	if err != nil {
		return err
	}
	first := slices.IndexFunc(p.d.Sections, func(s Section) bool { return !s.Rejected })
	if first < 0 {
		return errors.New("every section is rejected")
	}
	if p.bundled {
		if first, err = p.checkBundle(index); err != nil {
			return err
		}
	}
	return p.describe(p.peers[first])
}

// name gives sections without a mid one, and finds each by its mid.
func (p *parser) name() (map[string]int, error) {
	index := make(map[string]int, len(p.d.Sections))
	for i, s := range p.d.Sections {
		if s.MID == "" {
			continue
		}
		if _, taken := index[s.MID]; taken {
			return nil, fmt.Errorf("mid %.20q stands in two sections", s.MID)
		}
		index[s.MID] = i
	}
	for i := range p.d.Sections {
		s := &p.d.Sections[i]
		if s.MID != "" {
			continue
		}
		s.MID = strconv.Itoa(i)
		for _, taken := index[s.MID]; taken; _, taken = index[s.MID] {
			s.MID = "x" + s.MID
		}
		index[s.MID] = i
	}
	return index, nil
}

// checkBundle wants every live section in the BUNDLE group, and returns the
// index of the group's first live section, whose transport is that of all (RFC
// 9143 section 7).
func (p *parser) checkBundle(index map[string]int) (int, error) {
	var member [maxSections]bool
	first := -1
	for mid := range strings.SplitSeq(p.bundle, " ") {
		i, ok := index[mid]
		if !ok || p.d.Sections[i].Rejected {
			continue
		}
		member[i] = true
		if first < 0 {
			first = i
		}
	}
	for i, s := range p.d.Sections {
		if !s.Rejected && !member[i] {
			return 0, fmt.Errorf("section %d, mid %.20q, is not in the BUNDLE group", i, s.MID)
		}
	}
	return first, nil
}

// describe fills in the transport: of the section, else of the session.
func (p *parser) describe(of peer) error {
	pick := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	d := p.d
	d.Ufrag, d.Password = pick(of.ufrag, p.session.ufrag), pick(of.password, p.session.password)
	if of.fingerprint == "" {
		of.hash, of.fingerprint = p.session.hash, p.session.fingerprint
	}
	d.FingerprintHash, d.Fingerprint = of.hash, of.fingerprint
	d.Setup = of.setup
	if !of.hasSetup {
		d.Setup = p.session.setup
	}
	switch {
	case d.Ufrag == "":
		return errors.New("no a=ice-ufrag")
	case d.Password == "":
		return errors.New("no a=ice-pwd")
	case d.Fingerprint == "":
		return errors.New("no a=fingerprint of a known hash function")
	}
	return nil
}
