package sfu

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

var update = flag.Bool("update", false, "rewrite the transcripts with what the plane does now")

// TestTranscripts replays testdata/*.txt: the plane with scripted clients and
// links that carry nothing. A line is what happens:
//
//	join a [audience] [downlink] [events] [shares]
//	stage a b | audience a b | leave a | return a [moved]
//	a hides b user, c display | a is told b: text | carries a
//	a offers x to b user: video sendrecv, audio sendrecv, app
//	a answers #1 as x: video sendonly, audio inactive, app
//	a answers #1 as x over socket: ...      reconnectWork
//	a says #1 candidate | a asks x ...      icecandidate, reconnectWork getOffer
//	#1 connected | disconnected | failed | open | shut | flows video | began 0
//	#1 says {"type":...}                    on its data channel
//	#1 offers: ... | #1 answers: ...        likewise, with a description
//	wait 10s
//
// and below it, indented, what the plane sends and what its links are told.
// Connectors are #1, #2 and so on in the order the plane makes them. A link is
// open as soon as it is made. Run with -update, read the diff.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d transcripts (%v), want at least 20", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
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
		})
	}
}

// player replays one transcript.
type player struct {
	t     *testing.T
	plane *Plane
	links []*fakeLink // by number
	out   strings.Builder
	last  map[*fakeLink]*description.Description // the plane's last offer
}

func replay(t *testing.T, script string) string {
	p := &player{t: t, last: map[*fakeLink]*description.Description{}}
	p.plane = newPlane(slog.New(slog.DiscardHandler), identity{fingerprint: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")},
		func(e events, _ *outlet, _ []*box) link {
			l := &fakeLink{p: p, c: e.(*connector), n: len(p.links) + 1}
			p.links = append(p.links, l)
			e.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword", Candidates: []string{"candidate:1 1 udp 1 192.0.2.1 7882 typ host"}}, nil)
			return l
		})
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		p.out.WriteString(line + "\n")
		if line != "" && !strings.HasPrefix(line, "#!") && !strings.HasPrefix(line, "//") {
			p.play(line)
			p.drain()
		}
	}
	got := p.out.String()
	if err := p.plane.Close(); err != nil { // closes the links in any order
		t.Error(err)
	}
	return got
}

func (p *player) say(format string, args ...any) { fmt.Fprintf(&p.out, "  "+format+"\n", args...) }

func (p *player) play(line string) {
	words := strings.Fields(line)
	_, text, _ := strings.Cut(line, ": ")
	switch {
	case words[0] == "wait":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(d)
		synctest.Wait()
	case words[0] == "join":
		has := func(w string) bool { return slices.Contains(words, w) }
		p.plane.Attach(protocol.MemberID(words[1]), media.Profile{
			Stage: !has("audience"), Downlink: has("downlink"), Events: has("downlink") || has("events"), Shares: has("shares"),
		})
	case words[0] == "stage" || words[0] == "audience":
		for _, id := range words[1:] {
			p.plane.SetStage(protocol.MemberID(id), words[0] == "stage")
		}
	case words[0] == "carries":
		p.say("%v", p.plane.Carries(protocol.MemberID(words[1])))
	case words[0] == "apart":
		p.plane.Apart(protocol.MemberID(words[1]), protocol.MemberID(words[2]))
	case words[0] == "show":
		p.plane.Show(protocol.MemberID(words[1]), protocol.MemberID(words[2]))
	case words[0] == "plays":
		p.say("%v, %v", p.plane.Plays(protocol.MemberID(words[1]), protocol.MemberID(words[2])), p.plane.Plays(protocol.MemberID(words[2]), protocol.MemberID(words[1])))
	case words[0] == "leave":
		p.plane.Detach(protocol.MemberID(words[1]), nil)
	case words[0] == "return":
		refs := p.plane.Return(protocol.MemberID(words[1]), media.Return{Moved: slices.Contains(words, "moved")})
		p.say("connectors %v", refs)
	case strings.HasPrefix(words[0], "#"):
		p.link(words[0]).play(words[1:], text, line)
	case words[1] == "hides":
		var hidden []protocol.StreamRef
		for part := range strings.SplitSeq(strings.TrimPrefix(line, words[0]+" hides "), ", ") {
			who, stream, _ := strings.Cut(part, " ")
			hidden = append(hidden, protocol.StreamRef{Member: protocol.MemberID(who), Stream: protocol.StreamType(stream)})
		}
		p.plane.View(protocol.MemberID(words[0]), hidden)
	default:
		p.signal(protocol.MemberID(words[0]), words[1:], text)
	}
}

func (p *player) link(name string) *fakeLink {
	var n int
	if _, err := fmt.Sscanf(name, "#%d", &n); err != nil || n < 1 || n > len(p.links) {
		p.t.Fatalf("there is no connector %s", name)
	}
	return p.links[n-1]
}

// signal plays "offers x to b user: ...", "answers #1 as x: ...", "says #1
// candidate" and "asks x ...".
func (p *player) signal(from protocol.MemberID, words []string, text string) {
	var s protocol.Signal
	switch words[0] {
	case "offers":
		stream := protocol.StreamType(strings.TrimSuffix(words[4], ":"))
		s = &protocol.Offer{Connector: protocol.ConnectorID(words[1]), Member: protocol.MemberID(words[3]), StreamType: stream,
			Offer: protocol.Description{Type: "offer", SDP: sdpOf(text, nil)}}
	case "answers":
		l := p.link(words[1])
		d := protocol.Description{Type: "answer", SDP: sdpOf(text, p.last[l])}
		theirs := protocol.ConnectorID(strings.TrimSuffix(words[3], ":"))
		if slices.Contains(words, "over") {
			s = &protocol.ReconnectWork{Type: "answer", Answer: &d, Connector: theirs}
		} else {
			s = &protocol.Answer{Remote: l.c.id, Connector: theirs, Member: l.c.plays, Answer: d}
		}
	case "says":
		l := p.link(words[1])
		s = &protocol.ICECandidate{Remote: l.c.id, Member: l.c.plays, Candidate: json.RawMessage(`{"candidate":"candidate:1 1 udp 1 192.0.2.2 5000 typ host"}`)}
	case "asks":
		s = &protocol.ReconnectWork{Type: "getOffer", Connector: protocol.ConnectorID(words[1]), Extra: json.RawMessage(strings.Join(words[2:], " "))}
	default:
		p.t.Fatalf("what is %q?", words[0])
	}
	if err := p.plane.Signal(from, s); err != nil {
		p.say("error %v", err)
	}
}

func (p *player) drain() {
	for _, e := range p.plane.Drain() {
		switch {
		case e.Err != nil:
			p.say("%s <- error %s", e.To, e.Err.Type)
			continue
		case e.Said != nil:
			p.say("%s said %s: %s", e.Said.From, e.Said.ID, e.Said.Text)
			continue
		case e.Sends != nil:
			p.say("%s sends: %v", e.Sends.Member, e.Sends.Sends)
			continue
		case e.Lost != nil:
			p.say("%s is lost: %s", e.Lost.Member, e.Lost.Why)
			continue
		}
		switch m := e.Msg.(type) {
		case *protocol.GetOffer:
			p.say("%s <- getOffer %s", e.To, m.Member)
		case *protocol.RelayedOffer:
			p.say("%s <- offer %s plays %s %s: %s%s", e.To, p.name(m.Remote), m.Member, m.StreamType, p.read(m.Remote, m.Offer.SDP), streams(m.Streams))
		case *protocol.RelayedAnswer:
			p.say("%s <- answer %s to %s: %s", e.To, p.name(m.Remote), m.Connector, p.read(m.Remote, m.Answer.SDP))
		case *protocol.RelayedCandidate:
			p.say("%s <- icecandidate %s", e.To, m.Connector)
		case *protocol.ConnectorGone:
			p.say("%s <- leave %s of %s", e.To, m.Connector, m.Member)
		case *protocol.Renegotiate:
			p.say("%s <- reconnect %s %s of %s: %s", e.To, m.Type, m.Connector, m.Member, p.renegotiation(e.To, m))
		default:
			p.say("%s <- %T", e.To, m)
		}
	}
}

func (p *player) renegotiation(to protocol.MemberID, m *protocol.Renegotiate) string {
	d, err := offerIn(m.Data)
	if err != nil || d.SDP == "" {
		d, _ = answerIn(m.Data)
	}
	c := p.plane.members[to].own(m.Connector)
	var more struct {
		Streams []protocol.Stream `json:"streams"`
	}
	if err := json.Unmarshal(m.Data, &more); err != nil {
		p.t.Error(err)
	}
	return p.read(c.id, d.SDP) + streams(more.Streams)
}

// streams gives a stream map in the words of a transcript.
func streams(list []protocol.Stream) string {
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, " [%s %s]", s.Member, s.Stream)
	}
	return b.String()
}

func (p *player) name(id protocol.ConnectorID) string {
	for _, l := range p.links {
		if l.c.id == id {
			return fmt.Sprintf("#%d", l.n)
		}
	}
	return "#?"
}

// read gives a description of the plane's in the words of a transcript.
func (p *player) read(id protocol.ConnectorID, sdp string) string {
	d, err := description.Parse(sdp)
	if err != nil {
		p.t.Fatalf("the plane's own description cannot be read: %v\n%s", err, sdp)
	}
	for _, l := range p.links {
		if l.c.id == id {
			p.last[l] = d
		}
	}
	var list []string
	for _, s := range d.Sections {
		switch {
		case s.Kind == description.Application:
			list = append(list, "app")
		case s.Rejected:
			list = append(list, s.Kind.String()+" rejected")
		default:
			first := ""
			if f := s.Formats[0].Codec.Name; f != "VP8" && f != "opus" {
				first = " " + f
			}
			list = append(list, s.Kind.String()+" "+s.Direction.String()+first)
		}
		if s.Direction.Sends() && s.StreamID == "" && s.Kind != description.Application {
			p.t.Errorf("a section sends without an msid:\n%s", sdp)
		}
	}
	return strings.Join(list, ", ")
}

// sdpOf makes a client's description of a transcript's words: an answer to an
// offer, or an offer of its own.
func sdpOf(words string, offer *description.Description) string {
	d := &description.Description{
		SessionID: 1, Version: 1, Ufrag: "abcd", Password: "abcdefghijklmnopqrstuvwx",
		FingerprintHash: "sha-256", Fingerprint: strings.TrimSuffix(strings.Repeat("CD:", 32), ":"), Setup: description.ActPass,
	}
	if rest, ok := strings.CutPrefix(words, "restart, "); ok {
		d.Ufrag, words = "efgh", rest
	}
	for i, part := range strings.Split(words, ", ") {
		s := description.Section{MID: fmt.Sprint(i)}
		kind, direction, _ := strings.Cut(part, " ")
		direction, only, _ := strings.Cut(direction, " ")
		if kind == "app" {
			s.Kind, s.SCTPPort, s.MaxMessageSize = description.Application, 5000, 262144
			d.Sections = append(d.Sections, s)
			continue
		}
		k, _ := codec.ParseKind(kind)
		s.Kind = description.KindOf(k)
		s.Direction = map[string]description.Direction{
			"sendrecv": description.SendRecv, "nostream": description.SendRecv, "sendonly": description.SendOnly, "recvonly": description.RecvOnly,
		}[direction]
		s.Formats = description.Offered(k, slices.DeleteFunc(codec.Preferred(), func(c codec.Codec) bool { return c.Kind != k }))
		if offer != nil && i < len(offer.Sections) {
			s.Formats = offer.Sections[i].Formats
			d.Setup = description.Active
		}
		if only != "" { // "video sendonly H264": the client knows nothing else
			s.Formats = slices.DeleteFunc(slices.Clone(s.Formats), func(f description.Format) bool { return f.Codec.Name != only })
		}
		if s.Direction.Sends() {
			s.TrackID, s.CNAME = "t", "c"
			if direction != "nostream" {
				s.StreamID = "s"
			}
			s.Sources = []description.Source{{SSRC: uint32(1000 + i)}} //nolint:gosec // small
		}
		d.Sections = append(d.Sections, s)
	}
	return d.String()
}
