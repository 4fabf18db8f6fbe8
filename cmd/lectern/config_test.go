package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"lectern/signaling/protocol"
)

// files stands for the file system.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if s, ok := m[name]; ok {
			return []byte(s), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
}

func TestDefaultsAreValid(t *testing.T) {
	c, warnings, err := readConfig(nil, nil, files(nil))
	if err != nil || len(warnings) > 0 || !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v, %v, %v", c, warnings, err)
	}
}

func TestFlagsOverEnvironmentOverFile(t *testing.T) {
	file := files(map[string]string{
		"c.yaml": "listen: ':1'\ngrace: 1s\nmax-members: 7\nping-timeout: 3s\norigins: [https://f.example, https://g.example]\nice-server: stun:f:1\n",
		"d.yaml": "grace: 9s\n",
		"e.yaml": "# nothing\n",
	})
	env := []string{"LECTERN_GRACE=2s", "LECTERN_LISTEN=:2", "LECTERN_ORIGINS=https://e.example", "LECTERN_CONFIG=c.yaml", "LECTERN_MODE=", "HOME=/"}
	args := []string{"--listen", ":3", "-ice-server=stun:a:1", "--ice-server", "stun:b:1,stun:c:1"}
	got, _, err := readConfig(args, env, file)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen, want.Grace, want.MaxMembers, want.PingTimeout = ":3", 2*time.Second, 7, 3*time.Second
	want.Origins = []string{"https://e.example"}
	want.ICEServers = []string{"stun:a:1", "stun:b:1", "stun:c:1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	got, _, err = readConfig([]string{"--config", "d.yaml"}, []string{"LECTERN_CONFIG=c.yaml"}, file)
	if err != nil || got.Grace != 9*time.Second || got.MaxMembers != Default().MaxMembers {
		t.Errorf("the flag names the file: got %+v, %v", got, err)
	}
	if _, _, err := readConfig([]string{"--config", "e.yaml"}, nil, file); err != nil {
		t.Errorf("an empty file sets nothing: %v", err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	cases := []struct {
		name string
		args []string
		env  string
		yaml string
		want string // the whole text
	}{
		{name: "unknown flag", args: []string{"--max-member", "3"}, want: "there is no flag --max-member; did you mean max-members?"},
		{name: "very unknown flag", args: []string{"--verbose"}, want: "there is no flag --verbose"},
		{name: "no value", args: []string{"--grace"}, want: "--grace needs a value"},
		{name: "twice", args: []string{"--grace", "1s", "--grace", "2s"}, want: "--grace: it is given 2 times and can be set once"},
		{name: "a word too many", args: []string{"start"}, want: `there is no command "start": lectern serves, lectern version prints the version`},
		{name: "listen", args: []string{"--listen", "3000"}, want: `--listen: "3000" is not an address: write :3000, 127.0.0.1:3000 or [::1]:3000`},
		{name: "port", args: []string{"--listen", ":70000"}, want: `--listen: "70000" is not a port: it is 0 to 65535, and 0 takes any free one`},
		{name: "rtc-port", args: []string{"--rtc-port", "70000"}, want: "--rtc-port: 70000 is not a port: it is 1 to 65535, or 0 for any free one"},
		{name: "rtc-ip", args: []string{"--rtc-ip", "0.0.0.0"}, want: `--rtc-ip: "0.0.0.0" is not the IP address of a machine: write 203.0.113.7 or 2001:db8::7`},
		{name: "mode", env: "LECTERN_MODE=mesh", want: `LECTERN_MODE: "mesh" is not possible: it is one of auto, p2p, sfu`},
		{name: "duration", env: "LECTERN_GRACE=15", want: `LECTERN_GRACE: "15" is not a duration: write 15s, 500ms or 2m`},
		{name: "range", args: []string{"--grace", "2h"}, want: "--grace: 2h0m0s is out of range: it is 0s to 1h0m0s"},
		{name: "number", args: []string{"--max-members", "many"}, want: `--max-members: "many" is not a whole number`},
		{name: "negative", yaml: "max-members: -1", want: "c.yaml:1: max-members: -1 is out of range: it is 1 to 100000, or 0 for no limit"},
		{name: "p2p-max few", args: []string{"--p2p-max", "1"}, want: "--p2p-max: 1 is out of range: it is 2 to 16"},
		{name: "p2p-max many", args: []string{"--p2p-max", "17"}, want: "--p2p-max: 17 is out of range: it is 2 to 16"},
		{name: "p2p-return short", env: "LECTERN_P2P_RETURN=1ms", want: "LECTERN_P2P_RETURN: 1ms is out of range: it is 1s to 24h0m0s, or 0 for never"},
		{name: "p2p-return long", args: []string{"--p2p-return", "25h"}, want: "--p2p-return: 25h0m0s is out of range: it is 1s to 24h0m0s, or 0 for never"},
		{name: "p2p-return negative", args: []string{"--p2p-return=-5s"}, want: "--p2p-return: -5s is out of range: it is 1s to 24h0m0s, or 0 for never"},
		{name: "no stage", args: []string{"--stage", "0"}, want: "--stage: 0 is out of range: it is 1 to 64"},
		{name: "large stage", yaml: "stage: 65", want: "c.yaml:1: stage: 65 is out of range: it is 1 to 64"},
		{name: "no file", args: []string{"--max-file", "0"}, want: "--max-file: 0 is out of range: it is 1 to 10000"},
		{name: "large file", args: []string{"--max-file", "10001"}, want: "--max-file: 10001 is out of range: it is 1 to 10000"},
		{name: "fewer than no sockets", args: []string{"--rtc-sockets", "-1"}, want: "--rtc-sockets: -1 is out of range: it is 0 to 64"},
		{name: "many sockets", env: "LECTERN_RTC_SOCKETS=65", want: "LECTERN_RTC_SOCKETS: 65 is out of range: it is 0 to 64"},
		{name: "many members", args: []string{"--max-members", "100001"}, want: "--max-members: 100001 is out of range: it is 1 to 100000, or 0 for no limit"},
		{name: "short token", env: "LECTERN_ADMIN_TOKEN=0123456789abcde", want: "LECTERN_ADMIN_TOKEN: it has 15 characters, and must have 16 to 256: openssl rand -hex 24 makes a good one"},
		{name: "token with a space", yaml: "admin-token: 0123456789 abcdef", want: "c.yaml:1: admin-token: it has characters other than printable ASCII without spaces, which no HTTP client could send"},
		{name: "token twice", args: []string{"--admin-token", "0123456789abcdef", "--admin-token", "0123456789abcdef"}, want: "--admin-token: it is given 2 times and can be set once"},
		{name: "origin", args: []string{"--origins", "example.org"}, want: `--origins: "example.org" is not an origin: write http://host, https://host:port, https://*.host or *`},
		{name: "ice", args: []string{"--ice-server", "http://x"}, want: "--ice-server: an ICE server does not begin with stun:, stuns:, turn: or turns:; write stun:host:port or turn:user:secret@host:port?transport=udp"},
		{name: "tls files", args: []string{"--tls", "files", "--tls-cert", "a"}, want: "--tls: files needs both tls-cert and tls-key"},
		{name: "tls key alone", args: []string{"--tls-key", "a"}, want: "tls: tls-cert and tls-key are used with tls=files only, and it is off"},
		{name: "yaml key", yaml: "listen: ':1'\ngrcae: 3s", want: `c.yaml:2: there is no setting "grcae"; did you mean grace?`},
		{name: "yaml key twice", yaml: "grace: 1s\ngrace: 3s", want: "c.yaml:2: grace is set twice"},
		{name: "yaml nothing", yaml: "grace:", want: "c.yaml:1: grace: it has no value"},
		{name: "yaml list", yaml: "grace: [1s]", want: "c.yaml:1: grace: it must be one value"},
		{name: "yaml deep", yaml: "origins: {a: b}", want: "c.yaml:1: origins: it must be a text or a list of texts"},
		{name: "yaml deeper", yaml: "origins: [[a]]", want: "c.yaml:1: origins: its items must be plain text"},
		{name: "yaml not a map", yaml: "- a", want: "c.yaml:1: it must be lines of the form name: value"},
		{name: "no such file", args: []string{"--config", "none.yaml"}, want: "config: open none.yaml: file does not exist"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			args := c.args
			if c.yaml != "" {
				args = append(args, "--config", "c.yaml")
			}
			_, _, err := readConfig(args, []string{c.env}, files(map[string]string{"c.yaml": c.yaml}))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if _, _, err := readConfig([]string{"--config", "c.yaml"}, nil, files(map[string]string{"c.yaml": "\t{"})); err == nil {
		t.Error("a file that is no YAML passed")
	}
}

func TestBoundsAreIncluded(t *testing.T) {
	for _, args := range []string{
		"--p2p-max 2", "--p2p-max 16", "--p2p-return 0", "--p2p-return 1s", "--p2p-return 24h", "--stage 1", "--stage 64",
		"--max-file 1", "--max-file 10000", "--max-bitrate 0", "--max-bitrate 1000", "--rtc-sockets 0", "--rtc-sockets 64", "--max-members 0", "--max-members 100000",
		"--admin-token 0123456789abcdef", "--admin-token " + strings.Repeat("~", 256),
	} {
		if _, _, err := readConfig(strings.Fields(args), nil, files(nil)); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestTheAdminTokenIsNeverShown(t *testing.T) {
	const token = "0123456789abcdef"
	c, _, err := readConfig(nil, []string{"LECTERN_ADMIN_TOKEN=" + token}, files(nil))
	if err != nil || string(c.AdminToken) != token {
		t.Fatalf("got %v, %v", err, c.AdminToken == token)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v %+v %#v %s %q", c, c, c, c.AdminToken, c.AdminToken)
	slog.New(slog.NewTextHandler(&b, nil)).Info("settings", "all", c, "token", c.AdminToken)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("settings", "all", c, "token", c.AdminToken)
	for _, s := range settings() {
		b.WriteString(s.get(c))
	}
	if strings.Contains(b.String(), token) || !strings.Contains(b.String(), "•••") {
		t.Errorf("it is shown: %s", b.String())
	}
	if Default().AdminToken.String() != "" {
		t.Error("no token is shown as one")
	}
}

func TestUnknownEnvironmentIsOnlyWarnedOf(t *testing.T) {
	env := []string{"LECTERN_GRAC=1s", "LECTERN_PORT_3000_TCP=x", "LECTERN_SERVICE_HOST=x", "LECTERNX=1"}
	_, warnings, err := readConfig(nil, env, files(nil))
	want := []string{"the environment variable LECTERN_GRAC means nothing here; did you mean grace?"}
	if err != nil || !reflect.DeepEqual(warnings, want) {
		t.Errorf("got %q, %v", warnings, err)
	}
}

func TestParseICEServer(t *testing.T) {
	good := map[string]protocol.ICEServer{
		"stun:stun.example.org:3478":              {URLs: []string{"stun:stun.example.org:3478"}},
		"stun:stun.example.org":                   {URLs: []string{"stun:stun.example.org"}},
		"stun:[2001:db8::1]:3478":                 {URLs: []string{"stun:[2001:db8::1]:3478"}},
		"stuns:[2001:db8::1]":                     {URLs: []string{"stuns:[2001:db8::1]"}},
		"turn:u:s@t.example:3478?transport=udp":   {URLs: []string{"turn:t.example:3478?transport=udp"}, Username: "u", Credential: "s"},
		"turns:1700%3Abob:a%40b%2Cc@10.0.0.1:443": {URLs: []string{"turns:10.0.0.1:443"}, Username: "1700:bob", Credential: "a@b,c"},
		"turn:u:with:colon@host:1?transport=tcp":  {URLs: []string{"turn:host:1?transport=tcp"}, Username: "u", Credential: "with:colon"},
	}
	for in, want := range good {
		if got, err := parseICEServer(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "stun:", "stun::3478", "stun:host:0", "stun:host:x", "stun:a:b:c", "stun:u:s@host:1", "stun:host:1?transport=udp",
		"turn:host:3478", "turn:u@host:1", "turn::s@host:1", "turn:u:@host:1", "turn:u:s@", "turn:u:s@host:1?x=y",
		"turn:u:%zz@host:1", "stun://host:1", "host:1", "turn:u:s@ho st:1",
	} {
		got, err := parseICEServer(in)
		if err == nil {
			t.Errorf("%q passed as %+v", in, got)
		} else if strings.Contains(err.Error(), ":s@") {
			t.Errorf("%q: the error shows the secret: %v", in, err)
		}
	}
}

func TestManualHasEverySetting(t *testing.T) {
	var b strings.Builder
	if err := writeManual(&b); err != nil {
		t.Fatal(err)
	}
	for _, s := range settings() {
		if !strings.Contains(b.String(), "\n  --"+s.name+" ") || !strings.Contains(b.String(), s.env()) {
			t.Errorf("the manual lacks %s", s.name)
		}
	}
	for line := range strings.Lines(b.String()) {
		if len(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("the line is wider than a terminal: %s", line)
		}
	}
	if _, _, err := readConfig([]string{"--grace", "1s", "--help"}, nil, files(nil)); !errors.Is(err, errHelp) {
		t.Errorf("--help after another flag: got %v", err)
	}
}
