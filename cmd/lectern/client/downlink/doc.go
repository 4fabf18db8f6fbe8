// Package downlink is the client's end of a connection that only receives: what
// a listener of a room needs of WebRTC, and no more, so that one process can be
// a thousand of them and still measure the server.
//
// It answers offers as a browser does (VP8, Opus, RTX, and the header
// extensions that a browser takes but for the transport-wide numbers, which no
// packet of this server's downlinks has), is the controlled side of ICE with one
// candidate, does the DTLS handshake as its client, and decrypts in place. Its
// feedback is a browser's, at a browser's times (feedback.go): it reports what
// came of each stream, says how much may be sent where that was negotiated
// (REMB), asks for what is missing as soon as it knows (RFC 4585), and for a
// keyframe while it has none. It knows nothing of rooms; an Owner says who takes
// the packets of an m-line.
//
// Bounds: 64 streams, 16 candidates of the other side, 32 handshake packets
// that wait.
//
// Goroutines: of an Engine with peers two, one that reads their sockets and one
// that sends their feedback, which end with the last peer; of a peer one while
// it connects. Close waits for them. Elsewhere than on Linux each peer has a
// reader instead.
//
// Decisions:
//
//   - The DTLS connection is dropped when the keys are there: nothing but its
//     end would come over it, and that is told by signaling. Keeping it would
//     cost two goroutines and some 60 KiB a peer.
//   - A peer has a socket of its own, as a server tells its peers apart by their
//     addresses. They are looked at each millisecond, and read up to a whole
//     picture with one system call (recvmmsg). Waking up for packets costs more
//     than reading them. Three interleaved rounds on two quiet cores, 100
//     listeners of 1.5 Mbit/s, µs a packet and MiB of the process: pion's
//     PeerConnection 10.1 to 11.7 and 120; a goroutine for each socket in Go's
//     poller 4.3 to 4.9 and 28; this 3.2 to 3.8 and 26.
//   - That spares a server on the same machine some work, of waking the readers,
//     which on a network would not be its own: in these rounds it took 3.8 to 4.6
//     µs a packet, and 4.5 to 5.1 with the goroutines, 4.8 to 5.5 with pion. It is
//     not the looking that does it, but there being one reader: had packets wake
//     this one (a wait in epoll), the server took as much (nine pairs of runs in
//     turns: 3.4 to 4.8, woken 4.1 to 4.8, as much in the median), and this 0.9 µs
//     more. So figures compare only with others that were taken alike.
//   - The kernel says when a packet arrived (SO_TIMESTAMPNS, socket(7)). So a
//     reader that comes late does not make the server look slow, and how late it
//     came is known.
//   - No UDP_GRO. With it the kernel would leave runs of packets whole, which on
//     one machine spares the sender's process the work of splitting them: the
//     server would look cheaper than it is on a network.
package downlink
