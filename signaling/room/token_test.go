package room_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

var tokenNow = time.Unix(1e9, 0)

func tokenSettings(key string) room.Settings {
	s := room.Settings{
		Policy:   room.Policy{Mode: room.ModeSFU, HostToken: true},
		NewPlane: func(string, room.Policy) media.Plane { return &stage{mode: protocol.ModeSFU} },
		NewToken: func() string { return "resume" },
	}
	if key != "" {
		s.TokenKey = []byte(key)
	}
	return s
}

func tokenFor(t testing.TB, key, roomname string, r protocol.Role, until time.Time) string {
	t.Helper()
	token, err := room.NewHub(tokenSettings(key), slog.New(slog.DiscardHandler)).Token(roomname, r, until)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// joinWith joins a new room with a token and gives the role had, or the error.
func joinWith(t testing.TB, key, token string, now time.Time) (protocol.Role, error) {
	t.Helper()
	r := room.New("r", tokenSettings(key), room.Policy{}, now)
	r.Enter(now, room.Entry{Socket: "a", Msg: &protocol.Join{Identity: protocol.Identity{
		User: "ann-0123456789", Name: "ann", Room: "r", Token: token, Capabilities: []string{protocol.CapabilityRoster},
	}}})
	for _, o := range r.Drain() {
		if v := o.Verdict; v != nil && v.Err != nil {
			return "", v.Err
		} else if v != nil {
			return v.Joined.(*protocol.Joined).Role, nil
		}
	}
	t.Fatal("there is no verdict")
	return "", nil
}

func TestToken(t *testing.T) {
	hour := tokenNow.Add(time.Hour)
	good := tokenFor(t, "key", "r", protocol.RoleHost, hour)
	said, proof, _ := strings.Cut(good, ".")
	presenter := tokenFor(t, "key", "r", protocol.RolePresenter, hour)
	for _, c := range []struct {
		name, key, token string
		now              time.Time
		want             protocol.Role // empty: forbidden
	}{
		{"host", "key", good, tokenNow, protocol.RoleHost},
		{"presenter", "key", presenter, tokenNow, protocol.RolePresenter},
		{"listener", "key", tokenFor(t, "key", "r", protocol.RoleAudience, hour), tokenNow, protocol.RoleAudience},
		{"just in time", "key", good, hour.Add(-time.Second), protocol.RoleHost},
		{"out of date", "key", good, hour, ""},
		{"another room", "key", tokenFor(t, "key", "s", protocol.RoleHost, hour), tokenNow, ""},
		{"another key", "yek", good, tokenNow, ""},
		{"no key", "", good, tokenNow, ""},
		{"no proof", "key", said, tokenNow, ""},
		{"empty proof", "key", said + ".", tokenNow, ""},
		{"nothing said", "key", "." + proof, tokenNow, ""},
		{"another's proof", "key", strings.Split(presenter, ".")[0] + "." + proof, tokenNow, ""},
		{"something after it", "key", good + "A", tokenNow, ""},
		{"newline in it", "key", good[:len(good)-2] + "\n" + good[len(good)-2:], tokenNow, ""},
	} {
		got, err := joinWith(t, c.key, c.token, c.now)
		if got != c.want || c.want == "" && word(t, err) != protocol.ErrForbidden {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for i := range len(good) {
		for _, bit := range []byte{1, 2, 16} {
			forged := []byte(good)
			forged[i] ^= bit
			if role, err := joinWith(t, "key", string(forged), tokenNow); err == nil {
				t.Fatalf("with byte %d changed the token gives %s", i, role)
			}
		}
	}
}

func TestTokenCannotBeMade(t *testing.T) {
	h := room.NewHub(tokenSettings(""), slog.New(slog.DiscardHandler))
	if _, err := h.Token("r", protocol.RoleHost, tokenNow); !errors.Is(err, room.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	h = room.NewHub(tokenSettings("key"), slog.New(slog.DiscardHandler))
	if _, err := h.Token("r", "king", tokenNow); word(t, err) != protocol.ErrInvalid {
		t.Errorf("for a role that is none: %v", err)
	}
}

// FuzzToken holds that nobody is let in by a token it was not given.
func FuzzToken(f *testing.F) {
	good := tokenFor(f, "key", "r", protocol.RoleHost, tokenNow.Add(time.Hour))
	f.Add("")
	f.Add("x.y")
	f.Add(tokenFor(f, "other", "r", protocol.RoleHost, tokenNow.Add(time.Hour)))
	f.Add(good)
	f.Fuzz(func(t *testing.T, token string) {
		role, err := joinWith(t, "key", token, tokenNow)
		if token != good && token != "" && err == nil {
			t.Errorf("%q gives %s", token, role)
		}
	})
}
