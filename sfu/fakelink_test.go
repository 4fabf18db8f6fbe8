package sfu

import (
	"encoding/json"
	"fmt"
	"strings"

	"lectern/sfu/codec"
	"lectern/sfu/track"
	"lectern/sfu/transport"
	"lectern/signaling/protocol"
)

// fakeLink carries nothing and writes down what it is told.
type fakeLink struct {
	p *player
	c *connector
	n int
}

func (l *fakeLink) play(words []string, text, line string) {
	switch words[0] {
	case "connected":
		l.c.stateChanged(transport.Connected)
	case "disconnected":
		l.c.stateChanged(transport.Disconnected)
	case "failed":
		l.c.stateChanged(transport.Failed)
	case "open":
		l.c.channelOpened()
	case "shut":
		l.c.channelClosed()
	case "began":
		l.c.began(words[1])
	case "flows":
		k, _ := codec.ParseKind(words[1])
		l.c.flowing(k)
	case "offers:", "answers:":
		what := strings.TrimSuffix(words[0], "s:")
		sdp := sdpOf(text, nil)
		if what == "answer" {
			sdp = sdpOf(text, l.p.last[l])
		}
		data, _ := json.Marshal(map[string]any{what: protocol.Description{Type: what, SDP: sdp}})
		l.c.control(message{Type: what, Data: data})
	case "says":
		var m message
		_, raw, _ := strings.Cut(line, "says ")
		raw = strings.ReplaceAll(raw, fmt.Sprintf(`"#%d"`, l.n), `"`+string(l.c.id)+`"`)
		if err := json.Unmarshal([]byte(raw), &m); err != nil {
			l.p.t.Fatal(err)
		}
		l.c.control(m)
	default:
		l.p.t.Fatalf("what is %q?", words[0])
	}
}

func (l *fakeLink) Start(_ transport.Remote, r transport.Role) {
	s := fmt.Sprintf("#%d starts", l.n)
	for _, w := range []struct {
		is   bool
		word string
	}{{r.Controlling, " controlling"}, {r.DTLSClient, " dtls-client"}, {r.NoChannel, " without a channel"}} {
		if w.is {
			s += w.word
		}
	}
	l.p.say("%s", s)
}
func (l *fakeLink) SetExtensions(track.Extensions) {}
func (l *fakeLink) StopReceiving(mid string)       { l.p.say("#%d receives no more on %s", l.n, mid) }
func (l *fakeLink) StopPlaying(mid string)         { l.p.say("#%d plays no more on %s", l.n, mid) }
func (l *fakeLink) Pause(mid string, paused bool) {
	l.p.say("#%d pauses %s: %v", l.n, mid, paused)
}
func (l *fakeLink) Reached() bool { return l.c.connected }
func (l *fakeLink) Close()        { l.p.say("#%d closes", l.n) }

func (l *fakeLink) Restart() {
	l.p.say("#%d restarts", l.n)
	l.c.opened(l.c.local, nil)
}

func (l *fakeLink) Receive(r receiving) {
	l.p.say("#%d receives %s on %s (%s first)", l.n, r.kind, r.mid, r.formats[0].Codec.Name)
}

func (l *fakeLink) Play(p playing) {
	l.p.say("#%d plays %s on %s (%s first)", l.n, p.kind, p.mid, p.formats[0].Codec.Name)
}

func (l *fakeLink) Send(text []byte) {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		l.p.t.Fatal(err)
	}
	d, err := offerIn(m.Data)
	if m.Type == "answer" {
		d, err = answerIn(m.Data)
	}
	if m.Type == "getOffer" || err != nil {
		l.p.say("#%d says %s", l.n, m.Type)
		return
	}
	l.p.say("#%d says %s: %s", l.n, m.Type, l.p.read(l.c.id, d.SDP))
}
