// Package bench is lectern bench: a load generator for a server that runs
// somewhere else, in another process. It fills rooms with members that send and
// members that listen, and measures what comes: package client has the members.
//
// How it measures. Every packet carries who sent it, its number and when. For a
// span of time, packets are counted by the time at which they were sent, at both
// ends; so what did not come is known to the packet, once what was on its way has
// had up to five seconds to come. Latency ends when the kernel had
// the packet, not when this process came to read it. Times to join count from
// when both, the one who sends and the one who listens, had asked to be let in.
// The server's cost is its CPU time, user and system, over the packets that
// reached members.
//
// A generator that is itself too slow looks like a bad server. So bench watches
// itself, while members join and while it measures: how late it sent what was due,
// how long packets had waited when it read them, how late its timers were, what
// its sockets dropped, how much of the processors it may use it used, and whether
// the machine had any left. If one of them is out of bounds (see verdict.go), the
// report is marked: its figures are not the server's. What others used of the
// machine is a note, since it changes latency and CPU time but loses nothing by
// itself.
//
// What was held against other sources, on Linux 6.18: packets received against the
// datagrams that the kernel counted for a network namespace with bench alone in it
// (10,656 packets and, with reports and STUN, 10,839 datagrams a second); the CPU time of
// the server against the scheduler's own account of its threads; latency against a
// link of 50 ms each way (p50 102 ms, in a bucket from 98 to 107). Verdicts were
// forced: bench with one processor and more than it can do is marked; a server that
// is stopped nine tenths of the time, and a link that drops, are blamed.
//
// What the report has is the type Report; with --json it is written under the
// names given there, which stay. Durations are in milliseconds where the name
// ends in Ms. Quantiles of latency and lateness are the middles of buckets, within
// a sixteenth of the true value; the longest is exact. What is not known is left
// out, or null.
//
// Goroutines: those of the clients; one for each join, until it is done; one
// that watches the timers; one that has everybody leave. Run ends them all before
// it returns, unless a client takes longer than leaveMost to end.
package bench
