// Package sfu is the SFU plane: it plays every remote member towards each
// client. It makes the offers, answers and candidates the other members would
// have made, ends every connection itself, and forwards their RTP. It knows
// nothing of sockets, HTTP, names, or the rules of a room.
//
// Its words:
//
//   - publication: what one member sends of one stream type, as an audio and a
//     video track.
//   - connector: one connection with one client, and its data channel. At an
//     existing client there is one for each member it sees and one for each
//     screen; the client's own publication rides on exactly one of them, its
//     uplink.
//   - section: one m-line of a connector.
//   - stage: the members who publish. The others are the audience: they get the
//     stage, and nobody gets anything of them.
//   - stand-in: a connector of a client that is alone on stage before an audience,
//     which is there only to carry that client's media.
//   - downlink: the one connector over which a client that knows that there is
//     a server receives everything. Its own pictures have a connector each. All
//     of these it has with protocol.ServerMember, and the server's offers on
//     them go over the client's socket.
//
// The rules of existing clients that a reader should know first:
//
//   - The server offers, except to a member that is alone when another one
//     comes: that one is asked for an offer, because only then does a client
//     that shares its screen offer that too. Who offered a connector first
//     offers on it for ever; there is no glare.
//   - At most one negotiation is under way on a connector, over the channel and
//     the socket alike, ICE restarts included (connector.negotiate). What changes
//     meanwhile makes it dirty or its path stale, and it is negotiated again when
//     the answer is in. A connector whose offer is not answered gets no further
//     one: another connector takes its place.
//   - A section is offered as receiving on the uplink only, so a client's
//     tracks attach there and nowhere else. When the uplink ends, the next one
//     gets fresh receiving sections for the tracks that wait.
//   - An existing client that is alone on stage before an audience has a stand-in,
//     or it would send nothing. It is the connector its pictures came over when the
//     last of the others left the stage, or one that it is asked to offer to the
//     member "audience". It ends when the pictures come over another one
//     (standin.go).
//   - An existing client has an uplink in the audience too: it is the only way to
//     know that its camera is on. The room is told, and has the client on stage or
//     its uplink ended (uploads.go).
//   - A section of a downlink whose stream has ended carries another one as soon
//     as the client has heard of the end, so a description does not grow with
//     people who come and go.
//   - Chat comes up to the room, which says to whom it goes; files go from box to
//     box among the stage (box.go, files.go) and do not come near the room.
//   - Whether a member's camera is on is read from its answers, and from the
//     packets where it is the client that offers.
//
// Who owns what: the control state (everything but link and box) is the room's
// goroutine's, which calls the plane. What happens in the background is queued
// and makes Ready readable; Drain takes it in. RTP never comes near: links hand
// it from transport to tracks to transports.
//
// A design decision: descriptions (sfu/description) and ICE (sfu/ice) are our own,
// over pion's dtls, srtp and sctp (sfu/transport), instead of webrtc.PeerConnection.
// A PeerConnection has no say in directions and rewrites them from what
// senders it has; the recipe needs the directions said freely. It also saves
// two thirds of a PeerConnection's memory and goroutines.
package sfu
