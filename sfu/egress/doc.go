// Package egress is the UDP socket of the media path, both ways. It knows
// datagrams and addresses, and nothing of what they carry.
//
// What a forwarded packet costs is mostly the kernel's way from the system call
// to the network. On Linux a Batch walks it once for a run, several datagrams
// for one destination (UDP_SEGMENT of udp(7); the kernel or the card cuts them
// apart: "Segmentation offloads" in the kernel's documentation), and enters the
// kernel once for many runs (sendmmsg(2)). Receive takes what has come with one
// call (recvmmsg(2)). Elsewhere, and with WrapPlain, a datagram is a call.
//
//	b := socket.NewBatch()           // one for each goroutine that sends
//	room := b.Reserve(to, size)      // viewer by viewer, all of a frame
//	n := seal(room, packet)          // written, and encrypted, in place
//	b.Commit(n)
//	b.Flush()                        // at the end of the frame
//
// # Runs
//
// A run's datagrams are of one size, but that its last may be smaller; so
// a, a, a, b with b < a are one run, and what follows begins another. It has 64
// datagrams and 65,507 bytes at most, and is consecutive: a datagram for
// somebody else ends it. A destination gets its datagrams of one Batch in the
// order of Commit; between batches, and Send, there is no order. A run leaves
// back to back: who wants a pause in it flushes there.
//
// # Ownership
//
// The arena, and with it the room that Reserve gives, is the Batch's; nobody
// keeps it over Commit. The buffers of Receive are the caller's, who exchanges
// those he wants to keep; see there. The connection is the Socket's, and the
// write deadline too. Sending does not take the connection's write lock, so
// that goroutines on several cores send at once.
//
// Nothing allocates in a usual call: not Receive, Reserve once the arena has
// grown to its 64 KiB, Commit, Flush, nor Send (but for a sync.Pool's whims).
// No call holds a thread: they do not block, and goroutines wait in the poller.
//
// # What is refused
//
// Everything is tried, and done without where it is refused; the datagrams of
// the refused call are sent at once in the plainer way. Options do the same.
//
//   - A kernel without UDP_SEGMENT ignores it, so it is asked once (before
//     4.18).
//   - A run is refused for a path with a smaller MTU (EINVAL, EMSGSIZE) or
//     without checksums in the device (EIO): its datagrams are sent by one
//     sendmmsg. The Batch leaves that destination alone for a minute. After 8
//     refusals without a success in between the Socket uses no runs for a
//     minute.
//   - A sandbox refuses sendmmsg or recvmmsg (EPERM, EACCES, ENOSYS) from the
//     first call on: then sendmsg or recvmsg are used, and after 8 such refusals
//     (one of ENOSYS) for good. Runs still are. That only sendmmsg fails tells it
//     from a firewall's EPERM.
//   - A destination's own error (ENETUNREACH, EPERM) drops what is for it, after
//     one more try: the error may be another datagram's, as the kernel tells it
//     to the next one who calls. The others' datagrams go on.
//   - A full send buffer (EAGAIN) is waited for, 5 ms for all of a Flush; then
//     the rest is dropped. Late media is worse than lost media.
//
// Stats counts all of this.
//
// # Several sockets on one port
//
// Share opens more of them, for more goroutines to read. Linux divides what arrives
// by a hash of both addresses and ports, so a client's datagrams stay in order; the
// first socket joins the group though it was bound before it asked to share (seen in
// TestShare). Datagrams sent by different sockets have no order among them.
//
// # Figures
//
// BenchmarkFlush: 600 datagrams of 1,150 bytes to 100 sockets on the loopback
// that are read, 6 to each, all ways by turns; Linux 6.18, 2 cores, load 3 to 19
// by neighbours. Against WriteToUDPAddrPort of package net, median of the time
// taken (CPU time of the sending thread, which leaves out what other kernel
// threads did for it):
//
//	runs       0.26 to 0.43  (0.17 to 0.24)  1 call for 55 datagrams
//	sendmmsg   0.75 to 0.97  (0.65 to 0.99)  1 call for 55
//	sendmsg    0.97 to 1.11  (0.77 to 1.10)  1 call for 1
//
// The arena's size, 32 KiB to 1 MiB, makes no difference.
//
// BenchmarkReceive: what recvmmsg takes against ReadFromUDPAddrPort for a burst
// of 1, 6 and 48 datagrams that has come: 1.5, 0.9 and 0.8. A datagram alone
// costs 0.4 µs more, because the kernel looks for a second one.
//
// UDP_GRO, which is the run on the receiving side, is left out: of a publisher
// that sends datagram by datagram the kernel merged none (1,200 in 1,200 reads,
// bursts of 6, over the loopback and over a veth pair with generic receive
// offload on). It would take buffers of 64 KiB, and a copy for each datagram
// that is kept. On a network card it was not tried. A sender that uses runs is
// received all the same: the kernel cuts them.
package egress
