package protocol

// MemberID names a member of a room: the id of the socket it joined with. It
// stays the same for the life of the member, however many sockets it uses.
type MemberID string

// ConnectorID names one RTCPeerConnection. The side that made the connection
// chose it; it means something only together with its member.
type ConnectorID string

// UserID is chosen by the client and known to nobody else. It proves a
// returning client to be who it was, so it is a secret: it is never relayed,
// logged or shown.
type UserID string

// Proves reports whether the id is long enough to be unguessable and so to
// prove anything (PROTOCOL.md section 4: at least 16 characters).
func (u UserID) Proves() bool { return len(u) >= minProof }

// StreamType says what a connector carries.
type StreamType string

// The stream types.
const (
	StreamUser          StreamType = "user"          // camera and microphone
	StreamDisplay       StreamType = "display"       // a shared screen, said by who shares
	StreamRemoteDisplay StreamType = "remoteDisplay" // the same connection, said by who watches
)

func (t StreamType) valid() bool {
	return t == StreamUser || t == StreamDisplay || t == StreamRemoteDisplay
}

// Mode says what carries the media of a room.
type Mode string

// The modes a room can be in.
const (
	ModeP2P Mode = "p2p"
	ModeSFU Mode = "sfu"
)

// Role says what a member may do.
type Role string

// The roles.
const (
	RoleHost      Role = "host"
	RolePresenter Role = "presenter"
	RoleAudience  Role = "audience"
)

// OnStage reports whether members of the role publish.
func (r Role) OnStage() bool { return r == RoleHost || r == RolePresenter }

// The events, as they are named on the wire.
const (
	EventJoin          = "join"
	EventReconnect     = "reconnect"
	EventReconnectWork = "reconnectWork"
	EventLeave         = "leave"
	EventOffer         = "offer"
	EventAnswer        = "answer"
	EventICECandidate  = "icecandidate"
	EventGetOffer      = "getOffer"
	EventError         = "error"
	EventState         = "state"
	EventPing          = "ping"
	EventJoined        = "joined"
	EventMember        = "member"
	EventMemberGone    = "memberGone"
	EventMode          = "mode"
	EventClosing       = "closing"
)

// The limits of PROTOCOL.md section 6. Characters are Unicode code points
// after normalisation, the others are bytes.
const (
	MaxName           = 64        // characters of a user or room name
	MaxID             = 128       // characters of any id
	MaxSDP            = 256 << 10 // bytes of a session description
	MaxSDPLines       = 2000      // lines of a session description
	MaxCandidate      = 2 << 10   // bytes of an ICE candidate, as JSON
	MaxLeave          = 4096      // entries of a leave list
	MaxCapabilities   = 32        // entries of a capability list
	MaxToken          = 4 << 10   // bytes of a token
	MaxSeq            = 1<<53 - 1 // number of a message: what JavaScript counts exactly
	maxReconnectExtra = 2 << 10   // bytes of the data of a reconnectWork getOffer
	minProof          = 16        // characters from which a user id is a secret
)

// The capabilities a client may name in join and reconnect.
const (
	// CapabilityRoster: it wants joined and the events of section 5 of
	// PROTOCOL.md.
	CapabilityRoster = "roster"
	// CapabilityDownlink: in SFU mode it takes one connector for everything it
	// receives. It counts only together with CapabilityRoster.
	CapabilityDownlink = "downlink"
	// CapabilityResume: it counts what it sends and gets, so that what a dying
	// connection lost is said again, once. It counts only together with
	// CapabilityRoster.
	CapabilityResume = "resume"
)
