package auto_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lectern/signaling/auto"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what the plane does now")

// TestTranscripts replays testdata/*.txt. A line is what happens:
//
//	set max 4 | set return 5m               before anything else
//	attach a [audience] [events] [downlink] [shares] [firefox]
//	detach a [x of b]                       it names that connector's other end
//	away a | return a
//	stage a on|off | view a b               a hides b's picture
//	respond [a b]                           clients do what they were told
//	a shares                                on every connector it has
//	a offers x to b [display]
//	a answers x of b as y
//	a says x of b                           a candidate
//	a renews x                              reconnectWork getOffer
//	a reports saturated|fine|busy|idle|failed x|connected x
//	ask sfu | mode of a                     SetMode, Mode
//	wait 300ms | go 300ms [a b]             the latter with clients that do what they are told
//	a talks 6ms 600ms                       a line every 6 ms to the server, for 600 ms
//	sfu ...                                 what the server does: see fakeServer.play
//
// and below it, indented, what comes of it; what comes while time passes
// begins with the time. The room of the transcript passes lines of chat on to
// existing clients. Members' connectors are a1, a2 and so on, the server's s1,
// s2. Run with -update, read the diff, commit only changes you can explain.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d transcripts (%v), want at least 30", len(files), err)
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
			t.Errorf("the plane does not do what %s says; it does:\n%s", file, got)
		})
	}
}

func replay(t *testing.T, script string) string {
	var out strings.Builder
	var w *world
	config := auto.Config{MaxP2P: 3}
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") { // what was wanted
			continue
		}
		out.WriteString(line + "\n")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if words[0] == "set" {
			set(t, &config, words[1], words[2])
			continue
		}
		if w == nil {
			w = newWorld(config)
		}
		w.step(t, words)
		for _, l := range w.log {
			out.WriteString("  " + l + "\n")
		}
		w.log = nil
		if err := errors.Join(w.plane.Check(), w.ways()); err != nil {
			t.Fatalf("after:\n%s\n%v", out.String(), err)
		}
	}
	return out.String()
}

func set(t *testing.T, c *auto.Config, key, value string) {
	t.Helper()
	var err error
	switch key {
	case "max":
		_, err = fmt.Sscan(value, &c.MaxP2P)
	case "return":
		c.Return, err = time.ParseDuration(value)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) step(t *testing.T, words []string) {
	t.Helper()
	id := func(i int) protocol.MemberID { return protocol.MemberID(words[i]) }
	has := func(word string) bool { return slices.Contains(words, word) }
	switch words[0] {
	case "attach":
		w.attach(id(1), media.Profile{Stage: !has("audience"), Events: has("events"), Downlink: has("downlink"), Shares: has("shares")})
		w.clients[id(1)].firefox = has("firefox")
	case "detach":
		var named []protocol.LeaveItem
		if len(words) > 2 {
			named = append(named, protocol.LeaveItem{Remote: protocol.ConnectorID(words[2]), Member: id(4)})
		}
		w.detach(id(1), named)
	case "away":
		w.away(id(1))
	case "return":
		w.say("connectors %v", w.back(id(1)))
	case "stage":
		w.plane.SetStage(id(1), words[2] == "on")
	case "view":
		w.plane.View(id(1), []protocol.StreamRef{{Member: id(2), Stream: protocol.StreamUser}})
	case "respond":
		var ids []protocol.MemberID
		for i := range words[1:] {
			ids = append(ids, id(i+1))
		}
		w.respond(ids...)
	case "go":
		w.goOn(t, words)
	case "ask":
		if err := w.plane.SetMode(protocol.Mode(words[1])); err != nil {
			w.say("refused %v", err)
		}
	case "mode":
		w.say("%s", w.plane.Mode(id(2)))
	case "sfu":
		w.server.play(words[1:])
	case "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			t.Fatal(err)
		}
		w.timed = true
		w.wait(d)
		w.settle()
		w.timed = false
	default:
		w.speak(t, words)
	}
	w.settle()
}

// speak is what a member's client does.
func (w *world) speak(t *testing.T, words []string) {
	t.Helper()
	c := w.clients[protocol.MemberID(words[0])]
	if c == nil {
		t.Fatalf("no such step: %v", words)
	}
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	connector := protocol.ConnectorID(arg(2))
	switch words[1] {
	case "shares":
		w.share(c.id)
	case "talks":
		w.talk(t, c.id, arg(2), arg(3))
	case "offers":
		stream := protocol.StreamUser
		if arg(5) != "" {
			stream = protocol.StreamDisplay
		}
		c.ends[connector] = end{member: protocol.MemberID(arg(4)), stream: stream}
		w.signal(c.id, &protocol.Offer{Connector: connector, Member: protocol.MemberID(arg(4)), StreamType: stream, Offer: c.description("offer")})
	case "answers":
		theirs, member := protocol.ConnectorID(arg(6)), protocol.MemberID(arg(4))
		c.ends[theirs] = end{remote: connector, member: member, stream: protocol.StreamUser}
		w.signal(c.id, &protocol.Answer{Remote: connector, Connector: theirs, Member: member, Answer: c.description("answer")})
	case "says":
		w.signal(c.id, candidate(arg(2), arg(4)))
	case "renews":
		w.signal(c.id, &protocol.ReconnectWork{Type: protocol.EventGetOffer, Connector: connector})
	case "reports":
		w.plane.Report(c.id, report(words[2:]))
	default:
		t.Fatalf("no such step: %v", words)
	}
}

func report(words []string) *protocol.Report {
	yes, no := true, false
	switch words[0] {
	case "saturated":
		return &protocol.Report{Saturated: &yes}
	case "fine":
		return &protocol.Report{Saturated: &no}
	case "busy":
		return &protocol.Report{Busy: &yes}
	case "idle":
		return &protocol.Report{Busy: &no}
	}
	return &protocol.Report{State: words[0], Connector: protocol.ConnectorID(words[1])}
}

// goOn lets time pass while the clients do what they are told.
func (w *world) goOn(t *testing.T, words []string) {
	t.Helper()
	var ids []protocol.MemberID
	for _, word := range words[2:] {
		ids = append(ids, protocol.MemberID(word))
	}
	w.timed = true
	for stop := w.now.Add(duration(t, words[1])); w.now.Before(stop); {
		w.respond(ids...)
		w.wait(20 * time.Millisecond)
		w.settle()
	}
	w.timed = false
}

// talk has a member say lines that reach the server.
func (w *world) talk(t *testing.T, id protocol.MemberID, every, long string) {
	t.Helper()
	w.timed = true
	for stop := w.now.Add(duration(t, long)); w.now.Before(stop); {
		w.lines++
		w.server.play([]string{"said", string(id), fmt.Sprint("l", w.lines), "x"})
		w.settle()
		w.wait(duration(t, every))
		w.settle()
	}
	w.timed = false
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
