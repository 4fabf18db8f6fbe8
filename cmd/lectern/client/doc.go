// Package client is a member of a room in Go: what signaling/PROTOCOL.md asks of
// a client, on pion/webrtc and the /ws endpoint. Tests measure the server with
// it, and the load generator is made of it.
//
// It has two manners. By default it is a capable client (sections 5 and 5.3):
// one connector for what it sends, one for its screen, one for everything it
// receives, and a mesh while the room is in P2P mode. With Options.Old it is an
// existing client: one connector for each member it sees, chat and
// renegotiation over their data channels.
//
// What it sends is a grey square (picture.go) and much filler: pictures that
// browsers show, of whatever size a test wants, keyframes on request. Sound is
// noise. Each packet ends with a stamp: who sent it, its number and when. From the stamps a
// receiver knows what is missing, how late it is, and whether it got the stream
// that the server says it is.
//
// With Options.Light a capable client's downlink is received by package downlink
// instead of pion: what it is sent is the same, and it costs a fraction. Where
// hundreds listen that decides whether the server or they are measured.
//
// Bounds: a client has at most maxConnectors connectors, keeps counters for at
// most maxStreams streams, and reads no further from its socket while it has
// maxQueued things to do.
//
// Goroutines: of a client its loop, which owns all that is not said to be
// guarded by something else, and the reader of its socket; one that makes
// packets once it sends any; of each connector those of pion, and one for each
// track and each direction of feedback, which end with it (light downlinks share
// two). Close ends them all and waits.
//
// Decisions:
//
//   - One UDP socket for each connector. With one for all clients of a process
//     (webrtc.SettingEngine.SetICEUDPMux) all would have the same address, and
//     by the address the server tells them apart, as any peer behind one port
//     does. What they share is an Engine: codecs, certificate, network.
//   - It says the directions that a browser would say. pion answers from what
//     transceivers it has, so the line is edited on the way out.
package client
