package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// appender is a message that makes its JSON itself. Those that are relayed do: what
// encoding/json does for them is most of what relaying a candidate costs, after the
// system calls.
type appender interface {
	// size is about the bytes of the JSON.
	size() int
	append(b []byte) []byte
}

// Encode gives the JSON of anything this package sends, without the escaping
// of HTML that encoding/json adds by default. It may be called concurrently.
func Encode(v any) ([]byte, error) {
	if a, is := v.(appender); is {
		return a.append(make([]byte, 0, a.size())), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("protocol: encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// fixed is room for the names, the ids and the punctuation of a relayed message.
const fixed = 256

func (m *GetOffer) size() int         { return fixed }
func (m *RelayedOffer) size() int     { return fixed + m.Offer.size() }
func (m *RelayedAnswer) size() int    { return fixed + m.Answer.size() }
func (m *RelayedCandidate) size() int { return fixed + len(m.Candidate) }

// size has room for the escapes of the ends of lines.
func (d Description) size() int { return len(d.SDP) + len(d.SDP)/16 }

func (m *GetOffer) append(b []byte) []byte {
	return append(appendQuoted(append(b, `{"memberId":`...), string(m.Member)), '}')
}

func (m *RelayedOffer) append(b []byte) []byte {
	b = appendQuoted(append(b, `{"remoteConnectorId":`...), string(m.Remote))
	b = m.Offer.append(append(b, `,"offer":`...))
	b = appendQuoted(append(b, `,"memberId":`...), string(m.Member))
	b = appendQuoted(append(b, `,"streamType":`...), string(m.StreamType))
	if len(m.Streams) > 0 { // of the server's own offers
		streams, _ := Encode(m.Streams) // of plain fields
		b = append(append(b, `,"streams":`...), streams...)
	}
	return append(b, '}')
}

func (m *RelayedAnswer) append(b []byte) []byte {
	b = appendQuoted(append(b, `{"remoteConnectorId":`...), string(m.Remote))
	b = appendQuoted(append(b, `,"connectorId":`...), string(m.Connector))
	b = m.Answer.append(append(b, `,"answer":`...))
	return append(appendQuoted(append(b, `,"memberId":`...), string(m.Member)), '}')
}

func (m *RelayedCandidate) append(b []byte) []byte {
	b = appendQuoted(append(b, `{"connectorId":`...), string(m.Connector))
	b = append(b, `,"candidate":`...)
	if len(m.Candidate) == 0 {
		return append(b, "null}"...)
	}
	return append(append(b, m.Candidate...), '}')
}

func (d Description) append(b []byte) []byte {
	b = appendQuoted(append(b, `{"type":`...), d.Type)
	return append(appendQuoted(append(b, `,"sdp":`...), d.SDP), '}')
}

// appendQuoted appends a text as a JSON string.
func appendQuoted(b []byte, text string) []byte {
	if !utf8.ValidString(text) {
		text = string([]rune(text)) // U+FFFD for each byte that is none
	}
	b = append(b, '"')
	from := 0 // of what is not appended yet
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, text[from:i]...)
		from = i + 1
		switch c {
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
	}
	return append(append(b, text[from:]...), '"')
}
