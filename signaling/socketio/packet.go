package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"lectern/signaling/budget"
	"lectern/signaling/protocol"
)

// The types of a packet (protocol 5, section "Packet types").
const (
	typeConnect      = '0'
	typeDisconnect   = '1'
	typeEvent        = '2'
	typeAck          = '3'
	typeConnectError = '4'
	typeBinaryEvent  = '5'
	typeBinaryAck    = '6'
)

// What a packet may have at most. The namespace comes back in CONNECT_ERROR.
const (
	maxNamespace = 128
	maxAckDigits = 18
	maxArguments = 16 // of an event; what follows is left out
)

const mainNamespace = "/"

// packet is what a client sent. The slices point into the message.
type packet struct {
	kind      byte
	namespace string
	ackID     []byte // digits; nil: no acknowledgement asked for
	payload   []byte // JSON; nil: none
}

var (
	errFormat = errors.New("not a Socket.IO packet")
	errBinary = errors.New("binary is not supported")
)

// parse reads <type>[<namespace>,][<ack id>][<JSON>].
func parse(text []byte) (packet, error) {
	p := packet{namespace: mainNamespace}
	if len(text) == 0 {
		return p, errFormat
	}
	p.kind = text[0]
	rest := text[1:]
	switch p.kind {
	case typeConnect, typeDisconnect, typeEvent, typeAck:
	case typeBinaryEvent, typeBinaryAck:
		return p, errBinary
	default:
		return p, errFormat
	}
	if len(rest) > 0 && rest[0] == '/' {
		name, after, _ := bytes.Cut(rest, []byte{','}) // a final comma may be missing
		name, _, _ = bytes.Cut(name, []byte{'?'})      // older clients append a query
		if len(name) > maxNamespace {
			return p, errFormat
		}
		p.namespace, rest = string(name), after
	}
	if p.kind == typeEvent || p.kind == typeAck {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n > maxAckDigits {
			return p, errFormat
		}
		if n > 0 {
			p.ackID, rest = rest[:n], rest[n:]
		}
	}
	if len(rest) > 0 {
		p.payload = rest
	}
	return p, p.check()
}

// check looks at the form of the payload: CONNECT may have an object, EVENT and
// ACK have an array, DISCONNECT has nothing.
func (p packet) check() error {
	starts := func(with byte) bool { return len(p.payload) > 0 && p.payload[0] == with }
	ok := false
	switch p.kind {
	case typeConnect:
		ok = p.payload == nil || starts('{') && json.Valid(p.payload)
	case typeDisconnect:
		ok = p.payload == nil
	case typeEvent:
		ok = starts('[') // event parses it
	case typeAck:
		ok = p.ackID != nil && starts('[') && json.Valid(p.payload)
	}
	if !ok {
		return errFormat
	}
	return nil
}

// reserved are the names that events cannot have (protocol 5, section "EVENT").
var reserved = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// event takes an EVENT's payload apart.
func (p packet) event() (name string, args []protocol.Value, err error) {
	payload, _ := protocol.Check(p.payload)
	list, ok := payload.List(maxArguments + 1)
	if !ok || len(list) == 0 {
		return "", nil, errFormat
	}
	if name, ok = list[0].Text(); !ok || slices.Contains(reserved, name) {
		return "", nil, errFormat
	}
	return name, list[1:], nil
}

// appendHead starts an Engine.IO message with a packet of a namespace.
func appendHead(b []byte, kind byte, namespace string) []byte {
	b = append(b, '4', kind)
	if namespace != mainNamespace {
		b = append(append(b, namespace...), ',')
	}
	return b
}

// eventFrame is an EVENT as it waits for a client: its data may be shared. A
// seq that is not 0 is one more argument.
func eventFrame(namespace, event string, data []byte, seq uint64) budget.Frame {
	var space [64]byte
	var end [24]byte
	head := append(appendHead(space[:0], typeEvent, namespace), '[')
	head = strconv.AppendQuote(head, event) // names are ASCII words of ours
	if len(data) > 0 {
		head = append(head, ',')
	}
	tail := end[:0]
	if seq > 0 {
		tail = strconv.AppendUint(append(tail, ','), seq, 10)
	}
	return budget.NewFrame(head, data, append(tail, ']'))
}

func ackPacket(namespace string, id, args []byte) []byte {
	b := make([]byte, 0, len(namespace)+len(id)+len(args)+8)
	b = appendHead(b, typeAck, namespace)
	b = append(append(b, id...), '[')
	return append(append(b, args...), ']')
}
