package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"lectern/signaling/protocol"
)

const (
	// maxBody bounds the body of a request, in bytes.
	maxBody = 16 << 10
	// bodyTime bounds how long it may take to arrive.
	bodyTime = 10 * time.Second
)

// body is the JSON object of a request. Its fields are taken out one by one, so
// that an error names the one at fault, and what is left at the end is unknown.
// The first error stays.
type body struct {
	m   map[string]json.RawMessage
	err *protocol.Error
}

// takeBody reads the body whole before the request goes on, or refuses it.
func takeBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(bodyTime)) // not every writer has one
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			answerError(w, r, http.StatusRequestEntityTooLarge, protocol.Refuse(protocol.ErrTooLarge,
				fmt.Sprintf("The body has more than %d bytes", maxBody), fmt.Sprintf("请求正文超过 %d 字节", maxBody)))
		case err != nil:
			answerError(w, r, http.StatusBadRequest, protocol.Invalid("body", "did not arrive whole", "未完整送达"))
		default:
			r.Body = io.NopCloser(bytes.NewReader(data))
			next.ServeHTTP(w, r)
		}
	})
}

// readBody reads the object a request comes with, whatever its Content-Type,
// after takeBody.
func readBody(r *http.Request) *body {
	data, _ := io.ReadAll(r.Body) // from memory
	return parseBody(data)
}

func parseBody(data []byte) *body {
	b := &body{}
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	if !utf8.Valid(data) || len(trimmed) == 0 || trimmed[0] != '{' || json.Unmarshal(data, &b.m) != nil {
		b.err = protocol.Invalid("body", "must be a JSON object", "须为 JSON 对象")
	}
	return b
}

func (b *body) fail(e *protocol.Error) {
	if b.err == nil {
		b.err = e
	}
}

// take gives a field as it stands, and whether it is there.
func (b *body) take(key string) (json.RawMessage, bool) {
	v, ok := b.m[key]
	delete(b.m, key)
	return v, ok
}

// end gives the first error.
func (b *body) end() error {
	if b.err == nil && len(b.m) > 0 {
		var unknown []string
		for key := range b.m {
			unknown = append(unknown, key)
		}
		b.fail(protocol.Invalid(shorten(slices.Min(unknown)), "is not known here", "不是此处的字段"))
	}
	if b.err != nil {
		return b.err
	}
	return nil
}

// shorten bounds what is repeated of a request.
func shorten(key string) string {
	const longest = 64
	if r := []rune(key); len(r) > longest {
		return string(r[:longest])
	}
	return key
}

func (b *body) str(key string) (s string, ok bool) {
	v, _ := b.take(key)
	if len(v) == 0 || v[0] != '"' || json.Unmarshal(v, &s) != nil {
		b.fail(protocol.Invalid(key, "must be a string", "须为字符串"))
		return "", false
	}
	return s, true
}

// name reads a room's name, normalised as join does it.
func (b *body) name(key string) string {
	s, ok := b.str(key)
	if !ok {
		return ""
	}
	s, err := protocol.RoomName(s)
	if err != nil {
		b.fail(protocol.InvalidName(key, err))
	}
	return s
}

// word reads one of a few words; empty if it may be absent and is.
func (b *body) word(key string, required bool, words ...string) string {
	if _, there := b.m[key]; !there && !required {
		return ""
	}
	s, ok := b.str(key)
	if ok && !slices.Contains(words, s) {
		en, zh := "must be ", "须为 "
		for i, w := range words {
			if i > 0 {
				en, zh = en+" or ", zh+" 或 "
			}
			en, zh = en+strconv.Quote(w), zh+strconv.Quote(w)
		}
		b.fail(protocol.Invalid(key, en, zh))
	}
	return s
}

func (b *body) role(key string) protocol.Role {
	return protocol.Role(b.word(key, true, string(protocol.RoleHost), string(protocol.RolePresenter), string(protocol.RoleAudience)))
}

// integer reads a whole number from lo to hi; absent if it is not there.
func (b *body) integer(key string, absent, lo, hi int) int {
	v, there := b.take(key)
	if !there {
		return absent
	}
	n, err := strconv.Atoi(string(v))
	if err != nil || n < lo || n > hi {
		b.fail(protocol.Invalid(key, fmt.Sprintf("must be a whole number from %d to %d", lo, hi), fmt.Sprintf("须为 %d 到 %d 的整数", lo, hi)))
		return absent
	}
	return n
}

// boolean reads true or false; false if it is not there.
func (b *body) boolean(key string) bool {
	v, there := b.take(key)
	if there && string(v) != "true" && string(v) != "false" {
		b.fail(protocol.Invalid(key, "must be true or false", "须为 true 或 false"))
	}
	return string(v) == "true"
}
