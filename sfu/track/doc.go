// Package track is the path of media through the SFU: from a decrypted packet
// that came in to the transports of those who are to get it.
//
//   - A Receiver is the receiving half of a connector. It tells what arrives
//     apart, asks for what was lost, and reports to the publisher.
//   - A Track is a publication's audio or video. It takes packets from the one
//     of its inputs that is current and fans them out.
//   - A Sender is the sending half of a connector, a Subscription one track on
//     it: with its own SSRC, numbers, payload types and header extensions.
//
// The package knows no session descriptions, rooms or sockets, and reads no
// clock: times are arguments, monotonic, in nanoseconds, and all of one clock.
//
// # Concurrency
//
// All exported methods may be called concurrently. A packet runs through on the
// goroutine that read it: Receiver.mu is held to account for it, then
// Track.mu, to which the readers of a track's inputs come one after the other,
// then for each subscription its own mutex. Receiver.mu is a leaf; the others are
// taken in these orders, always before what a Sink locks:
//
//	Track.mu > Subscription.mu
//	Track.mu > keyframes.mu
//	Sender.repair > Subscription.mu > cache
//	Sender.mu > Subscription.mu, Track.changing
//
// In the fan-out there is no lock that is shared by subscriptions of different
// tracks, no map, and no allocation.
package track

import "lectern/sfu/codec"

// Sink is the sending half of a connector's transport; transport.Transport is
// one. A packet is neither changed nor kept. False says that it was not sent.
// Methods must not block for long and must not call back.
type Sink interface {
	WriteRTP(packet []byte) bool
	WriteRTCP(packet []byte) bool
}

// Extensions are the header extension ids of one connector; 0: not negotiated.
// RID and RepairedRID are not used yet: no client sends simulcast.
type Extensions struct {
	MID, RID, RepairedRID, AbsSendTime, TransportCC, AudioLevel, VideoOrientation uint8
}

// Format is how one codec is numbered on one connector. RTX is the payload type
// of its retransmissions (RFC 4588), 0 if there are none. Codec.Feedback says
// whether lost packets are asked for ("nack").
type Format struct {
	PayloadType, RTX uint8
	Codec            codec.Codec
}

// Source is an SSRC that a description announced, and that of its
// retransmissions (a=ssrc-group:FID), 0 if there is none.
type Source struct{ SSRC, RTX uint32 }

const (
	millisecond = 1_000_000
	second      = 1_000_000_000

	// maxPacket is the largest packet taken, in bytes.
	maxPacket = 1500
)
