// Package transport is one client's connection as the network sees it: ICE,
// DTLS, SRTP, and SCTP with its data channel, all of them pion's, over the one
// UDP port of an Endpoint. It knows nothing of session descriptions, rooms, or
// of what the packets carry.
//
// It stands on pion's ice, dtls, srtp and sctp and not on
// webrtc.PeerConnection, because the SFU writes its own descriptions (a
// direction is what the SFU says, not what a transceiver allows) and owns the
// path of a packet. What comes from the socket is decrypted in place and given to
// the Handler by the goroutine that reads the port, many packets with one system
// call; what goes out is built in a batch (sfu/egress), encrypted there in place,
// and sent with all else that came of what was read together. The ICE agent sees
// neither: it finds out where the client is, and that is all.
//
// How a connection is used:
//
//	t, err := endpoint.New(handler)  // New, Local: this side's description
//	err = t.Start(remote, role)      // when the client's is there
//	err = t.AddCandidate(text)       // as they come, also before Start
//	err = t.Restart()                // new Local; its answer goes to Start
//	t.Close()                        // always
//
// An ICE restart of the client is seen by Restarts, and then is one of this
// side as well. A client has one connection for each address it sends from:
// two with the same source address and port cannot be told apart.
//
// Goroutines, besides pion's (nine with a data channel, six without, one more
// with IPv6): the endpoint's reader of the port, which calls Handler.RTP, RTCP and
// Flush; and of each transport its runner, which does the handshakes and then
// reads the data channel. Close ends it and waits until the reader is out.
// A transport with a channel costs some 150 KiB in all, one without 100 KiB.
//
// SRTP is AES-128-GCM first: it costs a fifth of AES-CM with SHA-1 here.
package transport
