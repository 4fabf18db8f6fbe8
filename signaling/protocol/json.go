package protocol

import (
	"bytes"
	"encoding/json"
	"sync"
	"unicode/utf8"

	json2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What clients send is JSON of RFC 8259, in which a name that stands twice means
// its last value, and half of a surrogate pair, which JavaScript sends of text
// that was cut, means U+FFFD. jsontext checks a value and takes it apart in one
// pass; encoding/json goes through it twice at each level, which was half of what
// relaying a description cost.

// scanner reads one JSON value. It looks at the bytes where they are.
type scanner struct {
	decoder *jsontext.Decoder
	buffer  bytes.Buffer // what decoder reads from, without a copy
}

var scanners = sync.Pool{New: func() any { return &scanner{decoder: new(jsontext.Decoder)} }}

// lenient lets bytes pass that are no UTF-8, too: to jsontext halves of surrogates
// are the same. So the bytes are looked at apart.
var lenient = json2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func scan(data []byte) *scanner {
	s := scanners.Get().(*scanner)
	s.buffer = *bytes.NewBuffer(data)
	s.decoder.Reset(&s.buffer, lenient)
	return s
}

// free gives the scanner back; nothing of data stays in it.
func (s *scanner) free() {
	s.buffer = bytes.Buffer{}
	s.decoder.Reset(&s.buffer)
	scanners.Put(s)
}

// value reads the next value and gives its bytes in data.
func (s *scanner) value(data []byte) (json.RawMessage, bool) {
	v, err := s.decoder.ReadValue()
	if err != nil {
		return nil, false
	}
	end := int(s.decoder.InputOffset())
	return data[end-len(v) : end : end], true
}

// ended reports whether nothing but white space is left.
func (s *scanner) ended() bool {
	_, err := s.decoder.ReadToken()
	return err != nil && len(bytes.TrimLeft(s.decoder.UnreadBuffer(), " \t\r\n")) == 0
}

// ReadObject takes a JSON object apart: visit gets each name with its value, in
// order. The values are parts of data and complete JSON. It reports false if
// data is no object, or not in UTF-8, after it may have visited what stands before the
// fault. It may be called concurrently.
func ReadObject(data []byte, visit func(name string, value json.RawMessage)) bool {
	if !utf8.Valid(data) {
		return false
	}
	s := scan(data)
	defer s.free()
	if t, err := s.decoder.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for s.decoder.PeekKind() == '"' {
		t, err := s.decoder.ReadToken()
		if err != nil {
			return false
		}
		name := t.String()
		v, ok := s.value(data)
		if !ok {
			return false
		}
		visit(name, v)
	}
	t, err := s.decoder.ReadToken()
	return err == nil && t.Kind() == '}' && s.ended()
}

// ReadList takes a JSON array apart. The values are parts of data and complete
// JSON; those after the first most are checked and left out. ok is false if data
// is no array, or not in UTF-8. It may be called concurrently.
func ReadList(data []byte, most int) (values []json.RawMessage, ok bool) {
	if !utf8.Valid(data) {
		return nil, false
	}
	s := scan(data)
	defer s.free()
	if t, err := s.decoder.ReadToken(); err != nil || t.Kind() != '[' {
		return nil, false
	}
	for {
		switch s.decoder.PeekKind() {
		case ']':
			_, _ = s.decoder.ReadToken()
			return values, s.ended()
		case 0:
			return nil, false
		}
		v, ok := s.value(data)
		if !ok {
			return nil, false
		}
		if len(values) < most {
			values = append(values, v)
		}
	}
}

// ReadString reads a JSON string in UTF-8. ok is false if value is something else. It may
// be called concurrently.
func ReadString(value []byte) (text string, ok bool) {
	if first(value) != '"' || !utf8.Valid(value) {
		return "", false
	}
	s := scan(value)
	defer s.free()
	t, err := s.decoder.ReadToken()
	if err != nil {
		return "", false
	}
	text = t.String()
	return text, s.ended()
}
