package room_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what the room does now")

// TestTranscripts replays testdata/*.txt. A line is what happens:
//
//	set grace 15s | set max 3      settings, before anything else; also stage,
//	                               file, hosttoken, stagetoken, settle,
//	                               remember, joins, and mode auto or sfu, which
//	                               makes the plane one that only writes down
//	open a                         socket a is opened now; else it is unknown when
//	addr a 192.0.2.7               the client of socket a has this address
//	a -> join {...}                socket a sends an event
//	a #7 -> chat {...}             and gives it the number 7
//	held a -> answer {...}         socket a sends it before it says who it is
//	drop a                         socket a ends; how says nothing
//	pong a | mute a                socket a answers a probe, or does not
//	wait 15s                       time passes
//	plane said a x1 hello          the plane says something (plane_test.go)
//	times 60 a -> state {...}      the same many times, $n counting and
//	                               $turn(x,y) being x and y in turn; what comes
//	                               of it is only counted
//
// and below it, indented, everything the room then wants done, first of its
// plane. $role(host,r,1h) is a token good for that long. Sockets are
// named by the transcript, and so is the member that joins on one. Run with
// -update, read the diff, commit only changes you can explain.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 80 {
		t.Fatalf("found %d transcripts (%v), want at least 80", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if got == string(want) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("the room does not do what %s says; it does:\n%s", file, got)
		})
	}
}

// player replays one transcript.
type player struct {
	t        *testing.T
	settings room.Settings
	plane    *stage // nil if it is the relay
	room     *room.Room
	now      time.Time
	addr     map[room.SocketID]string
	opened   map[room.SocketID]time.Time
	held     map[room.SocketID][]protocol.Message
	tokens   int
	out      strings.Builder
}

func replay(t *testing.T, script string) string {
	p := &player{
		t: t, now: time.Unix(1e9, 0),
		addr: map[room.SocketID]string{}, opened: map[room.SocketID]time.Time{}, held: map[room.SocketID][]protocol.Message{},
	}
	p.settings = room.Settings{
		Grace: 15 * time.Second, Policy: room.Policy{MaxMembers: 100}, Version: "test",
		NewPlane: p.newPlane, TokenKey: []byte("key"),
		NewToken: func() string { p.tokens++; return fmt.Sprintf("token%d", p.tokens) },
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "  ") { // what was wanted
			continue
		}
		fmt.Fprintln(&p.out, line)
		if line != "" && !strings.HasPrefix(line, "#") {
			p.times(line)
		}
	}
	return p.out.String()
}

func (p *player) newPlane(_ string, policy room.Policy) media.Plane {
	if policy.Mode == room.ModeP2P {
		return p2p.New()
	}
	p.plane = &stage{mode: protocol.ModeP2P}
	if policy.Mode == room.ModeSFU {
		p.plane = &stage{mode: protocol.ModeSFU, fixed: true}
	}
	return p.plane
}

// times plays a line, once or many times.
func (p *player) times(line string) {
	words := strings.SplitN(line, " ", 3)
	if words[0] != "times" {
		p.step(line)
		p.report()
		return
	}
	n, err := strconv.Atoi(words[1])
	if err != nil {
		p.t.Fatal(err)
	}
	before := p.out.String()
	p.out.Reset()
	for i := range n {
		step := strings.ReplaceAll(words[2], "$n", strconv.Itoa(i))
		p.step(inTurn.ReplaceAllString(step, fmt.Sprintf("${%d}", i%2+1)))
		p.report()
	}
	counts := map[string]int{}
	for line := range strings.Lines(p.out.String()) {
		counts[kind(line)]++
	}
	p.out.Reset()
	p.out.WriteString(before)
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&p.out, "  %d times %s\n", counts[what], what)
	}
}

func (p *player) step(line string) {
	words := strings.SplitN(line, " ", 4)
	if words[0] == "set" {
		p.set(words[1], words[2])
		return
	}
	if p.room == nil {
		p.room = room.New("r", p.settings, room.Policy{}, p.now)
	}
	switch {
	case words[0] == "addr":
		p.addr[room.SocketID(words[1])] = words[2]
	case words[0] == "open":
		p.opened[room.SocketID(words[1])] = p.now
	case words[0] == "drop":
		p.room.Gone(p.now, room.SocketID(words[1]))
	case words[0] == "pong" || words[0] == "mute":
		p.room.Probed(p.now, room.SocketID(words[1]), words[0] == "pong")
	case words[0] == "wait":
		p.wait(words[1])
	case words[0] == "plane":
		if err := p.plane.say(strings.TrimPrefix(line, "plane ")); err != nil {
			p.t.Fatal(err)
		}
		p.room.Pump(p.now)
	case words[0] == "held":
		rest := strings.SplitN(words[3], " ", 2)
		if m := p.decode(rest[0], rest[1]); m != nil {
			s := room.SocketID(words[1])
			p.held[s] = append(p.held[s], m)
		}
	case strings.HasPrefix(words[1], "#"):
		rest := strings.SplitN(words[3], " ", 2)
		seq, err := strconv.ParseUint(words[1][1:], 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		if m := p.decode(rest[0], rest[1]); m != nil {
			p.handle(room.SocketID(words[0]), &protocol.Numbered{Message: m, Seq: seq})
		}
	case words[1] == "->":
		data := ""
		if len(words) == 4 {
			data = words[3]
		}
		p.message(room.SocketID(words[0]), words[2], data)
	default:
		p.t.Fatalf("no such step: %s", line)
	}
}

func (p *player) set(key, value string) {
	policy := &p.settings.Policy
	numbers := map[string]any{
		"max": &policy.MaxMembers, "stage": &policy.Stage, "hosttoken": &policy.HostToken,
		"mode": &policy.Mode, "file": &p.settings.MaxFileBytes, "joins": &p.settings.JoinsPerAddress,
		"stagetoken": &policy.StageToken,
	}
	times := map[string]*time.Duration{
		"grace": &p.settings.Grace, "settle": &p.settings.Settle, "remember": &p.settings.Remember,
	}
	switch key {
	case "grace", "settle", "remember":
		d, err := time.ParseDuration(value)
		if err != nil {
			p.t.Fatal(err)
		}
		*times[key] = d
	default:
		if _, err := fmt.Sscan(value, numbers[key]); err != nil {
			p.t.Fatal(key, err)
		}
	}
}

// wait lets time pass as the loop would: Tick at each deadline.
func (p *player) wait(d string) {
	span, err := time.ParseDuration(d)
	if err != nil {
		p.t.Fatal(err)
	}
	for end := p.now.Add(span); ; {
		next := p.room.Deadline()
		if next.IsZero() || next.After(end) {
			p.now = end
			return
		}
		if next.After(p.now) {
			p.now = next
		}
		p.room.Tick(p.now)
	}
}

func (p *player) decode(event, data string) protocol.Message {
	m, err := protocol.Decode(event, value([]byte(p.withToken(data))))
	if err != nil {
		fmt.Fprintf(&p.out, "  refused %v\n", err)
		return nil
	}
	return m
}

// withToken puts the tokens in that a transcript names.
func (p *player) withToken(data string) string {
	return tokenCall.ReplaceAllStringFunc(data, func(s string) string {
		part := tokenCall.FindStringSubmatch(s)
		d, err := time.ParseDuration(part[3])
		if err != nil {
			p.t.Fatal(err)
		}
		token, err := room.NewHub(p.settings, nil).Token(part[2], protocol.Role(part[1]), p.now.Add(d))
		if err != nil {
			p.t.Fatal(err)
		}
		return token
	})
}

// kind is what a line of output says, without of whom if they are numbered.
func kind(line string) string {
	words := strings.Fields(line)
	words[0] = strings.TrimRight(words[0], "0123456789")
	switch words[1] {
	case "<-", "INFO":
		return strings.Join(words[:3], " ")
	}
	return strings.Join(words[:2], " ")
}

var inTurn = regexp.MustCompile(`\$turn\((\w+),(\w+)\)`)

var tokenCall = regexp.MustCompile(`\$role\((\w+),(\w+),([^)]+)\)`)

func (p *player) message(s room.SocketID, event, data string) {
	m := p.decode(event, data)
	switch m := m.(type) {
	case nil:
	case *protocol.Join, *protocol.Reconnect:
		p.room.Enter(p.now, room.Entry{Socket: s, Addr: p.addr[s], Opened: p.opened[s], Msg: m, Held: p.held[s]})
		delete(p.held, s)
	case *protocol.Ping:
		if taken, ok := p.room.Seen(s, m.Seen); ok {
			fmt.Fprintf(&p.out, "  seen %d\n", taken)
		}
	default:
		p.handle(s, m)
	}
}

func (p *player) handle(s room.SocketID, m protocol.Message) {
	if err := p.room.Handle(p.now, s, m); err != nil {
		fmt.Fprintf(&p.out, "  refused %v\n", err)
	}
}

// number is what a numbered message has behind it.
func number(seq uint64) string {
	if seq == 0 {
		return ""
	}
	return fmt.Sprint(" #", seq)
}

// report writes what the room wants done.
func (p *player) report() {
	if p.room == nil {
		return
	}
	if p.plane != nil {
		for _, c := range p.plane.calls {
			fmt.Fprintf(&p.out, "  plane: %s\n", c)
		}
		p.plane.calls = nil
	}
	for _, o := range p.room.Drain() {
		switch {
		case o.Note != nil:
			fmt.Fprintf(&p.out, "  log %s %s %v\n", o.Note.Level, o.Note.Text, o.Note.Args)
		case o.Err != nil:
			fmt.Fprintf(&p.out, "  %s <- error %v%s\n", o.Socket, o.Err, number(o.Seq))
		case o.Msg != nil:
			data, err := protocol.Encode(o.Msg)
			if err != nil {
				p.t.Fatal(err)
			}
			fmt.Fprintf(&p.out, "  %s <- %s %s%s\n", o.Socket, o.Msg.EventName(), data, number(o.Seq))
		case o.Verdict != nil && o.Verdict.Err != nil:
			fmt.Fprintf(&p.out, "  %s refused %v\n", o.Socket, o.Verdict.Err)
		case o.Verdict != nil:
			fmt.Fprintf(&p.out, "  %s is in\n", o.Socket)
		case o.Close != "":
			fmt.Fprintf(&p.out, "  %s closed: %s\n", o.Socket, o.Close)
		case o.Kick != "":
			fmt.Fprintf(&p.out, "  %s kicked: %s\n", o.Socket, o.Kick)
		case o.Probe > 0:
			fmt.Fprintf(&p.out, "  %s probed for %v\n", o.Socket, o.Probe)
		}
	}
	p.room.Changes()
	if err := p.room.Check(p.now); err != nil {
		p.t.Fatalf("after:\n%s\n%v", p.out.String(), err)
	}
}

// value is JSON as a transport hands it on.
func value(data []byte) protocol.Value {
	v, _ := protocol.Check(data)
	return v
}
