// Package transport is one client's connection as the network sees it: ICE,
// DTLS, SRTP, and SCTP with its data channel, all of them pion's, over the one
// UDP port of an Endpoint. It knows nothing of session descriptions, rooms, or
// of what the packets carry.
//
// It stands on pion's ice, dtls, srtp and sctp and not on
// webrtc.PeerConnection, because the SFU writes its own descriptions (a
// direction is what the SFU says, not what a transceiver allows) and owns the
// path of a packet: what comes from the socket is decrypted in place and handed
// over; what goes out is encrypted in the buffer it was built in.
//
// Goroutines of a Transport, besides pion's: its reader, which calls
// Handler.RTP and RTCP, and its runner, which does the handshakes and then
// reads the data channel. Both end with Close, which waits for them.
//
// SRTP is AES-128-GCM first: it costs a fifth of AES-CM with SHA-1 here.
package transport
