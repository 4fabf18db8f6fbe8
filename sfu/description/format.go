package description

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lectern/sfu/codec"
)

const (
	maxFormats  = 64 // of one section
	maxFeedback = 16 // of one format
)

// payload is what the lines of a section say of one payload type.
type payload struct {
	listed bool // in the m-line
	codec  codec.Codec
}

// formats collects the payload types of one section.
type formats struct {
	order    []uint8 // as the m-line lists them
	payloads [128]payload
	all      []string // feedback of every format, "a=rtcp-fb:*"
}

// reset forgets the section before.
func (f *formats) reset() {
	for _, pt := range f.order {
		f.payloads[pt] = payload{}
	}
	f.order, f.all = f.order[:0], nil
}

// payloadType reads a payload type.
func payloadType(s string) (uint8, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n > 127 {
		return 0, fmt.Errorf("payload type %.20q is not 0 to 127", s)
	}
	return uint8(n), nil
}

// list reads the payload types of an m-line.
func (f *formats) list(value string) error {
	for part := range strings.SplitSeq(value, " ") {
		if part == "" {
			continue
		}
		pt, err := payloadType(part)
		if err != nil {
			return err
		}
		if !f.payloads[pt].listed {
			f.payloads[pt].listed = true
			f.order = append(f.order, pt)
		}
	}
	if len(f.order) == 0 {
		return errors.New("m-line without a payload type")
	}
	return nil
}

// line splits the value of an attribute that begins with a payload type. The
// payload is nil if the m-line does not list it: then the line says nothing.
func (f *formats) line(value string) (*payload, string, error) {
	number, rest, _ := strings.Cut(value, " ")
	pt, err := payloadType(number)
	if err != nil {
		return nil, "", err
	}
	if !f.payloads[pt].listed {
		return nil, "", nil
	}
	return &f.payloads[pt], strings.TrimLeft(rest, " "), nil
}

// readMap reads "111 opus/48000/2".
func (f *formats) readMap(value string, kind Kind) error {
	p, rest, err := f.line(value)
	if p == nil {
		return err
	}
	name, rest, _ := strings.Cut(rest, "/")
	clock, channels, hasChannels := strings.Cut(rest, "/")
	rate, err := strconv.ParseUint(clock, 10, 32)
	if err != nil || rate == 0 || !word(name) {
		return fmt.Errorf("a=rtpmap:%.40q is not a payload type, a name and a clock rate", value)
	}
	if p.codec.Name != "" {
		return nil
	}
	p.codec.Name, p.codec.ClockRate = name, uint32(rate)
	if kind == Audio && hasChannels {
		n, err := strconv.ParseUint(channels, 10, 8)
		if err != nil {
			return fmt.Errorf("a=rtpmap:%.40q has no number of channels", value)
		}
		if n > 1 {
			p.codec.Channels = uint8(n)
		}
	}
	return nil
}

// readParameters reads "96 max-fr=30". The first line of a payload type counts.
func (f *formats) readParameters(value string) error {
	p, rest, err := f.line(value)
	if p != nil && p.codec.Fmtp == "" {
		p.codec.Fmtp = rest
	}
	return err
}

// readFeedback reads "96 nack pli" or "* nack pli" (RFC 4585 section 4.2).
func (f *formats) readFeedback(value string) error {
	if rest, ok := strings.CutPrefix(value, "* "); ok {
		f.all = addFeedback(f.all, rest)
		return nil
	}
	p, rest, err := f.line(value)
	if p != nil {
		p.codec.Feedback = addFeedback(p.codec.Feedback, rest)
	}
	return err
}

func addFeedback(list []string, feedback string) []string {
	feedback = strings.TrimLeft(feedback, " ")
	if feedback == "" || len(list) == maxFeedback || slices.Contains(list, feedback) {
		return list
	}
	return append(list, feedback)
}

// isRTX tells whether the payload is a retransmission format (RFC 4588).
func (p *payload) isRTX() bool { return strings.EqualFold(p.codec.Name, "rtx") }

// collect is the formats in order, each with the RTX that names it. An RTX of
// no format is dropped.
func (f *formats) collect(kind codec.Kind) []Format {
	list := make([]Format, 0, min(len(f.order), maxFormats))
	var place [128]uint8 // index in list by payload type, plus 1
	for _, pt := range f.order {
		p := &f.payloads[pt]
		if p.isRTX() || len(list) == maxFormats {
			continue
		}
		c := p.codec
		c.Kind = kind
		for _, feedback := range f.all {
			c.Feedback = addFeedback(c.Feedback, feedback)
		}
		list = append(list, Format{PayloadType: pt, Codec: c})
		place[pt] = uint8(len(list))
	}
	for _, pt := range f.order {
		p := &f.payloads[pt]
		if !p.isRTX() {
			continue
		}
		repaired, err := payloadType(parameter(p.codec.Fmtp, "apt"))
		if err != nil || place[repaired] == 0 {
			continue
		}
		if of := &list[place[repaired]-1]; of.RTX == 0 {
			of.RTX = pt
		}
	}
	return list
}

// parameter is the value of one parameter of an a=fmtp, "" if it is not there.
func parameter(fmtp, name string) string {
	for part := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.Trim(key, " "), name) {
			return strings.Trim(value, " ")
		}
	}
	return ""
}
