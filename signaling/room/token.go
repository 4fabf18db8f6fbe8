package room

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"lectern/signaling/protocol"
)

// ErrNoKey says that the server makes no tokens: it has no key for them.
var ErrNoKey = errors.New("room: the server has no key for tokens")

// statement is what a token says. On the wire it is base64url(JSON), a dot, and
// base64url(HMAC-SHA256 of what stands before the dot) (RFC 2104, RFC 4648
// section 5, without padding).
type statement struct {
	Room  string        `json:"room"`
	Role  protocol.Role `json:"role"`
	Until int64         `json:"until"` // seconds since 1970; from then on it is void
}

// Token makes a token for join that gives a role in a room, whose name must be
// normalised (protocol.Name). It may be called concurrently. The error is
// ErrNoKey, or a *protocol.Error if the role is none.
func (h *Hub) Token(room string, r protocol.Role, until time.Time) (string, error) {
	if len(h.settings.TokenKey) == 0 {
		return "", ErrNoKey
	}
	if !r.OnStage() && r != protocol.RoleAudience {
		return "", protocol.Invalid("role", `must be "host", "presenter" or "audience"`, `须为 "host"、"presenter" 或 "audience"`)
	}
	data, err := protocol.Encode(statement{Room: room, Role: r, Until: until.Unix()})
	if err != nil {
		return "", err
	}
	said := base64.RawURLEncoding.EncodeToString(data)
	return said + "." + sign(h.settings.TokenKey, said), nil
}

func sign(key []byte, said string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(said))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// readToken gives the role a token proves in a room. The error is a
// *protocol.Error (ErrForbidden), and the same whatever is wrong but the time:
// a forger learns nothing. late: only the time is wrong.
func readToken(key []byte, room, token string, now time.Time) (role protocol.Role, late bool, err error) {
	wrong := protocol.Refuse(protocol.ErrForbidden, "the token is not valid for this room", "该令牌对此房间无效")
	said, proof, ok := strings.Cut(token, ".")
	if !ok || len(key) == 0 || !hmac.Equal([]byte(proof), []byte(sign(key, said))) {
		return "", false, wrong
	}
	data, err := base64.RawURLEncoding.DecodeString(said)
	if err != nil {
		return "", false, wrong
	}
	var c statement
	if json.Unmarshal(data, &c) != nil || c.Room != room {
		return "", false, wrong
	}
	if now.Unix() >= c.Until {
		return "", true, protocol.Refuse(protocol.ErrForbidden, "the token is out of date", "该令牌已过期")
	}
	return c.Role, false, nil
}
