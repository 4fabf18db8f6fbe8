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
// # What is rewritten
//
// A viewer's packets have its own SSRC, payload type and header extensions, and
// numbers that go on where its source changes: sequence numbers and timestamps,
// and in the payload descriptors of VP8 and VP9 picture ids, TL0PICIDX and KEYIDX.
// Decoders, and libwebrtc's frame buffer before them, take a number that jumps for
// a loss and one that goes back for an old picture. Within a source each is moved
// by the same, so a retransmission is what was sent first, and nothing is changed
// as long as a viewer has its first source. Other references between pictures
// (VP9's P_DIFF) are distances.
//
// Payloads of H264 have no such numbers. Those of AV1 have theirs in the dependency
// descriptor, a header extension that is not negotiated (sfu/extensions.go): without
// it receivers order pictures by sequence number. If it ever is, its frame numbers
// have to go on too.
//
// # Concurrency
//
// All exported methods may be called concurrently. A packet runs through on the
// goroutine that read it, in two steps. Take accounts for it (Receiver.mu is
// held) and lays it by in its track (Track.mu). When the reader has taken what
// there was, Flush gives each subscription all that its track has laid by, so
// that a frame goes to one viewer after the other and leaves as one run: the
// frame's last packet ends the wait, or gatherTime, and where waiting was in vain it
// is left off. Only the subscription's mutex
// is held then, and Track.flushing, which keeps the bursts of a track apart.
// Beyond some hundreds of viewers a burst is split over workers (Fanout).
// Receiver.mu is a leaf; the others are taken in these orders, always before what
// a Sink locks:
//
//	Track.flushing > Track.mu > Subscription.mu
//	Track.mu > keyframes.mu
//	Sender.repair > Subscription.mu > cache
//	Sender.mu > Subscription.mu, Track.changing
//
// In the fan-out there is no lock that is shared by subscriptions of different
// tracks, no map, and no allocation.
package track

import (
	"lectern/sfu/codec"
	"lectern/sfu/egress"
)

// Sink is the sending half of a connector's transport; transport.Transport is
// one. Methods must not block for long and must not call back.
type Sink interface {
	// Reserve gives room for one RTP packet of at most size bytes in a batch; nil
	// if nothing can be sent now. It is valid until Seal or the next Reserve of
	// the same batch.
	Reserve(into *egress.Batch, size int) []byte
	// Seal has a packet sent with the batch that it was built in: it lies at the
	// start of what Reserve gave. False says that it will not be sent.
	Seal(into *egress.Batch, packet []byte) bool
	// WriteRTCP sends a compound packet, which is neither changed nor kept.
	WriteRTCP(packet []byte) bool
	// Begin gives a batch for what does not belong to a burst, End sends it.
	Begin() *egress.Batch
	End(*egress.Batch)
	// Fault ends the connection after a panic while something was sent there. It
	// waits for nothing.
	Fault(doing string, panicked any)
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
