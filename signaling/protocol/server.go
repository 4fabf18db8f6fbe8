package protocol

import "encoding/json"

// Outgoing is a message the server sends. Its JSON form is its data on the
// wire.
type Outgoing interface {
	// EventName is the name of the message on the wire.
	EventName() string
}

// GetOffer asks for an offer to a member.
type GetOffer struct {
	Member MemberID `json:"memberId"`
}

// RelayedOffer is an offer as its addressee sees it.
type RelayedOffer struct {
	Remote     ConnectorID `json:"remoteConnectorId"`
	Offer      Description `json:"offer"`
	Member     MemberID    `json:"memberId"`
	StreamType StreamType  `json:"streamType"`
	Streams    []Stream    `json:"streams,omitempty"` // of a downlink
}

// RelayedAnswer is an answer as its addressee sees it: the ids are swapped.
type RelayedAnswer struct {
	Remote    ConnectorID `json:"remoteConnectorId"`
	Connector ConnectorID `json:"connectorId"`
	Answer    Description `json:"answer"`
	Member    MemberID    `json:"memberId"`
}

// RelayedCandidate is a candidate as its addressee sees it.
type RelayedCandidate struct {
	Connector ConnectorID     `json:"connectorId"`
	Candidate json.RawMessage `json:"candidate"`
}

// ConnectorGone is the leave event: the addressee's connector has no other end
// any more.
type ConnectorGone struct {
	Connector ConnectorID `json:"connectorId"`
	Member    MemberID    `json:"memberId"`
}

// Renegotiate is the reconnect event the server sends. Type "leave" without
// the rest tells a client that it is in no room.
type Renegotiate struct {
	Type      string          `json:"type"` // "leave", EventGetOffer, EventOffer or EventAnswer
	Data      json.RawMessage `json:"data,omitempty"`
	Connector ConnectorID     `json:"connectorId,omitempty"`
	Member    MemberID        `json:"memberId,omitempty"`
}

// ErrorMessage is the error event.
type ErrorMessage struct {
	Type    ErrorType `json:"type"`
	Message string    `json:"message"`
	On      string    `json:"event,omitempty"`
	Field   string    `json:"field,omitempty"`
}

// Member is what capable clients know of another member. Audio and Video are
// null while the member has not said (an old client).
type Member struct {
	ID     MemberID `json:"memberId"`
	Name   string   `json:"username"`
	Role   Role     `json:"role"`
	Audio  *bool    `json:"audio"`
	Video  *bool    `json:"video"`
	Screen bool     `json:"screen"`
	Hand   bool     `json:"hand"`
	Away   bool     `json:"away"` // its socket is gone; its grace period runs

	Speaking bool `json:"speaking"`
}

// MemberGone tells capable clients that a member left.
type MemberGone struct {
	ID MemberID `json:"memberId"`
}

// Joined is what a capable client gets for its join or reconnect. Members is
// the stage; the audience is only counted.
type Joined struct {
	ID            MemberID       `json:"memberId"`
	Room          string         `json:"room"`
	Name          string         `json:"username,omitempty"` // the client's own, if it is not what it sent
	Mode          Mode           `json:"mode"`
	Role          Role           `json:"role"`
	Members       []Member       `json:"members"` // without the client itself, oldest first
	ICEServers    []ICEServer    `json:"iceServers"`
	ResumeToken   string         `json:"resumeToken"`
	ServerVersion string         `json:"serverVersion"`
	Resumed       bool           `json:"resumed"`
	Seen          *uint64        `json:"seen,omitempty"`       // the last message taken of a client that counts
	Connectors    []ConnectorRef `json:"connectors,omitempty"` // when resumed
	GraceMS       int64          `json:"graceMs"`
	MaxMembers    int            `json:"maxMembers"`
	Audience      int            `json:"audience"`     // how many listen
	Stage         int            `json:"stage"`        // how many may be on stage in SFU mode
	Locked        bool           `json:"locked"`       // nobody else gets in
	MaxFileBytes  int64          `json:"maxFileBytes"` // of a file in SFU mode
}

// ConnectorRef is one connector of the addressee, by its own id, and the
// member at its other end.
type ConnectorRef struct {
	Connector ConnectorID `json:"connectorId"`
	Member    MemberID    `json:"memberId"`
}

// ICEServer is an RTCIceServer.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// ModeChanged tells capable clients that the room's mode changed.
type ModeChanged struct {
	Mode Mode `json:"mode"`
}

// Closing tells capable clients that the server is about to end the
// connection, and why.
type Closing struct {
	Reason string `json:"reason"`
}

// Pong acknowledges a ping of a client that counts. Seen is the number of its
// last message that was dealt with.
type Pong struct {
	Seen uint64 `json:"seen"`
}

// Empty is the acknowledgement of a message that has no other answer.
type Empty struct{}

// EventName names the message on the wire.
func (*GetOffer) EventName() string { return EventGetOffer }

// EventName names the message on the wire.
func (*RelayedOffer) EventName() string { return EventOffer }

// EventName names the message on the wire.
func (*RelayedAnswer) EventName() string { return EventAnswer }

// EventName names the message on the wire.
func (*RelayedCandidate) EventName() string { return EventICECandidate }

// EventName names the message on the wire.
func (*ConnectorGone) EventName() string { return EventLeave }

// EventName names the message on the wire.
func (*Renegotiate) EventName() string { return EventReconnect }

// EventName names the message on the wire.
func (*ErrorMessage) EventName() string { return EventError }

// EventName names the message on the wire.
func (*Member) EventName() string { return EventMember }

// EventName names the message on the wire.
func (*MemberGone) EventName() string { return EventMemberGone }

// EventName names the message on the wire.
func (*Joined) EventName() string { return EventJoined }

// EventName names the message on the wire.
func (*ModeChanged) EventName() string { return EventMode }

// EventName names the message on the wire.
func (*Closing) EventName() string { return EventClosing }
