package protocol

// What capable clients say and are told besides the existing protocol
// (signaling/PROTOCOL.md section 5).

// The events of capable clients, as they are named on the wire. EventMode and
// EventRole go both ways.
const (
	EventRole     = "role"
	EventRemove   = "remove"
	EventMute     = "mute"
	EventLock     = "lock"
	EventChat     = "chat"
	EventHistory  = "history"
	EventView     = "view"
	EventReport   = "report"
	EventAudience = "audience"
	EventHands    = "hands"
	EventAway     = "away"
	EventAdmit    = "admit"
	EventRemoved  = "removed"
)

// ServerMember is whom capable clients address on the connectors they have
// with the server itself. It is no socket's id, so no member's.
const ServerMember MemberID = "sfu"

// AudienceMember stands for all who listen, at an old client that is alone on
// stage. It is no socket's id either.
const AudienceMember MemberID = "audience"

// StreamDownlink is the stream type of the one connector over which a capable
// client receives everything in SFU mode. Clients do not send it.
const StreamDownlink StreamType = "downlink"

// The limits of what capable clients say.
const (
	MaxText    = 20_000 // characters of a line of chat
	MaxHidden  = 1024   // entries of a view
	MaxHistory = 100    // lines of chat kept for newcomers
)

// SetRole gives a member a role. Only a host may, but for a member that leaves
// the stage itself.
type SetRole struct {
	Member MemberID // empty: the sender
	Role   Role
}

// Remove puts a member out of the room. Only a host may.
type Remove struct{ Member MemberID }

// Admit lets a member in again that was put out. Only a host may.
type Admit struct{ Member MemberID }

// Away says that the client's page goes and may be back at once, as when it is
// loaded again. Its connectors end with it.
type Away struct{}

// Mute asks a member's client to stop sending its microphone or camera. Only a
// host may.
type Mute struct {
	Member MemberID
	Kind   string // "audio" or "video"
}

// Lock lets nobody else into the room, or ends that. Only a host may.
type Lock struct{ Locked bool }

// SetMode asks for another way of the room's media. Only a host may.
type SetMode struct{ Mode Mode }

// Say is a line of chat.
type Say struct {
	ID   string // made by the client; the same line said twice has the same
	Text string
	// Clock is the time of day at the sender as existing clients show it,
	// "15:04:05"; empty if the client did not say.
	Clock string
}

// StreamRef names one stream of a member.
type StreamRef struct {
	Member MemberID   `json:"memberId"`
	Stream StreamType `json:"streamType"` // StreamUser or StreamDisplay
}

// View says whose pictures the client does not show at present. Their video is
// not sent to it, their audio is. It replaces what was said before.
type View struct{ Hidden []StreamRef }

// Report tells what only a client sees of its media. Absent parts say nothing.
type Report struct {
	Saturated *bool       // its upload cannot carry what it wants to send
	Busy      *bool       // a file is on its way to or from it over P2P
	Connector ConnectorID // its own connector that State is about; empty: none
	State     string      // ReportConnected or ReportFailed
}

// What a Report may say of a connector.
const (
	ReportConnected = "connected"
	ReportFailed    = "failed" // for good: restarts did not help
)

// AskAudience asks for the event of the same name.
type AskAudience struct{}

// Event names the message on the wire.
func (*SetRole) Event() string { return EventRole }

// Event names the message on the wire.
func (*Remove) Event() string { return EventRemove }

// Event names the message on the wire.
func (*Admit) Event() string { return EventAdmit }

// Event names the message on the wire.
func (*Away) Event() string { return EventAway }

// Event names the message on the wire.
func (*Mute) Event() string { return EventMute }

// Event names the message on the wire.
func (*Lock) Event() string { return EventLock }

// Event names the message on the wire.
func (*SetMode) Event() string { return EventMode }

// Event names the message on the wire.
func (*Say) Event() string { return EventChat }

// Event names the message on the wire.
func (*View) Event() string { return EventView }

// Event names the message on the wire.
func (*Report) Event() string { return EventReport }

// Event names the message on the wire.
func (*AskAudience) Event() string { return EventAudience }

// Stream says whose a media stream of a downlink is, by its id in the session
// description (a=msid, RFC 8830).
type Stream struct {
	ID     string     `json:"streamId"`
	Member MemberID   `json:"memberId"`
	Stream StreamType `json:"streamType"` // StreamUser or StreamDisplay
}

// RoleChanged tells a member its own new role.
type RoleChanged struct {
	Role Role     `json:"role"`
	By   MemberID `json:"by,omitempty"` // empty: the server or its operator
}

// Muted asks the client to stop sending its microphone or camera.
type Muted struct {
	Kind string   `json:"kind"`
	By   MemberID `json:"by,omitempty"`
}

// Locked tells the stage that nobody else gets in, or that this has ended.
type Locked struct {
	Locked bool `json:"locked"`
}

// ChatLine is a line of chat as the others see it.
type ChatLine struct {
	ID     string   `json:"id"`
	Member MemberID `json:"memberId"`
	Name   string   `json:"username"`
	At     int64    `json:"at"` // milliseconds since 1970, by the server's clock
	Text   string   `json:"text"`

	// Clock is as in Say. Capable clients have At.
	Clock string `json:"-"`
}

// History is what was said before the client came, oldest first, at most
// MaxHistory lines.
type History struct {
	Messages []ChatLine `json:"messages"`
}

// Audience is how many listen.
type Audience struct {
	Count int `json:"count"`
}

// Hand is a raised hand.
type Hand struct {
	Member MemberID `json:"memberId"`
	Name   string   `json:"username"`
	Role   Role     `json:"role"`
	Since  int64    `json:"since"` // milliseconds since 1970, by the server's clock
}

// Hands tells the hosts of all raised hands, first raised first. Count may be
// more than are listed.
type Hands struct {
	Hands []Hand `json:"hands"`
	Count int    `json:"count"`
}

// RemovedMember is one that was put out of the room and stays out.
type RemovedMember struct {
	ID   MemberID `json:"memberId"`
	Name string   `json:"username"`
	At   int64    `json:"at"` // milliseconds since 1970, by the server's clock
}

// RemovedList tells the hosts of those who stay out, the last one first.
type RemovedList struct {
	Removed []RemovedMember `json:"removed"`
}

// EventName names the message on the wire.
func (*RemovedList) EventName() string { return EventRemoved }

// EventName names the message on the wire.
func (*RoleChanged) EventName() string { return EventRole }

// EventName names the message on the wire.
func (*Muted) EventName() string { return EventMute }

// EventName names the message on the wire.
func (*Locked) EventName() string { return EventLock }

// EventName names the message on the wire.
func (*ChatLine) EventName() string { return EventChat }

// EventName names the message on the wire.
func (*History) EventName() string { return EventHistory }

// EventName names the message on the wire.
func (*Audience) EventName() string { return EventAudience }

// EventName names the message on the wire.
func (*Hands) EventName() string { return EventHands }
