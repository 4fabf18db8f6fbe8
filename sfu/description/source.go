package description

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const maxSources = 16 // of one section

// sources collects what the lines of a section say of the streams it sends.
type sources struct {
	streamID, trackID string
	hasMSID           bool
	cname             string
	ssrcs             []uint32    // as a=ssrc names them; with those of repair at most twice maxSources
	pairs             [][2]uint32 // groups FID: a source and its RTX
	repair            []uint32    // sources that only repair others
}

// readMSID reads "stream track" (RFC 8830). The first line counts: further ones
// put the same track into more streams.
func (s *sources) readMSID(value string) {
	if !s.hasMSID {
		s.hasMSID = true
		s.setMSID(value)
	}
}

func (s *sources) setMSID(value string) {
	stream, rest, _ := strings.Cut(value, " ")
	track, _, _ := strings.Cut(rest, " ")
	if stream == "-" {
		stream = ""
	}
	s.streamID, s.trackID = stream, track
}

// read reads "1234 cname:x". The msid of a source stands in for an a=msid that
// is missing.
func (s *sources) read(value string) error {
	number, attribute, _ := strings.Cut(value, " ")
	ssrc, err := ssrcOf(number)
	if err != nil {
		return err
	}
	if ssrc != 0 && len(s.ssrcs) < 2*maxSources && !slices.Contains(s.ssrcs, ssrc) {
		s.ssrcs = append(s.ssrcs, ssrc)
	}
	name, value, _ := strings.Cut(attribute, ":")
	switch {
	case name == "cname" && s.cname == "" && value != "-":
		s.cname = value
	case name == "msid" && !s.hasMSID && s.streamID == "" && s.trackID == "":
		s.setMSID(value)
	}
	return nil
}

// readGroup reads "FID 1 2" (RFC 5576 section 4.2): the second repeats what the
// first sent, or repairs it with FEC where the group is FEC-FR.
func (s *sources) readGroup(value string) error {
	semantics, rest, _ := strings.Cut(value, " ")
	if semantics != "FID" && semantics != "FEC-FR" {
		return nil
	}
	a, rest, _ := strings.Cut(rest, " ")
	b, _, _ := strings.Cut(rest, " ")
	of, err := ssrcOf(a)
	if err != nil {
		return err
	}
	by, err := ssrcOf(b)
	if err != nil {
		return err
	}
	if len(s.repair) == 2*maxSources {
		return nil
	}
	s.repair = append(s.repair, by)
	if semantics == "FID" && len(s.pairs) < maxSources {
		s.pairs = append(s.pairs, [2]uint32{of, by})
	}
	return nil
}

func ssrcOf(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("SSRC %.20q is not a number of 32 bits", s)
	}
	return uint32(n), nil
}

// collect is the sources in the order of the a=ssrc lines, each with the RTX of
// its first group, and then those that stand in groups only.
func (s *sources) collect() []Source {
	var list []Source
	add := func(ssrc uint32) {
		known := func(l Source) bool { return l.SSRC == ssrc }
		if ssrc == 0 || len(list) == maxSources || slices.Contains(s.repair, ssrc) || slices.ContainsFunc(list, known) {
			return
		}
		source := Source{SSRC: ssrc}
		if i := slices.IndexFunc(s.pairs, func(p [2]uint32) bool { return p[0] == ssrc }); i >= 0 {
			source.RTX = s.pairs[i][1]
		}
		list = append(list, source)
	}
	for _, ssrc := range s.ssrcs {
		add(ssrc)
	}
	for _, pair := range s.pairs {
		add(pair[0])
	}
	return list
}
