// Package wsjson is the plain framing: JSON over WebSocket, one text frame per
// message, for the page and for native clients.
//
//	{"event":"offer","data":{...},"id":7}    id is optional and asks for
//	{"event":"ack","id":7,"data":{...}}      this, after the message was dealt with
//
// It knows nothing of rooms and of what the events mean.
//
// A connection has one goroutine, its reader. A second one writes, and lives
// only while there is something to write: an idle connection costs one stack
// and a small read buffer. The heartbeat is a timer. The server pings; a
// browser answers by itself.
//
// The outbound queue is bounded in bytes (Options.MaxQueued); over it the
// connection is closed ("too slow").
//
// Close codes: 4001 the client is not to come back (another connection took its
// place, or it was removed), 1001 the server goes away, 1008 too slow or too
// many messages, 1009 a frame is too large, 1007 a frame is not JSON, 1003 a
// frame is binary. After any but 4001 a client may come back.
package wsjson
