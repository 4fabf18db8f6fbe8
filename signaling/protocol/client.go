package protocol

import (
	"encoding/json"
	"slices"
)

// Message is what a client sent: *Join, *Reconnect, *Leave, *State, *Ping, a
// Signal, or one of those in capable.go.
type Message interface {
	// Event is the name of the message on the wire.
	Event() string
}

// Numbered is a message of a client that counts what it sends. The number is
// one more than that of the message before it, or higher.
type Numbered struct {
	Message
	Seq uint64
}

// Signal is a message one member sends to another about a connector between
// them.
type Signal interface {
	Message
	// To is the member addressed; empty if the client did not say.
	To() MemberID
}

// Identity is who a client says it is, in join and reconnect.
type Identity struct {
	User UserID // secret: see UserID
	Name string // normal: see Name
	Room string // normal: see RoomName

	Renamed bool // Name is not what the client sent

	// What follows is sent by capable clients only.

	Capabilities []string
	Role         Role   // asked for; empty if the client has no wish
	Token        string // proves a right to a room or a role
}

// Capable reports whether the client asked for the roster events.
func (i *Identity) Capable() bool { return slices.Contains(i.Capabilities, CapabilityRoster) }

// Downlink reports whether the client takes one connector for all it receives.
func (i *Identity) Downlink() bool {
	return i.Capable() && slices.Contains(i.Capabilities, CapabilityDownlink)
}

// Resumes reports whether the client counts what it sends and gets, so that
// what a dying connection lost is said again, once.
func (i *Identity) Resumes() bool {
	return i.Capable() && slices.Contains(i.Capabilities, CapabilityResume)
}

// Join enters a room, creating it.
type Join struct {
	Identity
	// ResumeToken is from an earlier joined, and proves who the client was;
	// empty if it was no member.
	ResumeToken string
}

// Reconnect is sent on every new socket by a client that believes it is in a
// room.
type Reconnect struct {
	Identity
	ResumeToken string // from joined; empty for old clients
	// Seen is the number of the last message the client has dealt with. nil of
	// a client that counts: it has nothing of what its member had.
	Seen *uint64
}

// Leave ends the membership. Connectors lists the other ends the client knows.
type Leave struct{ Connectors []LeaveItem }

// LeaveItem is one connector of the leaver, by its other end.
type LeaveItem struct {
	Remote ConnectorID // empty if the other end never answered
	Member MemberID
}

// Offer opens a connector to a member.
type Offer struct {
	Connector  ConnectorID
	Offer      Description
	Member     MemberID
	StreamType StreamType
}

// Answer accepts an offer.
type Answer struct {
	Remote     ConnectorID // the offerer's connector
	Connector  ConnectorID // the answerer's connector
	Answer     Description
	Member     MemberID   // the offerer
	StreamType StreamType // empty if the client did not say
}

// ICECandidate passes one ICE candidate.
type ICECandidate struct {
	Remote    ConnectorID
	Member    MemberID
	Candidate json.RawMessage // RTCIceCandidateInit, as it came
	Line      string          // its candidate: one of RFC 8839 section 5.1, or the empty string
}

// ReconnectWork renegotiates a connector over signaling. Exactly one of Offer
// and Answer is set for the types offer and answer, neither for getOffer.
type ReconnectWork struct {
	Type      string // EventOffer, EventAnswer or EventGetOffer
	Offer     *Description
	Answer    *Description
	Extra     json.RawMessage // data of a getOffer: {kind, type}; nil if none
	Connector ConnectorID     // the sender's own
	Member    MemberID        // empty if the client did not say
}

// State tells the others what a capable client is doing. A nil field is
// unchanged.
type State struct {
	Audio  *bool `json:"audio"`
	Video  *bool `json:"video"`
	Screen *bool `json:"screen"`
	Hand   *bool `json:"hand"`

	Speaking *bool `json:"speaking"`
}

// Ping asks for an acknowledgement. A client that counts says how far it has
// come.
type Ping struct{ Seen *uint64 }

// Description is an RTCSessionDescriptionInit.
type Description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// Event names the message on the wire.
func (*Join) Event() string { return EventJoin }

// Event names the message on the wire.
func (*Reconnect) Event() string { return EventReconnect }

// Event names the message on the wire.
func (*Leave) Event() string { return EventLeave }

// Event names the message on the wire.
func (*Offer) Event() string { return EventOffer }

// Event names the message on the wire.
func (*Answer) Event() string { return EventAnswer }

// Event names the message on the wire.
func (*ICECandidate) Event() string { return EventICECandidate }

// Event names the message on the wire.
func (*ReconnectWork) Event() string { return EventReconnectWork }

// Event names the message on the wire.
func (*State) Event() string { return EventState }

// Event names the message on the wire.
func (*Ping) Event() string { return EventPing }

// To is the member the offer is for.
func (o *Offer) To() MemberID { return o.Member }

// To is the member whose offer is answered.
func (a *Answer) To() MemberID { return a.Member }

// To is the member the candidate is for.
func (c *ICECandidate) To() MemberID { return c.Member }

// To is the other side of the connector, empty if the client did not say.
func (w *ReconnectWork) To() MemberID { return w.Member }
