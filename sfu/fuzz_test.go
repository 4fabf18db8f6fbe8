package sfu

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"lectern/sfu/codec"
	"lectern/sfu/track"
	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// deafEvents are the events of a connector that does nothing.
type deafEvents struct {
	controls []message
	states   []transport.State
}

func (*deafEvents) opened(transport.Local, error)    {}
func (e *deafEvents) stateChanged(s transport.State) { e.states = append(e.states, s) }
func (*deafEvents) channelOpened()                   {}
func (*deafEvents) channelClosed()                   {}
func (*deafEvents) flowing(codec.Kind)               {}
func (*deafEvents) refused(protocol.ErrorType)       {}
func (*deafEvents) dropped(string, []hearer)         {}
func (*deafEvents) began(string)                     {}
func (e *deafEvents) control(m message)              { e.controls = append(e.controls, m) }

func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"chat","data":{"text":"hello"}}`, `{"type":"file","data":{"chunk":"x"}}`, `{"type":"file","data":{"id":"f","chunk":"x"}}`,
		`{"type":"chat","data":{"type":"file","id":"f","fileInfo":{"FQ":1}}}`, `{"type":"chat","data":{"type":"file","id":"g","fileInfo":{"FQ":1e18}}}`, `{"type":"fileCancel","data":{"id":"f"}}`, `{"type":"offer","data":{"offer":{"type":"offer","sdp":"v=0"}}}`,
		`{"type":"getOffer"}`, `{"type":"close","data":{"connectorId":"x"}}`, `[]`, `{"type":1}`, `null`, "", "\xff", `{"type":"chat"} x`, `{"TYPE":"chat"}`,
	} {
		f.Add([]byte(seed), true)
	}
	f.Add([]byte{0, 1, 2}, false)
	f.Fuzz(func(t *testing.T, data []byte, isText bool) {
		e := &deafEvents{}
		s := &session{server: &Server{}, events: e, in: &outlet{}, sending: files{"f": {id: "id", pieces: 2}}, done: make(chan struct{})}
		before := string(data)
		b := newBox()
		s.in.open([]hearer{{box: b}})
		s.Message(data, isText)
		if string(data) != before {
			t.Error("the transport's buffer was changed")
		}
		var waits int
		if got := b.pop(nil); got != nil {
			if waits = 1; string(got) != before {
				t.Errorf("passes on %q for %q", got, before)
			}
		}
		bad := int(s.server.counters.badMessages.Load()) //nolint:gosec // small
		if waits+len(e.controls)+bad != 1 && !isAboutFile(data) {
			t.Errorf("%q was passed on %d times, negotiated %d times, counted as bad %d times", data, waits, len(e.controls), bad)
		}
		if !isText && bad != 1 {
			t.Error("a binary message was taken")
		}
		// What is kept must not live in the transport's buffer.
		clear(data)
		if len(e.controls) == 1 && len(e.controls[0].Data) > 0 && !json.Valid(e.controls[0].Data) {
			t.Error("a message of negotiation is kept in the transport's buffer")
		}
	})
}

// isAboutFile reports whether a message may go nowhere without being bad.
func isAboutFile(data []byte) bool {
	var m message
	_ = json.Unmarshal(data, &m)
	return m.Type == typeFile || m.Type == typeFileCancel || m.Type == typeChat && isFile(m.Data)
}

// idleLink carries nothing.
type idleLink struct{}

func (idleLink) Start(transport.Remote, transport.Role) {}
func (idleLink) Restart()                               {}
func (idleLink) Send([]byte)                            {}
func (idleLink) SetExtensions(track.Extensions)         {}
func (idleLink) Receive(receiving)                      {}
func (idleLink) StopReceiving(string)                   {}
func (idleLink) Pause(string, bool)                     {}
func (idleLink) Play(playing)                           {}
func (idleLink) StopPlaying(string)                     {}
func (idleLink) Reached() bool                          { return false }
func (idleLink) Close()                                 {}

// FuzzSignal has a client say anything at all to a plane: steps choose what,
// sdp and text are what is in it.
func FuzzSignal(f *testing.F) {
	offer := sdpOf("video sendrecv, audio sendrecv, app", nil)
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, offer, `{"candidate":"candidate:1 1 udp 1 192.0.2.2 5000 typ host"}`)
	f.Add([]byte{1, 17, 33, 8, 9, 10, 3, 3, 7, 0}, sdpOf("app", nil), `{"kind":"video","type":"add"}`)
	f.Add([]byte{2, 2, 2, 9, 9, 0, 11, 6}, strings.ReplaceAll(offer, "a=mid:1", "a=mid:0"), `{"connectorId":"x"}`)
	f.Add([]byte{0, 8, 12, 13, 14, 15}, sdpOf("audio recvonly, video recvonly", nil), `null`)
	f.Add([]byte{5, 5, 5, 5}, "v=0\r\nm=video 0 x 96\r\n", "")
	f.Fuzz(func(t *testing.T, steps []byte, sdp, text string) {
		if len(steps) > 64 || len(sdp) > 64<<10 {
			return
		}
		var made []*connector
		p := newPlane(slog.New(slog.DiscardHandler), identity{fingerprint: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")},
			func(e events, _ *outlet, _ []*box) link {
				made = append(made, e.(*connector))
				e.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword"}, nil)
				return idleLink{}
			})
		for _, id := range []protocol.MemberID{"a", "b", "c"} {
			p.Attach(id, media.Profile{Stage: true})
		}
		p.Drain()
		for _, step := range steps {
			stir(p, made[int(step>>4)%len(made)], step&15, sdp, text)
			p.Drain()
		}
		if len(p.members) > 3 || len(p.connectors) > 4*(len(steps)+2)+6 {
			t.Errorf("%d members, %d connectors after %d steps", len(p.members), len(p.connectors), len(steps))
		}
		for _, id := range []protocol.MemberID{"a", "b", "c"} {
			p.Detach(id, nil)
		}
		p.Drain()
		if len(p.members)+len(p.connectors)+len(p.asks)+len(p.order) > 0 {
			t.Errorf("an empty plane keeps %d members, %d connectors, %d asks", len(p.members), len(p.connectors), len(p.asks))
		}
		for _, c := range made {
			if !c.ended {
				t.Error("a connector goes on in an empty plane")
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// stir does one step, at or about a connector.
func stir(p *Plane, c *connector, what byte, sdp, text string) {
	from := c.member.id
	own := c.remoteID
	if own == "" {
		own = "x" + c.id
	}
	offer, answer := protocol.Description{Type: "offer", SDP: sdp}, protocol.Description{Type: "answer", SDP: sdp}
	channel := func(kind string, data any) {
		raw, _ := json.Marshal(data)
		if !c.ended && len(c.gate) < cap(c.gate) {
			c.control(message{Type: kind, Data: raw})
		}
	}
	switch what {
	case 0:
		_ = p.Signal(from, &protocol.Answer{Remote: c.id, Connector: own, Member: c.plays, Answer: answer})
	case 1:
		_ = p.Signal("a", &protocol.Offer{Connector: protocol.ConnectorID("o" + text[:min(len(text), 3)]), Member: "b", StreamType: protocol.StreamUser, Offer: offer})
	case 2:
		_ = p.Signal(from, &protocol.Offer{Connector: "s" + c.id, Member: c.plays, StreamType: protocol.StreamDisplay, Offer: offer})
	case 3:
		_ = p.Signal(from, &protocol.ICECandidate{Remote: c.id, Member: c.plays, Candidate: json.RawMessage(text)})
	case 4:
		_ = p.Signal(from, &protocol.ReconnectWork{Type: "offer", Offer: &offer, Connector: own, Member: c.plays})
	case 5:
		_ = p.Signal(from, &protocol.ReconnectWork{Type: "answer", Answer: &answer, Connector: own, Member: c.plays})
	case 6:
		_ = p.Signal(from, &protocol.ReconnectWork{Type: "getOffer", Extra: json.RawMessage(text), Connector: own})
	case 7:
		c.channelOpened()
	case 8:
		c.stateChanged(transport.Connected)
	case 9:
		channel("offer", map[string]any{"offer": offer})
	case 10:
		channel("answer", map[string]any{"answer": answer})
	case 11:
		channel("close", map[string]any{"connectorId": c.id})
	case 12:
		c.stateChanged(transport.Failed)
	case 13:
		c.flowing(codec.Video)
	case 14:
		p.Return(from, media.Return{Moved: true})
	case 15:
		if !c.ended && len(c.gate) < cap(c.gate) {
			c.control(message{Type: "getOffer", Data: json.RawMessage(text)})
		}
	}
}
