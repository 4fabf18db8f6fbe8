package description

import (
	"lectern/sfu/codec"
)

// URIs of the RTP header extensions this server negotiates.
const (
	// URIMID names the section a packet belongs to (RFC 9143 section 15).
	URIMID = "urn:ietf:params:rtp-hdrext:sdes:mid"
	// URIRID names the simulcast layer of a packet, URIRepairedRID that of a
	// retransmission (RFC 8852).
	URIRID         = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	URIRepairedRID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	// URIAbsSendTime is when a packet left, in 1/2^18 s modulo 64 s.
	URIAbsSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	// URITransportCC numbers all packets of a transport
	// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
	URITransportCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	// URIAudioLevel is how loud a packet's sound is (RFC 6464).
	URIAudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	// URIVideoOrientation is how the receiver has to turn a picture (3GPP TS
	// 26.114).
	URIVideoOrientation = "urn:3gpp:video-orientation"
)

// SCTPPort and MaxMessageSize (in bytes) are what String announces in every
// application section, whatever the Section holds: they are this server's. The
// size is never left out, since without it 65,536 holds (RFC 8841 section 6.1),
// and never larger, since existing clients in Firefox stop sending when the
// server takes more than about 15 MiB.
const (
	SCTPPort       = 5000
	MaxMessageSize = 262144
)

// Direction is which way the media of a section flows, seen from the side whose
// description it is (RFC 8866 section 6.7).
type Direction uint8

// The directions; the bits are "sends" and "receives".
const (
	Inactive Direction = iota
	SendOnly
	RecvOnly
	SendRecv
)

// MakeDirection is the direction with these two halves.
func MakeDirection(sends, receives bool) Direction {
	d := Inactive
	if sends {
		d |= SendOnly
	}
	if receives {
		d |= RecvOnly
	}
	return d
}

// Sends tells whether the describing side sends.
func (d Direction) Sends() bool { return d&SendOnly != 0 }

// Receives tells whether the describing side receives.
func (d Direction) Receives() bool { return d&RecvOnly != 0 }

// Reverse is the direction as the other side sees it, and so the widest that an
// answer may have (RFC 3264 section 6.1).
func (d Direction) Reverse() Direction { return MakeDirection(d.Receives(), d.Sends()) }

// String is the attribute's name, such as "sendrecv".
func (d Direction) String() string {
	return [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}[d&SendRecv]
}

// Kind is what a section is for: the media type of its m-line.
type Kind uint8

// The kinds. Application is the data channels' section (RFC 8841).
const (
	Audio Kind = iota
	Video
	Application
)

// String is the media type: "audio", "video" or "application".
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "application"
}

// CodecKind is the kind of the section's formats. ok is false for Application,
// which has none.
func (k Kind) CodecKind() (kind codec.Kind, ok bool) {
	return codec.ParseKind(k.String())
}

// KindOf is the kind of a section with formats of this kind.
func KindOf(k codec.Kind) Kind {
	if k == codec.Video {
		return Video
	}
	return Audio
}

// Setup is who begins the DTLS handshake (RFC 4145 section 4): the active side
// does; an offer says ActPass and leaves it to the answer.
type Setup uint8

// The roles.
const (
	ActPass Setup = iota
	Active
	Passive
)

// String is the attribute's value, such as "actpass".
func (s Setup) String() string {
	switch s {
	case Active:
		return "active"
	case Passive:
		return "passive"
	}
	return "actpass"
}

// Description is one offer or answer.
type Description struct {
	SessionID uint64 // of the o-line; 0 where the client's is no 64 bit number
	Version   uint64 // of the o-line; the writer raises it for each new description

	// The one transport: that of the first section of the BUNDLE group, with
	// what it lacks taken from the session level.
	Ufrag, Password string // of ICE
	FingerprintHash string // lower case, such as "sha-256"
	Fingerprint     string // upper case hex with colons
	Setup           Setup  // ActPass where the client says nothing
	// Candidates are those of RTP (component 1) of all sections, each once and
	// at most 128, as in "candidate:1 1 udp ...".
	Candidates      []string
	EndOfCandidates bool
	Lite            bool // this side is ICE-lite (RFC 8445 section 2.5)

	Sections []Section // in the order of the m-lines
}

// Section is one m-line with its attributes. A rejected one has a Kind, a MID
// and, for audio and video, its first payload type; nothing else.
type Section struct {
	Kind     Kind
	MID      string
	Rejected bool // port 0, and not for being bundle-only

	// Of audio and video.

	Direction  Direction   // the section's own; what the session level says does not count
	Formats    []Format    // most wanted first, at most 64
	Extensions []Extension // at most 32, ids and URIs once each
	// Bandwidth is the most that its describer takes of it, in bit/s (RFC 8866
	// section 5.8, RFC 3890); 0: not said. It is written and not read.
	Bandwidth        uint64
	ExtMapAllowMixed bool  // one and two byte header extensions may mix (RFC 8285 section 6)
	RIDs             []RID // at most 8, best first by custom
	// What the section sends; all empty where Direction does not send.
	StreamID string   // of a=msid; "" is a track without a stream
	TrackID  string   // of a=msid
	Sources  []Source // at most 16
	CNAME    string   // of the sources

	// Of application, as the client announces them. String writes the
	// constants instead.

	SCTPPort       uint16
	MaxMessageSize uint32 // bytes; 65,536 where not said, the largest number where without limit
}

// Format is a payload type of one section. Formats unknown to this server
// (telephone-event, ulpfec, G722) are kept like any other; one without a
// a=rtpmap has no Codec.Name.
type Format struct {
	PayloadType uint8
	RTX         uint8 // payload type of its retransmissions (RFC 4588); 0: none
	Codec       codec.Codec
}

// Extension is an RTP header extension of one section (RFC 8285).
type Extension struct {
	ID  uint8 // 1 to 255; ids above 14 need two byte headers
	URI string
}

// Source is one stream the describing side announces by its SSRC (RFC 5576).
type Source struct {
	SSRC uint32
	RTX  uint32 // SSRC of its retransmissions; 0: none
}

// RID is a simulcast layer that the describing side sends or wants to receive
// (RFC 8851 and RFC 8853).
type RID struct {
	ID        string
	Direction Direction // SendOnly or RecvOnly
}

// FormatFor is the first format of the section whose packets are of codec c. ok
// is false if there is none.
func (s *Section) FormatFor(c codec.Codec) (f Format, ok bool) {
	for _, f := range s.Formats {
		if f.Codec.Matches(c) {
			return f, true
		}
	}
	return Format{}, false
}

// ExtensionID is the id of the header extension in this section, 0 if it was
// not negotiated.
func (s *Section) ExtensionID(uri string) uint8 {
	for _, e := range s.Extensions {
		if e.URI == uri {
			return e.ID
		}
	}
	return 0
}
