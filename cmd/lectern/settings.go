package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// envPrefix begins the name of every environment variable of ours.
const envPrefix = "LECTERN_"

// errHelp says that the manual was asked for.
var errHelp = errors.New("help")

// setting is one thing that can be set: --name, LECTERN_NAME, or name in the
// file. The manual, the README's table and the parsing come from this.
type setting struct {
	name string
	arg  string // what stands for the value in the manual
	help string // one or more sentences
	list bool   // may be given several times, or with commas
	set  func(c *Config, values []string) error
	get  func(c Config) string // the value as it would be written
}

func (s setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// settings is the one table of settings, in the manual's order. --config is
// not in it: it says where the others are.
func settings() []setting {
	return slices.Concat(ofRooms(), ofConnections(), ofMedia(), ofTheMachine())
}

// ofRooms are about rooms and their members.
func ofRooms() []setting {
	return []setting{
		text("listen", "ADDRESS", "Address and port to serve on; without a host, on all addresses.",
			func(c *Config) *string { return &c.Listen }),
		text("mode", "auto|p2p|sfu", "What carries the media. p2p: the clients connect to each other. "+
			"sfu: each client sends once, to the server, which forwards. auto: a room begins as p2p, and the server takes over "+
			"during the call once the room has more than p2p-max members or an audience, or its clients cannot carry it.",
			func(c *Config) *string { return &c.Mode }),
		integer("p2p-max", "With mode=auto, the most members whose clients connect to each other; 2 to 16.",
			func(c *Config) *int { return &c.P2PMax }),
		duration("p2p-return", "With mode=auto, how long a room must have been down to two members before their clients connect to "+
			"each other again, if they can do so unnoticed, as those of the page can. 0 means never.",
			func(c *Config) *time.Duration { return &c.P2PReturn }),
		integer("stage", "The most members on stage in a room of mode=auto or sfu, 1 to 64; a member that joins a full stage listens.",
			func(c *Config) *int { return &c.Stage }),
		boolean("stage-token", "Whether members need a token for host or presenter to come on stage by themselves; without one they listen, and "+
			"a room of mode=p2p refuses them. Tokens are made over HTTP, so this needs admin-token.",
			func(c *Config) *bool { return &c.StageToken }),
		integer("max-members", "The most members in one room, stage and audience; 0 means no limit.",
			func(c *Config) *int { return &c.MaxMembers }),
		integer("max-bitrate", "The most that a client may send of one picture or sound, in Mbit/s; 0 means no limit. In rooms that the "+
			"server carries, clients are told, and of a stream with more the server leaves out frames.",
			func(c *Config) *int { return &c.MaxBitrate }),
		integer("max-file", "The largest file that the server passes on in chat, in MB of 1048576 bytes. Files between the clients have no limit.",
			func(c *Config) *int { return &c.MaxFile }),
		hidden("admin-token", "TOKEN", "What a program must know to run rooms over HTTP, at /api/rooms: at least 16 characters. Other users "+
			"of the machine can read a flag, so set it by the environment or the file. Default: none, and no such API.",
			func(c *Config) *secret { return &c.AdminToken }),
		duration("grace", "How long a member keeps its place after its connection drops.",
			func(c *Config) *time.Duration { return &c.Grace }),
		duration("remember", "How long the server remembers a member that is gone, while others are in the room: one that was host is host "+
			"again when it comes back, and one that was in when the room was locked gets in. 0 means not at all.",
			func(c *Config) *time.Duration { return &c.Remember }),
		integer("joins-per-address", "The most members that join one room from one address at once, as behind the router of a school; an eighth "+
			"of it more may join every second. 0 means no limit.",
			func(c *Config) *int { return &c.JoinsPerAddress }),
	}
}

// ofConnections are about connections, and whose they may be.
func ofConnections() []setting {
	return []setting{
		duration("ping-interval", "Time between two heartbeats of a connection.",
			func(c *Config) *time.Duration { return &c.PingInterval }),
		duration("ping-timeout", "How long a client may take to answer a heartbeat.",
			func(c *Config) *time.Duration { return &c.PingTimeout }),
		list("origins", "ORIGIN", "Web origins whose pages may use this server, such as https://example.org "+
			"or https://*.example.org. The server's own page always may. Default: any.",
			func(c *Config) *[]string { return &c.Origins }),
		list("trusted-proxies", "ADDRESS", "Addresses, or ranges of them such as 10.0.0.0/8, of proxies in front of this server. A limit "+
			"for one address counts their clients, by the address that they give in X-Forwarded-For or Forwarded, instead of them. "+
			"none trusts no proxy.",
			func(c *Config) *[]string { return &c.TrustedProxies }),
		list("ice-server", "URL", "STUN or TURN server for the clients: stun:host:port or "+
			"turn:user:secret@host:port?transport=udp (also stuns:, turns:; percent-encode : @ and , in user and secret). "+
			"Default: none, which is enough in one network; across the internet clients need at least STUN.",
			func(c *Config) *[]string { return &c.ICEServers }),
	}
}

// ofMedia are about the media that the server carries.
func ofMedia() []setting {
	return []setting{
		integer("rtc-port", "UDP port for all media of mode=auto and sfu; 0 takes any free one. With auto, another one is taken if it is in use.",
			func(c *Config) *int { return &c.RTCPort }),
		list("rtc-ip", "ADDRESS", "IP address that clients are told for media, instead of those of this machine's "+
			"interfaces: the public one where NAT maps it one to one. May be both an IPv4 and an IPv6 one.",
			func(c *Config) *[]string { return &c.RTCIPs }),
		text("rtc-batching", "auto|no-gso|off", "How media is handed to the kernel: in runs and many at once where it can (Linux), "+
			"without runs (UDP segmentation offload), or packet by packet. For networks that take runs badly.",
			func(c *Config) *string { return &c.RTCBatching }),
		integer("rtc-sockets", "How many sockets share the UDP port for media, 1 to 64, so that as many cores read it (Linux). "+
			"0 takes one for each core, 8 at most.",
			func(c *Config) *int { return &c.RTCSockets }),
	}
}

// ofTheMachine are about certificates, files and the log.
func ofTheMachine() []setting {
	return []setting{
		text("tls", "off|self|files", "HTTPS, without which browsers give cameras to http://localhost only. "+
			"self: with a certificate that the server makes for this machine's names and addresses and keeps. "+
			"files: with tls-cert and tls-key.",
			func(c *Config) *string { return &c.TLS }),
		text("tls-cert", "FILE", "Certificate chain in PEM. Read again when it changes.",
			func(c *Config) *string { return &c.TLSCert }),
		text("tls-key", "FILE", "Private key of tls-cert in PEM. Read again when it changes.",
			func(c *Config) *string { return &c.TLSKey }),
		text("state-dir", "FOLDER", "Where the certificate of tls=self and the key of role tokens are kept. Default: lectern in the user's configuration folder.",
			func(c *Config) *string { return &c.StateDir }),
		text("log-level", "debug|info|warn|error", "The least level that is logged, to standard error.",
			func(c *Config) *string { return &c.LogLevel }),
		text("log-format", "text|json", "How it is logged.",
			func(c *Config) *string { return &c.LogFormat }),
	}
}

// given is where a setting was found, and the values there.
type given struct {
	from   string // as a person would name the place
	values []string
}

// readConfig puts flags over environment over file over defaults. warnings are
// for the log.
func readConfig(args, env []string, readFile func(string) ([]byte, error)) (c Config, warnings []string, err error) {
	table := settings()
	fromFlags, configFlag, err := readFlags(table, args)
	if err != nil {
		return c, nil, err
	}
	fromEnv, configFile, warnings := readEnv(table, env)
	if configFlag != "" {
		configFile = configFlag
	}
	fromFile := map[string]given{}
	if configFile != "" {
		b, err := readFile(configFile)
		if err != nil {
			return c, nil, fmt.Errorf("config: %w", err)
		}
		if fromFile, err = readYAML(table, configFile, b); err != nil {
			return c, nil, err
		}
	}

	c = Default()
	places := map[string]string{} // where each setting came from
	for _, s := range table {
		for _, layer := range []map[string]given{fromFlags, fromEnv, fromFile} {
			g, ok := layer[s.name]
			if !ok {
				continue
			}
			if err := s.set(&c, g.values); err != nil {
				return c, nil, fmt.Errorf("%s: %w", g.from, err)
			}
			places[s.name] = g.from
			break
		}
	}
	err = c.Validate()
	var at *keyError
	if errors.As(err, &at) && places[at.key] != "" {
		err = fmt.Errorf("%s: %s", places[at.key], at.problem)
	}
	return c, warnings, err
}

func readFlags(table []setting, args []string) (found map[string]given, config string, err error) {
	found = map[string]given{}
	set := flag.NewFlagSet("lectern", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&config, "config", "", "")
	for _, s := range table {
		set.Func(s.name, "", func(v string) error {
			g := found[s.name]
			found[s.name] = given{"--" + s.name, append(g.values, v)}
			return nil
		})
	}
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, "", errHelp
	case err != nil:
		if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
			return nil, "", fmt.Errorf("there is no flag --%s%s", name, hint(table, name))
		}
		if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
			return nil, "", fmt.Errorf("--%s needs a value", name)
		}
		return nil, "", err
	case set.NArg() > 0:
		return nil, "", fmt.Errorf("there is no command %q: lectern serves, lectern version prints the version", set.Arg(0))
	}
	return found, config, nil
}

// readEnv warns of names it does not know instead of refusing them: Kubernetes
// sets LECTERN_PORT and others like it for a service named lectern.
func readEnv(table []setting, env []string) (found map[string]given, config string, warnings []string) {
	found = map[string]given{}
	for _, pair := range env {
		key, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(key, envPrefix) || value == "" {
			continue
		}
		i := slices.IndexFunc(table, func(s setting) bool { return s.env() == key })
		switch {
		case key == envPrefix+"CONFIG":
			config = value
		case i >= 0:
			found[table[i].name] = given{key, []string{value}}
		case key == envPrefix+"BIN" || strings.HasPrefix(key, envPrefix+"PORT") || strings.HasPrefix(key, envPrefix+"SERVICE_"):
		default:
			name := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(key, envPrefix)), "_", "-")
			warnings = append(warnings, fmt.Sprintf("the environment variable %s means nothing here%s", key, hint(table, name)))
		}
	}
	return found, config, warnings
}

func readYAML(table []setting, file string, b []byte) (map[string]given, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	found := map[string]given{}
	if len(doc.Content) == 0 {
		return found, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: it must be lines of the form name: value", file, top.Line)
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		at := fmt.Sprintf("%s:%d: %s", file, key.Line, key.Value)
		j := slices.IndexFunc(table, func(s setting) bool { return s.name == key.Value })
		if j < 0 {
			return nil, fmt.Errorf("%s:%d: there is no setting %q%s", file, key.Line, key.Value, hint(table, key.Value))
		}
		if _, twice := found[key.Value]; twice {
			return nil, fmt.Errorf("%s is set twice", at)
		}
		values, err := yamlValues(value, table[j].list)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		found[key.Value] = given{at, values}
	}
	return found, nil
}

func yamlValues(n *yaml.Node, many bool) ([]string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, errors.New("it has no value")
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind == yaml.SequenceNode && many:
		values := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, errors.New("its items must be plain text")
			}
			values = append(values, item.Value)
		}
		return values, nil
	case many:
		return nil, errors.New("it must be a text or a list of texts")
	default:
		return nil, errors.New("it must be one value")
	}
}

// hint suggests the setting that a wrong name was probably meant to be.
func hint(table []setting, name string) string {
	best, bestAt := 3, "" // more than two slips are another word
	for _, s := range table {
		if d := distance(name, s.name); d < best {
			best, bestAt = d, s.name
		}
	}
	if bestAt == "" {
		return ""
	}
	return "; did you mean " + bestAt + "?"
}

// distance is how many characters must be put in, taken out or replaced to
// make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := corner
			if a[i] != b[j] {
				next = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
