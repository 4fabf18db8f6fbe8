package protocol

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode reads the data of one event a client sent, the zero Value if the client
// sent it without any. Every error is an *Error that names the event and, where
// one is at fault, the field. The message keeps nothing of data. It may be called
// concurrently.
func Decode(event string, data Value) (Message, error) {
	m, err := decode(event, data)
	if err != nil {
		return nil, on(event, err)
	}
	return m, nil
}

func on(event string, e *Error) *Error {
	const longest = 32 // an unknown name may be of any length
	if len(event) > longest {
		event = strings.ToValidUTF8(event[:longest], "")
	}
	e.On = event
	return e
}

func decode(event string, data Value) (Message, *Error) {
	switch event {
	case EventJoin:
		return decodeJoin(data)
	case EventReconnect:
		return decodeReconnect(data)
	case EventLeave:
		return decodeLeave(data)
	case EventOffer:
		return decodeOffer(data)
	case EventAnswer:
		return decodeAnswer(data)
	case EventICECandidate:
		return decodeCandidate(data)
	case EventReconnectWork:
		return decodeReconnectWork(data)
	case EventState:
		return decodeState(data)
	case EventPing:
		return decodePing(data)
	}
	return decodeCapable(event, data)
}

// fields is a JSON object whose members are read one by one, so that an error
// can name the one at fault. The first error stays.
type fields struct {
	members []field // in order; the last of a name counts
	err     *Error
}

type field struct{ name, value Value }

func object(name string, data Value) *fields {
	f := &fields{members: make([]field, 0, 8)}
	if data.first() != '{' {
		f.err = Invalid(name, "must be an object", "须为对象")
		return f
	}
	for at := 1; ; {
		key, next := data.next(at)
		if key.raw == nil {
			return f
		}
		value, end := data.next(next)
		f.members = append(f.members, field{key, value})
		at = end
	}
}

// get is the value of a member, none if it is not there.
func (f *fields) get(key string) Value {
	for i := len(f.members) - 1; i >= 0; i-- {
		if m := &f.members[i]; m.name.is(key) {
			return m.value
		}
	}
	return Value{}
}

func (f *fields) fail(e *Error) {
	if f.err == nil {
		f.err = e
	}
}

// has reports whether a member is there and not null.
func (f *fields) has(key string) bool {
	kind := f.get(key).first()
	return kind != 0 && kind != 'n'
}

func (f *fields) str(key string) (string, bool) {
	s, ok := f.get(key).Text()
	if !ok {
		f.fail(Invalid(key, "must be a string", "须为字符串"))
	}
	return s, ok
}

// id reads an id of 1 to MaxID characters.
func (f *fields) id(key string) string {
	s, ok := f.str(key)
	if ok && (s == "" || utf8.RuneCountInString(s) > MaxID) {
		f.fail(Invalid(key, "must have 1 to 128 characters", "须为 1 到 128 个字符"))
	}
	return s
}

func (f *fields) optionalID(key string) string {
	if !f.has(key) {
		return ""
	}
	return f.id(key)
}

// name reads a user or room name, normalised by Name or RoomName. changed: it
// is not what the client sent.
func (f *fields) name(key string, normal func(string) (string, error)) (name string, changed bool) {
	given, ok := f.str(key)
	if !ok {
		return "", false
	}
	name, err := normal(given)
	if err != nil {
		f.fail(InvalidName(key, err))
	}
	return name, name != given
}

func (f *fields) streamType(key string, required bool) StreamType {
	if !required && !f.has(key) {
		return ""
	}
	s, ok := f.str(key)
	if ok && !StreamType(s).valid() && (required || StreamType(s) != StreamDownlink) {
		f.fail(Invalid(key, `must be "user", "display" or "remoteDisplay"`, `须为 "user"、"display" 或 "remoteDisplay"`))
	}
	return StreamType(s)
}

// description reads an RTCSessionDescriptionInit of one of the given types.
func (f *fields) description(key string, types ...string) Description {
	if f.err != nil {
		return Description{}
	}
	o := object(key, f.get(key))
	d := Description{}
	if o.err == nil {
		d.Type, _ = o.str("type")
		d.SDP, _ = o.str("sdp")
		if o.err != nil {
			o.err = o.err.within(key)
		}
	}
	switch {
	case o.err != nil:
	case !slices.Contains(types, d.Type):
		o.fail(Invalid(key+".type", "must be "+strings.Join(types, " or "), "须为 "+strings.Join(types, " 或 ")))
	case len(d.SDP) > MaxSDP:
		o.fail(Invalid(key+".sdp", "must have at most 262144 bytes", "不得超过 262144 字节"))
	case lines(d.SDP) > MaxSDPLines:
		o.fail(Invalid(key+".sdp", "must have at most 2000 lines", "不得超过 2000 行"))
	}
	if o.err != nil {
		f.fail(o.err)
	}
	return d
}

// lines counts the lines of a text; the last one need not be terminated.
func lines(s string) int {
	n := strings.Count(s, "\n")
	if s != "" && !strings.HasSuffix(s, "\n") {
		n++
	}
	return n
}

func (f *fields) boolean(key string) *bool {
	if !f.has(key) {
		return nil
	}
	var b bool
	if json.Unmarshal(f.get(key).raw, &b) != nil {
		f.fail(Invalid(key, "must be true or false", "须为 true 或 false"))
		return nil
	}
	return &b
}

// Seq reads the number that a client which counts gives a message beside its
// data; 0 if there is none, or it is none.
func Seq(v Value) uint64 {
	n, err := strconv.ParseUint(string(v.raw), 10, 64)
	if err != nil || n > MaxSeq {
		return 0
	}
	return n
}

// number reads a count; nil if there is none.
func (f *fields) number(key string) *uint64 {
	if !f.has(key) {
		return nil
	}
	var n uint64
	if json.Unmarshal(f.get(key).raw, &n) != nil || n > MaxSeq {
		f.fail(Invalid(key, "must be a whole number from 0 to 2^53-1", "须为 0 到 2^53-1 的整数"))
		return nil
	}
	return &n
}

func (f *fields) token(key string) string {
	if !f.has(key) {
		return ""
	}
	s, ok := f.str(key)
	if ok && len(s) > MaxToken {
		f.fail(Invalid(key, "must have at most 4096 bytes", "不得超过 4096 字节"))
	}
	return s
}
