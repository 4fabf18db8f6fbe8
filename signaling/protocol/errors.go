package protocol

import (
	"fmt"
	"strconv"
	"strings"
)

// ErrorType is the stable, machine-readable word of an error.
type ErrorType string

// The error words. ErrorTypes lists them with what they mean.
const (
	ErrRepeat    ErrorType = "repeat"
	ErrInvalid   ErrorType = "invalid"
	ErrNotInRoom ErrorType = "not-in-room"
	ErrRoomFull  ErrorType = "room-full"
	ErrForbidden ErrorType = "forbidden"
	ErrStageFull ErrorType = "stage-full"
	ErrLocked    ErrorType = "locked"
	ErrRemoved   ErrorType = "removed"
	ErrTooLarge  ErrorType = "too-large"
	ErrRate      ErrorType = "rate"
	ErrGone      ErrorType = "gone"
	ErrMode      ErrorType = "mode"
	ErrMedia     ErrorType = "media"
	ErrMissed    ErrorType = "missed"
	ErrClosing   ErrorType = "closing"
	ErrInternal  ErrorType = "internal"
)

// Text is a sentence in each language the server speaks.
type Text struct{ En, Zh string }

// ErrorKind describes one error word.
type ErrorKind struct {
	Type    ErrorType
	Text    Text   // the sentence when the error has no more exact one
	Closes  bool   // the server ends the connection after it
	Meaning string // for PROTOCOL.md
}

// ErrorTypes is the one table of error words. signaling/PROTOCOL.md shows it,
// and a test compares the two.
func ErrorTypes() []ErrorKind {
	return []ErrorKind{
		{ErrRepeat, Text{"This user name is already taken in this room", "此房间该用户名已存在"}, false,
			"the user name is taken; join under another one"},
		{ErrInvalid, Text{"The message is not valid", "消息无效"}, false,
			"a field is missing, of the wrong type, or out of its limits; `field` names it"},
		{ErrNotInRoom, Text{"You or the member addressed are not in this room", "您或对方不在此房间"}, false,
			"the sender or the member addressed is in no room, or in another one"},
		{ErrRoomFull, Text{"The room is full", "房间已满"}, false,
			"the room has as many members as it may have"},
		{ErrForbidden, Text{"You are not allowed to do this", "您没有此操作的权限"}, false,
			"the role or the token does not allow it"},
		{ErrStageFull, Text{"The stage is full", "台上人数已满"}, false,
			"as many members are on stage as may be"},
		{ErrLocked, Text{"The room is locked", "房间已锁定"}, false,
			"the host lets no other member in"},
		{ErrRemoved, Text{"You were removed from this room; its host can let you in again", "您已被移出此房间，主持人可以重新允许您进入"}, false,
			"a host removed this user, and can let it in again"},
		{ErrTooLarge, Text{"The message is too large", "消息过大"}, true,
			"a frame is over the transport's limit, which ends the connection, or a file over the room's, which does not"},
		{ErrRate, Text{"Too many messages in a short time", "消息过于频繁"}, false,
			"messages came faster than the limit and were dropped; a client that goes on is disconnected"},
		{ErrGone, Text{"This no longer exists", "该对象已不存在"}, false,
			"the connector named has ended"},
		{ErrMode, Text{"The room cannot change its mode", "房间无法切换模式"}, false,
			"a mode was asked for that the room cannot be in, or something that needs the other mode; to a host, without `event`: the room could not change its mode, and why"},
		{ErrMedia, Text{"Media could not be carried between you and the server", "您与服务器之间无法传输音视频"}, false,
			"in SFU mode, a connector could not be connected, or failed twice, and was ended; a firewall may forbid media"},
		{ErrMissed, Text{"A file did not reach a member, whose connection takes nothing", "有成员的连接没有接收，文件未能送达"}, false,
			"to the sender and the receiver of a file that are existing clients: the receiver was dropped from it, as it took nothing; capable ones are told on the data channel (section 7)"},
		{ErrClosing, Text{"The server is shutting down", "服务器正在关闭"}, false,
			"the server takes no new members because it is being stopped"},
		{ErrInternal, Text{"The server failed; it is not your fault", "服务器内部错误"}, false,
			"a fault of the server; it is in its log"},
	}
}

// Error is a refusal that a client is told of. It implements error. The
// connection stays unless the caller decides otherwise.
type Error struct {
	Type  ErrorType
	Field string // the field at fault; empty if none is
	On    string // the event refused; empty if none was read
	text  Text
}

// NewError makes an error with the sentence its word has in ErrorTypes.
func NewError(t ErrorType) *Error {
	for _, k := range ErrorTypes() {
		if k.Type == t {
			return &Error{Type: t, text: k.Text}
		}
	}
	return &Error{Type: t, text: Text{string(t), string(t)}}
}

// Invalid makes an ErrInvalid about one field, in both languages.
func Invalid(field, en, zh string) *Error {
	return &Error{Type: ErrInvalid, Field: field, text: Text{field + " " + en, field + " " + zh}}
}

// within moves an Invalid about a field into the field that holds it.
func (e *Error) within(field string) *Error {
	p := field + "."
	return &Error{Type: e.Type, Field: p + e.Field, On: e.On, text: Text{p + e.text.En, p + e.text.Zh}}
}

// Abuse makes an error about bytes that cannot be a mistake. The detail is for
// whoever writes the client, and in English.
func Abuse(t ErrorType, detail string) *Error {
	e := NewError(t)
	e.text = Text{e.text.En + ": " + detail, e.text.Zh + "：" + detail}
	return e
}

// Refuse makes an error of a word with an exact sentence in both languages.
func Refuse(t ErrorType, en, zh string) *Error { return &Error{Type: t, text: Text{en, zh}} }

// Error gives word and English sentence.
func (e *Error) Error() string {
	if e.On != "" {
		return fmt.Sprintf("%s (%s): %s", e.Type, e.On, e.text.En)
	}
	return fmt.Sprintf("%s: %s", e.Type, e.text.En)
}

// Message is the error as it is sent, in the language of an Accept-Language
// header: Chinese or English, whichever is preferred; with neither English, but
// for repeat, whose text existing clients know in Chinese (PROTOCOL.md section
// 4).
func (e *Error) Message(acceptLanguage string) *ErrorMessage {
	text := e.text.En
	switch language(acceptLanguage) {
	case "zh":
		text = e.text.Zh
	case "":
		if e.Type == ErrRepeat {
			text = e.text.Zh
		}
	}
	return &ErrorMessage{Type: e.Type, Message: text, On: e.On, Field: e.Field}
}

// language is "zh" or "en", whichever an Accept-Language value prefers: by
// quality, then by order (RFC 9110 section 12.5.4). It is empty if the value
// names neither.
func language(accept string) string {
	best, bestQ := "", 0.0
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(part, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if primary != "zh" && primary != "en" {
			continue
		}
		if q := quality(params); q > bestQ {
			best, bestQ = primary, q
		}
	}
	return best
}

// quality reads a weight (RFC 9110 section 12.4.2): 1 if there is none, 0 if it
// is no number from 0 to 1.
func quality(params string) float64 {
	name, value, ok := strings.Cut(strings.ReplaceAll(params, " ", ""), "=")
	if !ok || !strings.EqualFold(name, "q") {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
