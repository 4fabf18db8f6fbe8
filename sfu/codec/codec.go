// Package codec describes media formats as SDP names them (RFC 8866 rtpmap and
// fmtp), tells which two descriptions mean the same format, and finds in an RTP
// payload whether a decoder can start there, and where its pictures are counted.
//
// It does not know payload types, which belong to one connection's
// descriptions, and it never decodes more than payload headers.
package codec

import (
	"slices"
	"strconv"
	"strings"
)

// Kind is what a format carries.
type Kind uint8

// The kinds, named as the media types of an m-line.
const (
	Audio Kind = iota
	Video
)

// String is the kind's media type: "audio" or "video".
func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// ParseKind reads a media type as String writes it. ok is false for any other.
func ParseKind(s string) (k Kind, ok bool) {
	switch s {
	case "audio":
		return Audio, true
	case "video":
		return Video, true
	}
	return Audio, false
}

// Codec is one format, as its group of a=rtpmap, a=fmtp and a=rtcp-fb lines
// describes it. A Codec is a value: nothing changes one after it was made, so
// any number of goroutines may use it.
type Codec struct {
	Name      string // encoding name of the rtpmap: "VP8", "H264", "VP9", "AV1", "opus", "red"
	Kind      Kind
	ClockRate uint32 // in Hz
	Channels  uint8  // of audio; 0 and 1 both mean one
	Fmtp      string // parameters of the fmtp line, without the payload type
	Feedback  []string
}

// Preferred lists the formats this server offers, the most wanted first. The
// caller owns the slice. VP8 leads: every client must be able to decode it
// (RFC 7742 section 5), and one format that all viewers take is what lets one
// upload serve a room. The H264 formats are the two without B-frames that RFC
// 7742 asks for: constrained baseline, and baseline as older Android hardware
// announces it. The fmtp of red names the payload type of opus twice
// ("111/111", RFC 2198 section 5), which the description has to add.
func Preferred() []Codec {
	feedback := []string{"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"}
	video := func(name, fmtp string) Codec {
		return Codec{Name: name, Kind: Video, ClockRate: 90000, Fmtp: fmtp, Feedback: slices.Clone(feedback)}
	}
	return []Codec{
		video("VP8", ""),
		video("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
		video("H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
		video("VP9", "profile-id=0"),
		video("AV1", "level-idx=5;profile=0;tier=0"),
		{Name: "opus", Kind: Audio, ClockRate: 48000, Channels: 2, Fmtp: "minptime=10;useinbandfec=1",
			Feedback: []string{"transport-cc"}},
		{Name: "red", Kind: Audio, ClockRate: 48000, Channels: 2},
	}
}

// Matches tells whether packets of one format can be forwarded as the other:
// the same encoding name (in any case, RFC 4855 section 3), clock rate and
// number of channels, and where the format has them the same profile. Levels
// are not compared, since a=fmtp announces what the receiver takes at most.
// It is symmetric.
func (c Codec) Matches(other Codec) bool {
	if c.Kind != other.Kind || c.ClockRate != other.ClockRate ||
		max(c.Channels, 1) != max(other.Channels, 1) || !strings.EqualFold(c.Name, other.Name) {
		return false
	}
	switch formatOf(c.Name) {
	case formatH264:
		return h264Mode(c.Fmtp) == h264Mode(other.Fmtp) &&
			h264ProfileOf(c.Fmtp) == h264ProfileOf(other.Fmtp)
	case formatVP9:
		return number(c.Fmtp, "profile-id", 0) == number(other.Fmtp, "profile-id", 0)
	case formatAV1:
		return number(c.Fmtp, "profile", 0) == number(other.Fmtp, "profile", 0)
	}
	return true
}

// Keyframe tells whether this RTP payload is at the beginning of a frame that a
// decoder can start with. For audio every packet is. For video it is the packet
// where forwarding may begin after a switch; packets in the middle of such a
// frame answer false. An unknown video format answers true for anything,
// since nothing better can be told. The payload may be anything; an empty one
// is no keyframe. Keyframe does not allocate.
//
// The rules: VP8, RFC 7741 section 4.2 and 4.3; VP9, RFC 9628 section 4.2; H264,
// RFC 6184 section 5; AV1, "RTP Payload Format For AV1" section 4.4.
func (c Codec) Keyframe(payload []byte) bool {
	var d Descriptor
	d.Read(&c, payload)
	return d.Keyframe
}

// format is an encoding name whose rules this package knows.
type format uint8

const (
	formatOther format = iota
	formatVP8
	formatVP9
	formatH264
	formatAV1
)

func formatOf(name string) format {
	switch {
	case strings.EqualFold(name, "VP8"):
		return formatVP8
	case strings.EqualFold(name, "VP9"):
		return formatVP9
	case strings.EqualFold(name, "H264"):
		return formatH264
	case strings.EqualFold(name, "AV1"):
		return formatAV1
	}
	return formatOther
}

// parameter finds a parameter of an fmtp line: "name=value", separated by
// semicolons, the name in any case (RFC 8866 section 6.15 leaves the form to
// the format; all the formats here share this one).
func parameter(fmtp, name string) (value string, ok bool) {
	for part := range strings.SplitSeq(fmtp, ";") {
		key, val, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(val), true
		}
	}
	return "", false
}

// number is a parameter as a number. One that is absent is def, one that is no
// number -1, which matches nothing but another of its kind.
func number(fmtp, name string, def int) int {
	value, ok := parameter(fmtp, name)
	if !ok {
		return def
	}
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}
