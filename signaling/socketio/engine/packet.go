package engine

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"lectern/signaling/budget"
)

// The types of a packet, its first byte (protocol 4, section "Packet types").
const (
	packetOpen    = '0'
	packetClose   = '1'
	packetPing    = '2'
	packetPong    = '3'
	PacketMessage = '4' // what Session.Send takes begins with it
	packetUpgrade = '5'
	packetNoop    = '6'
)

// separator stands between the packets of a polling body.
const separator = 0x1e

var (
	probePing = []byte("2probe")
	probePong = []byte("3probe")
)

var (
	errFormat = errors.New("not an Engine.IO packet")
	errBinary = errors.New("binary is not supported")
	errUTF8   = errors.New("not UTF-8")
	errFault  = errors.New("internal fault")
)

// check looks at the form of one packet from a client.
func check(packet []byte) error {
	switch {
	case len(packet) == 0:
		return errFormat
	case packet[0] == 'b':
		return errBinary
	case packet[0] == packetPing: // the server pings, in protocol 4
		return errFormat
	case packet[0] < packetClose || packet[0] > packetNoop:
		return errFormat
	case packet[0] != PacketMessage && len(packet) > 1:
		return errFormat
	case !utf8.Valid(packet):
		return errUTF8
	}
	return nil
}

// split calls yield with each packet of a polling body until it reports false,
// and reports whether it never did. An empty body is one empty packet.
func split(body []byte, yield func(packet []byte) bool) bool {
	for {
		packet, rest, more := bytes.Cut(body, []byte{separator})
		if !yield(packet) {
			return false
		}
		if !more {
			return true
		}
		body = rest
	}
}

// join makes a polling body.
func join(packets []budget.Frame) []byte {
	size := len(packets)
	for _, p := range packets {
		size += p.Len()
	}
	body := make([]byte, 0, size)
	for i, p := range packets {
		if i > 0 {
			body = append(body, separator)
		}
		body = p.AppendTo(body)
	}
	return body
}
