// Package transport is one client's connection as the network sees it: ICE
// (package ice), and pion's DTLS, SRTP, and SCTP with its data channel, over the one
// UDP port of an Endpoint. It knows nothing of session descriptions, rooms, or
// of what the packets carry.
//
// It stands on pion's dtls, srtp and sctp and not on
// webrtc.PeerConnection, because the SFU writes its own descriptions (a
// direction is what the SFU says, not what a transceiver allows) and owns the
// path of a packet. What comes from the socket is decrypted in place and given to
// the Handler by the goroutine that read it, many packets with one system
// call; what goes out is built in a batch (sfu/egress), encrypted there in place,
// and sent with all else that came of what was read together. The ICE agent sees
// neither: it finds out where the client is, and that is all.
//
// How a connection is used:
//
//	t, err := endpoint.New(handler)  // New, Local: this side's description
//	err = t.Start(remote, role)      // when the client's is there
//	err = t.Restart()                // new Local; its answer goes to Start
//	t.Close()                        // always
//
// An ICE restart of the client is seen by Restarts, and then is one of this
// side as well. A client has one connection for each address it sends from:
// two with the same source address and port cannot be told apart.
//
// The client's candidates are not needed: the server learns where it is from its
// checks, and package ice says why it sends to no address that was only named. What
// comes from an address counts once the client was proved to be there.
//
// Goroutines, besides pion's (seven with a data channel, four without): the
// endpoint's clock, which does for all connections what ICE does by time and calls
// Handler.StateChanged; its readers, one for each socket of the port, which call
// Handler.RTP, RTCP and Flush; and of each transport its runner, which does the
// handshakes and then reads the data channel. Close ends it and waits until no
// reader is in the handler. A transport with a channel costs some 150 KiB in all,
// one without 100 KiB.
//
// # Several sockets
//
// A port may have several sockets (Config.Sockets, on Linux), so that more than one
// core reads, decrypts, forwards and sends. The kernel gives what comes from one
// address always to the same socket, so a client has one reader, its packets stay in
// their order, and nothing is handed over between goroutines. Readers share what the
// mux knows (mux.mu, not held while media is dealt with) and each client (client.using,
// held while its handler is called). A client whose address changes may come to have
// another reader. For a moment both call its handler, one after the other: the order in
// which they do is as good as that in which the network delivers on two ways, and what
// one was told to hold back, either sends.
//
// Lock order: client.using is taken first, then what the handler takes (see package
// track), then contexts.mu. With client.using held no other client's is taken, nor is
// mux.mu waited for. So no reader waits for one that waits for it, and a reader that is
// long with one client delays those of its own socket only.
//
// What a reader sends leaves with its own batch, when it is done with what it read
// together. Different batches have no order among them, so a viewer's packets of one
// stream come from one reader at a time: that of the publisher. A stream changes its
// reader with the publisher's address, or connection; a viewer's NACKs are answered
// by the viewer's reader, which may be another one.
//
// # Faults
//
// What a client sends and makes panic ends that client's connection: the goroutine
// that handled it recovers, logs and counts it (package fault), and goes on for the
// others. What panics on a goroutine of pion's ends the process.
//
// SRTP is AES-128-GCM first: it costs a fifth of AES-CM with SHA-1 here.
package transport
