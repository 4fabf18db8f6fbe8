package description

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	maxExtensions = 32
	maxRIDs       = 8
	maxMID        = 128 // bytes; header extensions carry 16 or 255
)

// reader is a section half read. One reader reads all sections, in turn.
type reader struct {
	s          Section
	peer       peer
	formats    formats
	sources    sources
	open       bool // begun and not ended
	portZero   bool
	bundleOnly bool
	simulcast  string // value of a=simulcast
}

// begin starts over with the section of this m-line, given without its "m=".
func (r *reader) begin(value string) error {
	r.s = Section{Direction: SendRecv}
	r.peer = peer{}
	r.sources = sources{}
	r.formats.reset()
	r.open, r.bundleOnly, r.simulcast = true, false, ""

	media, value, _ := strings.Cut(value, " ")
	port, value, _ := strings.Cut(value, " ")
	proto, list, _ := strings.Cut(value, " ")
	port, _, _ = strings.Cut(port, "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("port %.20q", port)
	}
	r.portZero = n == 0
	switch media {
	case "audio":
		r.s.Kind = Audio
	case "video":
		r.s.Kind = Video
	case "application":
		r.s.Kind, r.s.Direction = Application, Inactive
		return r.beginApplication(proto, list)
	default:
		return fmt.Errorf("media %.20q is not supported", media)
	}
	if !strings.Contains(proto, "RTP/") {
		return fmt.Errorf("protocol %.20q is not supported", proto)
	}
	return r.formats.list(list)
}

// beginApplication reads the rest of an m-line as RFC 8841 has it, or as its
// drafts had it before: "DTLS/SCTP 5000", with the port as the format.
func (r *reader) beginApplication(proto, list string) error {
	if !strings.HasSuffix(proto, "DTLS/SCTP") {
		return fmt.Errorf("protocol %.20q is not supported", proto)
	}
	r.s.SCTPPort = SCTPPort
	r.s.MaxMessageSize = 65536 // RFC 8841 section 6.1
	if proto == "DTLS/SCTP" {
		return r.readSCTPPort(list)
	}
	return nil
}

func (r *reader) readSCTPPort(value string) error {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("SCTP port %.20q", value)
	}
	r.s.SCTPPort = uint16(n)
	return nil
}

// readAttribute reads what the parser has no use for itself.
func (r *reader) readAttribute(name, value string) error {
	switch name {
	case "mid":
		if !word(value) || len(value) > maxMID {
			return fmt.Errorf("a=mid:%.20q is not a word of up to %d characters", value, maxMID)
		}
		r.s.MID = value
	case "bundle-only":
		r.bundleOnly = true
	default:
		if r.s.Kind == Application {
			return r.readApplication(name, value)
		}
		return r.readMedia(name, value)
	}
	return nil
}

func (r *reader) readApplication(name, value string) error {
	switch name {
	case "sctp-port":
		return r.readSCTPPort(value)
	case "max-message-size":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return fmt.Errorf("a=max-message-size:%.20q", value)
		}
		if n == 0 || n > math.MaxUint32 {
			n = math.MaxUint32 // 0 is "any size" (RFC 8841 section 6.1)
		}
		r.s.MaxMessageSize = uint32(n)
	}
	return nil
}

func (r *reader) readMedia(name, value string) error {
	switch name {
	case "inactive":
		r.s.Direction = Inactive
	case "sendonly":
		r.s.Direction = SendOnly
	case "recvonly":
		r.s.Direction = RecvOnly
	case "sendrecv":
		r.s.Direction = SendRecv
	case "rtpmap":
		return r.formats.readMap(value, r.s.Kind)
	case "fmtp":
		return r.formats.readParameters(value)
	case "rtcp-fb":
		return r.formats.readFeedback(value)
	case "extmap":
		return r.readExtension(value)
	case "extmap-allow-mixed":
		r.s.ExtMapAllowMixed = true
	case "rid":
		r.readRID(value)
	case "simulcast":
		r.simulcast = value
	case "msid":
		r.sources.readMSID(value)
	case "ssrc":
		return r.sources.read(value)
	case "ssrc-group":
		return r.sources.readGroup(value)
	}
	return nil
}

// readExtension reads "3/sendonly uri attributes". Direction and attributes do
// not matter here.
func (r *reader) readExtension(value string) error {
	id, rest, _ := strings.Cut(value, " ")
	uri, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	id, _, _ = strings.Cut(id, "/")
	n, err := strconv.ParseUint(id, 10, 16)
	if n >= 4096 && n <= 4351 {
		return nil // for the answerer to pick from (RFC 8285 section 7); this one does not
	}
	if err != nil || n == 0 || n > 255 {
		return fmt.Errorf("header extension id %.20q is not 1 to 255", id)
	}
	if uri == "" {
		return fmt.Errorf("header extension %d has no URI", n)
	}
	known := slices.ContainsFunc(r.s.Extensions, func(e Extension) bool {
		return e.ID == uint8(n) || e.URI == uri
	})
	if !known && len(r.s.Extensions) < maxExtensions {
		r.s.Extensions = append(r.s.Extensions, Extension{ID: uint8(n), URI: uri})
	}
	return nil
}

// readRID reads "h send pt=96;...". One that RFC 8851 section 10 does not allow
// is passed over; the packets that bear it are then of no known layer.
func (r *reader) readRID(value string) {
	id, rest, _ := strings.Cut(value, " ")
	way, _, _ := strings.Cut(rest, " ")
	rid := RID{ID: id, Direction: SendOnly}
	switch way {
	case "send":
	case "recv":
		rid.Direction = RecvOnly
	default:
		return
	}
	if ridID(id) && len(r.s.RIDs) < maxRIDs && !slices.Contains(r.s.RIDs, rid) {
		r.s.RIDs = append(r.s.RIDs, rid)
	}
}

// ridID tells whether s is a rid-id of a length that browsers take.
func ridID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// layers drops the RIDs that a=simulcast, if there is one, does not name.
func (r *reader) layers() {
	if r.simulcast == "" || len(r.s.RIDs) == 0 {
		return
	}
	var named [maxRIDs]bool
	direction := Inactive
	for part := range strings.SplitSeq(r.simulcast, " ") {
		switch part {
		case "send":
			direction = SendOnly
			continue
		case "recv":
			direction = RecvOnly
			continue
		}
		for id := range strings.FieldsFuncSeq(part, func(c rune) bool { return c == ';' || c == ',' || c == '~' }) {
			if i := slices.Index(r.s.RIDs, RID{ID: id, Direction: direction}); i >= 0 {
				named[i] = true
			}
		}
	}
	kept := r.s.RIDs[:0]
	for i, rid := range r.s.RIDs {
		if named[i] {
			kept = append(kept, rid)
		}
	}
	r.s.RIDs = kept
	if len(kept) == 0 {
		r.s.RIDs = nil
	}
}

// end is the section as it is now known. mixed is what the session level says.
func (r *reader) end(mixed bool) (Section, error) {
	r.open = false
	s := r.s
	s.Rejected = r.portZero && !r.bundleOnly
	if s.Rejected {
		return r.rejected(), nil
	}
	kind, ok := s.Kind.CodecKind()
	if !ok {
		return s, nil
	}
	r.layers()
	s.RIDs = r.s.RIDs
	s.ExtMapAllowMixed = s.ExtMapAllowMixed || mixed
	if s.Direction.Sends() {
		s.StreamID, s.TrackID = r.sources.streamID, r.sources.trackID
		if s.Sources = r.sources.collect(); s.Sources != nil {
			s.CNAME = r.sources.cname
		}
	}
	s.Formats = r.formats.collect(kind)
	if len(s.Formats) == 0 {
		return Section{}, fmt.Errorf("the %v section before has no format", s.Kind)
	}
	return s, nil
}

// rejected is what is left of a rejected section.
func (r *reader) rejected() Section {
	s := Section{Kind: r.s.Kind, MID: r.s.MID, Rejected: true}
	if kind, ok := s.Kind.CodecKind(); ok && len(r.formats.order) > 0 {
		f := Format{PayloadType: r.formats.order[0]}
		f.Codec.Kind = kind
		s.Formats = []Format{f}
	}
	return s
}
