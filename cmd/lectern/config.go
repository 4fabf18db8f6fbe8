package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lectern/signaling/conn"
	"lectern/signaling/door"
	"lectern/signaling/protocol"
)

// Config is everything that can be set. settings() says what each field means
// and what it may be; Validate holds it to that.
type Config struct {
	Listen          string
	Mode            string
	P2PMax          int
	P2PReturn       time.Duration
	Stage           int
	MaxMembers      int
	MaxBitrate      int // Mbit/s
	MaxFile         int // MB
	AdminToken      secret
	Grace           time.Duration
	Remember        time.Duration
	StageToken      bool
	JoinsPerAddress int
	PingInterval    time.Duration
	PingTimeout     time.Duration
	Origins         []string
	TrustedProxies  []string
	ICEServers      []string
	RTCPort         int
	RTCBatching     string
	RTCSockets      int
	RTCIPs          []string
	TLS             string
	TLSCert         string
	TLSKey          string
	StateDir        string
	LogLevel        string
	LogFormat       string
}

// Default is the configuration of a server started with no settings at all.
func Default() Config {
	return Config{
		Listen:          ":3000",
		Mode:            "auto",
		P2PMax:          4,
		P2PReturn:       2 * time.Minute,
		Stage:           16,
		MaxMembers:      2000,
		MaxBitrate:      8,
		MaxFile:         100,
		Grace:           15 * time.Second,
		Remember:        15 * time.Minute,
		JoinsPerAddress: 1000,
		RTCPort:         7882,
		RTCBatching:     "auto",
		PingInterval:    25 * time.Second,
		PingTimeout:     20 * time.Second,
		TrustedProxies:  []string{"127.0.0.0/8", "::1"},
		TLS:             "off",
		LogLevel:        "info",
		LogFormat:       "text",
	}
}

// secret is a setting that is never shown: printed or logged, it is a row of
// dots.
type secret string

// String implements fmt.Stringer.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return "•••"
}

// GoString implements fmt.GoStringer.
func (s secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler, which loggers and JSON go by.
func (s secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// keyError names the setting at fault and what it may be.
type keyError struct{ key, problem string }

func (e *keyError) Error() string { return e.key + ": " + e.problem }

func bad(key, format string, args ...any) error {
	return &keyError{key, fmt.Sprintf(format, args...)}
}

// Validate reports the first setting that cannot be.
func (c Config) Validate() error {
	if _, port, err := net.SplitHostPort(c.Listen); err != nil {
		return bad("listen", "%q is not an address: write :3000, 127.0.0.1:3000 or [::1]:3000", c.Listen)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return bad("listen", "%q is not a port: it is 0 to 65535, and 0 takes any free one", port)
	}
	type choice struct {
		key, value string
		of         []string
	}
	for _, ch := range []choice{
		{"mode", c.Mode, []string{"auto", "p2p", "sfu"}},
		{"rtc-batching", c.RTCBatching, []string{"auto", "no-gso", "off"}},
		{"tls", c.TLS, []string{"off", "self", "files"}},
		{"log-level", c.LogLevel, []string{"debug", "info", "warn", "error"}},
		{"log-format", c.LogFormat, []string{"text", "json"}},
	} {
		if !slices.Contains(ch.of, ch.value) {
			return bad(ch.key, "%q is not possible: it is one of %s", ch.value, strings.Join(ch.of, ", "))
		}
	}
	if err := c.validateNumbers(); err != nil {
		return err
	}
	if err := c.validateToken(); err != nil {
		return err
	}
	if _, err := conn.ParseOrigins(c.Origins); err != nil {
		return bad("origins", "%v", err)
	}
	if _, err := door.ParseProxies(c.TrustedProxies); err != nil {
		return bad("trusted-proxies", "%v", err)
	}
	for _, s := range c.ICEServers {
		if _, err := parseICEServer(s); err != nil {
			return bad("ice-server", "%v", err)
		}
	}
	for _, s := range c.RTCIPs {
		if a, err := netip.ParseAddr(s); err != nil || a.IsUnspecified() || a.Zone() != "" {
			return bad("rtc-ip", "%q is not the IP address of a machine: write 203.0.113.7 or 2001:db8::7", s)
		}
	}
	switch files := c.TLSCert != "" || c.TLSKey != ""; {
	case c.TLS == "files" && (c.TLSCert == "" || c.TLSKey == ""):
		return bad("tls", "files needs both tls-cert and tls-key")
	case c.TLS != "files" && files:
		return bad("tls", "tls-cert and tls-key are used with tls=files only, and it is %s", c.TLS)
	}
	return nil
}

func (c Config) validateNumbers() error {
	type span struct {
		key           string
		value, lo, hi time.Duration
	}
	for _, s := range []span{
		{"grace", c.Grace, 0, time.Hour},
		{"remember", c.Remember, 0, 24 * time.Hour},
		{"ping-interval", c.PingInterval, 100 * time.Millisecond, 10 * time.Minute},
		{"ping-timeout", c.PingTimeout, 100 * time.Millisecond, 10 * time.Minute},
	} {
		if s.value < s.lo || s.value > s.hi {
			return bad(s.key, "%v is out of range: it is %v to %v", s.value, s.lo, s.hi)
		}
	}
	if r := c.P2PReturn; r != 0 && (r < time.Second || r > 24*time.Hour) {
		return bad("p2p-return", "%v is out of range: it is 1s to 24h0m0s, or 0 for never", r)
	}
	type limit struct {
		key           string
		value, lo, hi int
	}
	for _, l := range []limit{
		{"p2p-max", c.P2PMax, 2, 16},
		{"stage", c.Stage, 1, 64},
		{"max-bitrate", c.MaxBitrate, 0, 1000},
		{"max-file", c.MaxFile, 1, 10_000},
		{"rtc-sockets", c.RTCSockets, 0, 64},
	} {
		if l.value < l.lo || l.value > l.hi {
			return bad(l.key, "%d is out of range: it is %d to %d", l.value, l.lo, l.hi)
		}
	}
	if c.MaxMembers < 0 || c.MaxMembers > 100_000 {
		return bad("max-members", "%d is out of range: it is 1 to 100000, or 0 for no limit", c.MaxMembers)
	}
	if c.JoinsPerAddress < 0 || c.JoinsPerAddress > 100_000 {
		return bad("joins-per-address", "%d is out of range: it is 1 to 100000, or 0 for no limit", c.JoinsPerAddress)
	}
	if c.StageToken && c.AdminToken == "" {
		return bad("stage-token", "no tokens can be made without admin-token")
	}
	if c.RTCPort < 0 || c.RTCPort > 65535 {
		return bad("rtc-port", "%d is not a port: it is 1 to 65535, or 0 for any free one", c.RTCPort)
	}
	return nil
}

// validateToken holds the admin's token to what fits into a header (RFC 6750
// section 2.1) and is long enough not to be guessed. It never repeats it.
func (c Config) validateToken() error {
	const least, most = 16, 256
	t := string(c.AdminToken)
	if t == "" {
		return nil
	}
	if len(t) < least || len(t) > most {
		return bad("admin-token", "it has %d characters, and must have %d to %d: openssl rand -hex 24 makes a good one", len(t), least, most)
	}
	if strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return bad("admin-token", "it has characters other than printable ASCII without spaces, which no HTTP client could send")
	}
	return nil
}

// parseICEServer reads "stun:host:port" or
// "turn:user:secret@host:port?transport=udp", the URIs of RFC 7064 and 7065
// with the credentials before the host. In user and secret the characters
// : @ , and space are percent-encoded.
func parseICEServer(s string) (protocol.ICEServer, error) {
	const form = "write stun:host:port or turn:user:secret@host:port?transport=udp"
	scheme, rest, _ := strings.Cut(s, ":")
	turn := scheme == "turn" || scheme == "turns"
	if !turn && scheme != "stun" && scheme != "stuns" {
		// The text may hold a secret in the wrong place, so it is not repeated.
		return protocol.ICEServer{}, fmt.Errorf("an ICE server does not begin with stun:, stuns:, turn: or turns:; %s", form)
	}
	var server protocol.ICEServer
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, secret, ok := strings.Cut(rest[:at], ":")
		name, err1 := url.PathUnescape(user)
		credential, err2 := url.PathUnescape(secret)
		if !ok || !turn || name == "" || credential == "" || err1 != nil || err2 != nil {
			return protocol.ICEServer{}, fmt.Errorf("the credentials of %s:…@%s are not user:secret of a turn server; %s", scheme, rest[at+1:], form)
		}
		server.Username, server.Credential = name, credential
		rest = rest[at+1:]
	} else if turn {
		return protocol.ICEServer{}, fmt.Errorf("%s:%s has no credentials; %s", scheme, rest, form)
	}
	address, query, hasQuery := strings.Cut(rest, "?")
	if !validHostPort(address) {
		return protocol.ICEServer{}, fmt.Errorf("%q is not the address of an ICE server; %s", address, form)
	}
	if hasQuery && (!turn || query != "transport=udp" && query != "transport=tcp") {
		return protocol.ICEServer{}, fmt.Errorf("%q cannot follow an ICE server; %s", "?"+query, form)
	}
	server.URLs = []string{scheme + ":" + rest}
	return server, nil
}

// validHostPort accepts host, host:port, [v6] and [v6]:port.
func validHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = s, "3478" // the default port may be left out (RFC 7064 section 3.2)
		if v6, ok := strings.CutPrefix(s, "["); ok {
			host = strings.TrimSuffix(v6, "]")
		} else if strings.Contains(s, ":") {
			return false
		}
	}
	n, err := strconv.Atoi(port)
	return err == nil && n > 0 && n < 65536 && host != "" && !strings.ContainsAny(host, "/@?# []")
}

// iceServers are the ICE servers as clients get them; Validate has passed.
func (c Config) iceServers() []protocol.ICEServer {
	var list []protocol.ICEServer
	for _, s := range c.ICEServers {
		if server, err := parseICEServer(s); err == nil {
			list = append(list, server)
		}
	}
	return list
}

// maxFileBytes is the limit of a file that the server passes on.
func (c Config) maxFileBytes() int64 { return int64(c.MaxFile) << 20 }

// rtcAddresses are what the clients are told; Validate has passed.
func (c Config) rtcAddresses() []netip.Addr {
	var list []netip.Addr
	for _, s := range c.RTCIPs {
		if a, err := netip.ParseAddr(s); err == nil {
			list = append(list, a.Unmap())
		}
	}
	return list
}

// stateDir is where the server keeps what outlives it.
func (c Config) stateDir() (string, error) {
	if c.StateDir != "" {
		return c.StateDir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no folder to keep anything in; name one with --state-dir: %w", err)
	}
	return filepath.Join(dir, "lectern"), nil
}

func newLogger(c Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // Validate has passed
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
