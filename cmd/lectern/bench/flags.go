package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// UsageError is a mistake in the command line.
type UsageError struct{ error }

// errHelp says that the help was asked for.
var errHelp = errors.New("help")

// option is one flag: the help comes from this.
type option struct {
	name, arg, help string
	bind            func(*flag.FlagSet, *Plan, string)
}

func options() []option {
	return []option{
		{"url", "URL", "The server.", text(func(p *Plan) *string { return &p.URL })},
		{"insecure", "", "Take any certificate of an https server, such as that of --tls self.", boolean(func(p *Plan) *bool { return &p.Insecure })},
		{"scenario", "NAME", "Where the plan begins; the flags below, whose defaults are those of fanout, change it. " + scenarioHelp(), text(func(p *Plan) *string { return &p.Scenario })},
		{"rooms", "N", "Rooms, each with as many members.", integer(func(p *Plan) *int { return &p.Rooms })},
		{"publishers", "N", "Members of a room that send, and receive each other; at most as many as the server's --stage.", integer(func(p *Plan) *int { return &p.Publishers })},
		{"viewers", "N", "Members of a room that only listen.", integer(func(p *Plan) *int { return &p.Viewers })},
		{"clients", "capable|old", "What the viewers are, and without viewers the publishers: capable clients, with one connection for all they receive, " +
			"or clients of the existing protocol, with one for each member. Old ones cost bench several times as much.", text(func(p *Plan) *string { return &p.Clients })},
		{"bitrate", "RATE", "Of a publisher's video in bit/s, such as 500k or 1.5M; keyframes come on top.", rate(func(p *Plan) *int { return &p.Bitrate })},
		{"fps", "N", "Pictures a second.", integer(func(p *Plan) *int { return &p.FPS })},
		{"audio", "", "Send sound as well, 50 packets a second; --audio=false does not.", boolean(func(p *Plan) *bool { return &p.Audio })},
		{"jitter-sizes", "", "Cut pictures as real encoders do: of different sizes, into nearly equal packets. " +
			"Otherwise all packets have 1150 bytes of payload, which is the best case for a server.", boolean(func(p *Plan) *bool { return &p.JitterSizes })},
		{"spread", "DURATION", "Let the packets of a picture leave over this time instead of at once.", duration(func(p *Plan) *time.Duration { return &p.Spread })},
		{"join-rate", "N", "Members that join a second.", integer(func(p *Plan) *int { return &p.JoinRate })},
		{"warmup", "DURATION", "Time between the moment when all members have media and the measurement.", duration(func(p *Plan) *time.Duration { return &p.Warmup })},
		{"duration", "DURATION", "Time that is measured.", duration(func(p *Plan) *time.Duration { return &p.Duration })},
		{"pid", "PID|auto|none", "The server's process, for its CPU time and memory. auto finds it by its port if it is on this machine and of this user.", text(func(p *Plan) *string { return &p.PID })},
		{"json", "FILE", "Write the report as JSON as well; - writes it to standard output, in place of the table.", text(func(p *Plan) *string { return &p.JSON })},
	}
}

func scenarioHelp() string {
	var list []string
	for _, s := range scenarios {
		list = append(list, s.name+": "+s.help)
	}
	return strings.Join(list, "; ") + "."
}

func text(at func(*Plan) *string) func(*flag.FlagSet, *Plan, string) {
	return func(f *flag.FlagSet, p *Plan, name string) { f.StringVar(at(p), name, *at(p), "") }
}

func integer(at func(*Plan) *int) func(*flag.FlagSet, *Plan, string) {
	return func(f *flag.FlagSet, p *Plan, name string) { f.IntVar(at(p), name, *at(p), "") }
}

func boolean(at func(*Plan) *bool) func(*flag.FlagSet, *Plan, string) {
	return func(f *flag.FlagSet, p *Plan, name string) { f.BoolVar(at(p), name, *at(p), "") }
}

func duration(at func(*Plan) *time.Duration) func(*flag.FlagSet, *Plan, string) {
	return func(f *flag.FlagSet, p *Plan, name string) { f.DurationVar(at(p), name, *at(p), "") }
}

func rate(at func(*Plan) *int) func(*flag.FlagSet, *Plan, string) {
	return func(f *flag.FlagSet, p *Plan, name string) { f.Var((*bitrate)(at(p)), name, "") }
}

// parse reads a command line. Errors are a UsageError, or errHelp.
func parse(args []string) (Plan, error) {
	p, err := parseFrom(defaultPlan(scenarios[0]), args)
	if err != nil {
		return p, err
	}
	// The scenario's plan is where the other flags begin from, wherever it was
	// named.
	at := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == p.Scenario })
	if at < 0 {
		return p, UsageError{fmt.Errorf("--scenario: %q is none; there are: %s", p.Scenario, scenarioHelp())}
	}
	if p, err = parseFrom(defaultPlan(scenarios[at]), args); err != nil {
		return p, err
	}
	if err := p.check(); err != nil {
		return p, UsageError{err}
	}
	return p, nil
}

func parseFrom(p Plan, args []string) (Plan, error) {
	f := flagsOf(&p)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return p, errHelp
	case err != nil:
		return p, UsageError{err}
	case f.NArg() > 0:
		return p, UsageError{fmt.Errorf("%q is no flag", f.Arg(0))}
	}
	return p, nil
}

func flagsOf(p *Plan) *flag.FlagSet {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	for _, o := range options() {
		o.bind(f, p, o.name)
	}
	return f
}

// helpWidth is how many columns the help uses.
const helpWidth = 78

const helpHead = `Lectern bench measures a running server with rooms full of synthetic members.

Usage:
  lectern bench [flags]

The members send and receive real media over this machine's network; the rooms
are new ones, and gone afterwards. With no flags it takes some 20 seconds and
needs a server on http://127.0.0.1:3000, best started with --mode sfu: rooms
that are still peer to peer do not measure it.

Flags:
`

const helpTail = `
Read the report with care. Loss, latency and times to join are the server's only
if bench itself kept up; if it did not, the report says so IN CAPITAL LETTERS,
and what kept it. If it did, what is lost is the server's loss or the network's.
CPU time per packet is comparable between runs on a quiet machine that follow
each other, and only with the same plan. CPU time, memory and dropped packets
are known on Linux. Above a few hundred viewers let the system have larger
socket buffers, and more open files (ulimit -n), of which a viewer takes two:

  sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304

Capable clients that listen send the feedback of browsers: receiver reports,
estimates of what may be sent (REMB), requests for lost packets and keyframes.
Those who send answer these. What they send are no pictures, so no decoder is
measured.

Ctrl+C ends a run early; it prints what was measured until then. A second one
ends it at once.

Exit codes: 0 measured, whatever the figures are; 1 something did not work, such
as a member that never got media, or the run ended early; 2 wrong flags.
`

// writeHelp prints the help.
func writeHelp(w io.Writer) error {
	var b strings.Builder
	b.WriteString(helpHead)
	p := defaultPlan(scenarios[0])
	f := flagsOf(&p)
	for i, o := range options() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  --%s\n", strings.TrimSpace(o.name+" "+o.arg))
		help := o.help
		if d := f.Lookup(o.name).DefValue; d != "" && d != "false" && d != "0s" {
			help += " Default: " + d
		}
		writeWrapped(&b, help, "      ")
	}
	b.WriteString(helpTail)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeWrapped breaks text between words.
func writeWrapped(b *strings.Builder, text, indent string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > helpWidth && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}
