package protocol

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	json2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What clients send is JSON of RFC 8259, in which a name that stands twice means
// its last value, and half of a surrogate pair, which JavaScript sends of text
// that was cut, means U+FFFD. A message is checked once, as a whole. What takes it
// apart then relies on that and only looks for the ends of its values, so that a
// description is not checked again at each level that it is wrapped in.

// Value is JSON that has been checked: one complete value, in UTF-8. The zero Value
// is none. Values are parts of the bytes that were given to Check. Its methods may
// be called concurrently.
type Value struct{ raw []byte }

// lenient lets bytes pass that are no UTF-8, too: to jsontext halves of surrogates
// are the same. So the bytes are looked at apart.
var lenient = json2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// Check makes a Value of the bytes, which are not copied. ok is false if they are
// no JSON in UTF-8. It may be called concurrently.
func Check(data []byte) (v Value, ok bool) {
	if !utf8.Valid(data) || !jsontext.Value(data).IsValid(lenient) {
		return Value{}, false
	}
	return Value{bytes.Trim(data, space)}, true
}

// Bytes is the JSON without white space around it; nil of the zero Value.
func (v Value) Bytes() []byte { return v.raw }

// first is the first byte of the value, which tells its kind; 0 if there is none.
func (v Value) first() byte {
	if len(v.raw) == 0 {
		return 0
	}
	return v.raw[0]
}

// Object calls visit with each name and value of an object, in order, and reports
// whether the value is one.
func (v Value) Object(visit func(name string, value Value)) bool {
	if v.first() != '{' {
		return false
	}
	for at := 1; ; {
		name, next := v.next(at)
		if name.raw == nil {
			return true
		}
		value, after := v.next(next)
		visit(unquote(name.raw), value)
		at = after
	}
}

// List gives the values of an array, but none after the first most. ok is false if
// the value is no array.
func (v Value) List(most int) (values []Value, ok bool) {
	if v.first() != '[' {
		return nil, false
	}
	for at := 1; len(values) < most; {
		value, next := v.next(at)
		if value.raw == nil {
			break
		}
		values, at = append(values, value), next
	}
	return values, true
}

// Text gives the text of a string. ok is false if the value is none.
func (v Value) Text() (text string, ok bool) {
	if v.first() != '"' {
		return "", false
	}
	return unquote(v.raw), true
}

// is reports whether a string has a text.
func (v Value) is(text string) bool {
	inside := v.raw[1 : len(v.raw)-1]
	return string(inside) == text || bytes.IndexByte(inside, '\\') >= 0 && unquote(v.raw) == text
}

const space = " \t\r\n"

// next gives the value in an array or an object that follows a place in it, and
// where that value ends; none if the array or object ends first.
func (v Value) next(at int) (value Value, end int) {
	for bytes.IndexByte([]byte(space+",:"), v.raw[at]) >= 0 {
		at++
	}
	if v.raw[at] == ']' || v.raw[at] == '}' {
		return Value{}, at
	}
	end = at + extent(v.raw[at:])
	return Value{v.raw[at:end:end]}, end
}

// extent is the length of the value that checked JSON begins with.
func extent(json []byte) int {
	depth := 0
	for i := 0; ; {
		switch json[i] {
		case '"':
			i += stringExtent(json[i:])
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\r', '\n':
			i++
			continue // between the values of an array or object
		default: // a number, true, false or null
			n := bytes.IndexAny(json[i:], ",]}"+space)
			if n < 0 {
				return len(json)
			}
			i += n
		}
		if depth == 0 {
			return i
		}
	}
}

// stringExtent is extent for a string.
func stringExtent(json []byte) int {
	for i := 1; ; {
		i += bytes.IndexByte(json[i:], '"') + 1
		slashes := 0
		for json[i-2-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 { // else the quote is part of the text
			return i
		}
	}
}

// unquote is the text of a checked string.
func unquote(json []byte) string {
	rest := json[1 : len(json)-1]
	i := bytes.IndexByte(rest, '\\')
	if i < 0 {
		return string(rest)
	}
	text := make([]byte, 0, len(rest))
	for ; i >= 0; i = bytes.IndexByte(rest, '\\') {
		text = append(text, rest[:i]...)
		escape := rest[i+1]
		rest = rest[i+2:]
		switch escape {
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			var r rune
			r, rest = unescape(rest)
			text = utf8.AppendRune(text, r)
		default: // itself
			text = append(text, escape)
		}
	}
	return string(append(text, rest...))
}

// unescape reads the four digits after \u, and the second half of a surrogate pair
// after them.
func unescape(digits []byte) (r rune, rest []byte) {
	r, rest = hexadecimal(digits), digits[4:]
	if !utf16.IsSurrogate(r) {
		return r, rest
	}
	if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		if pair := utf16.DecodeRune(r, hexadecimal(rest[2:])); pair != utf8.RuneError {
			return pair, rest[6:]
		}
	}
	return utf8.RuneError, rest
}

func hexadecimal(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 32) // checked
	return rune(n)
}
