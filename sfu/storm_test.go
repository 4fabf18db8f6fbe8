package sfu

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// check reports a broken invariant of the plane.
func check(p *Plane) error {
	for _, m := range p.order {
		if m.stage != slices.Contains(p.stage, m) {
			return fmt.Errorf("%s: on stage %v, in the list of the stage %v", m.id, m.stage, !m.stage)
		}
		if !m.uploads() && (m.user.uplink != nil || m.sending()) {
			return fmt.Errorf("%s publishes from the audience", m.id)
		}
		if err := checkUplink(p, m); err != nil {
			return err
		}
		if up := m.user.uplink; up != nil && (up.ended || up.member != m) {
			return fmt.Errorf("%s has an uplink that has ended or is somebody else's", m.id)
		}
		for _, other := range p.stage {
			if other != m && !m.sees(other.user) && p.asks[ask{m.id, other.id}] == 0 {
				return fmt.Errorf("%s does not see %s", m.id, other.id)
			}
		}
		seen := map[*publication]int{}
		for _, c := range m.connectors {
			if n := c.replacement; n == nil || n.ended { // else that one counts
				if c.source != nil && !c.vacant {
					seen[c.source]++
				}
				for _, pub := range c.sources {
					seen[pub]++
				}
			}
			for _, s := range c.sections {
				if s.playing != nil && s.source == nil && !c.dirty && c.pending == nowhere && c.answered {
					return fmt.Errorf("%s is played something that nobody sends", m.id)
				}
			}
		}
		for pub, n := range seen {
			if n != 1 || !pub.owner.stage || p.members[pub.owner.id] != pub.owner {
				return fmt.Errorf("%s sees %s of %s %d times, who is on stage: %v", m.id, pub.stream, pub.owner.id, n, pub.owner.stage)
			}
		}
	}
	return nil
}

// checkUplink holds that a client that may send has something to send on where it
// has a connector at all, that a stand-in is there for a reason, and that the room
// knows whether an existing client sends.
func checkUplink(p *Plane, m *member) error {
	up := m.user.uplink
	for _, c := range m.connectors {
		switch {
		case m.downlink || c.stream != protocol.StreamUser:
		case up == nil && m.uploads():
			return fmt.Errorf("%s has a connector and no uplink", m.id)
		case c.vacant && c != up && up.relieves != c && up.connected:
			return fmt.Errorf("%s keeps a connector of %s, who has left the stage", m.id, c.plays)
		case c.vacant && (!m.stage || slices.Contains(p.stage, c.source.owner)):
			return fmt.Errorf("%s has a stand-in that plays %s", m.id, c.plays)
		}
	}
	if sends := m.sending() || m.wish != [2]bool{}; m.old() && m.told != sends {
		return fmt.Errorf("%s sends: %v, the room was told: %v", m.id, sends, m.told)
	}
	return nil
}

// TestStageStorm has members of all kinds come, go, come on stage, leave it,
// share, answer, fail, in any order.
func TestStageStorm(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test
		var made []*connector
		p := newPlane(slog.New(slog.DiscardHandler), identity{fingerprint: strings.TrimSuffix(strings.Repeat("AB:", 32), ":")},
			func(e events, _ *outlet, _ []*box) link {
				made = append(made, e.(*connector))
				e.opened(transport.Local{Ufrag: "ufrag", Password: "passwordpasswordpassword"}, nil)
				return idleLink{}
			})
		s := &storm{p: p, rnd: rnd}
		for step := range 120 {
			what := s.step(made)
			s.hear(p.Drain())
			if err := check(p); err != nil {
				t.Fatalf("seed %d step %d (%s): %v", seed, step, what, err)
			}
		}
		for id := range p.members {
			p.Detach(id, nil)
			p.Drain()
		}
		if len(p.members)+len(p.connectors)+len(p.asks)+len(p.order)+len(p.stage)+len(p.choosy)+len(p.untidy) > 0 {
			t.Errorf("seed %d: an empty plane keeps something", seed)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

type storm struct {
	p    *Plane
	rnd  *rand.Rand
	asks []ask
}

// hear remembers what clients are asked for.
func (s *storm) hear(list []media.Event) {
	for _, e := range list {
		if m, ok := e.Msg.(*protocol.GetOffer); ok {
			s.asks = append(s.asks, ask{e.To, m.Member})
		}
	}
}

func (s *storm) member() protocol.MemberID { return protocol.MemberID(rune('a' + s.rnd.IntN(7))) }

func (s *storm) step(made []*connector) string {
	p, id := s.p, s.member()
	switch n := s.rnd.IntN(12); {
	case n < 3 && p.members[id] == nil:
		down := s.rnd.IntN(2) == 0
		p.Attach(id, media.Profile{Stage: s.rnd.IntN(3) > 0, Downlink: down, Events: down, Shares: s.rnd.IntN(5) == 0})
		return "join " + string(id)
	case n == 3:
		p.Detach(id, nil)
		return "leave " + string(id)
	case n < 6:
		on := s.rnd.IntN(2) == 0
		p.SetStage(id, on)
		return fmt.Sprint("stage ", id, " ", on)
	case n == 6:
		p.View(id, []protocol.StreamRef{{Member: s.member(), Stream: protocol.StreamUser}})
		return "view"
	case n == 7 && p.members[id] != nil:
		to := s.member()
		if p.members[id].downlink {
			to = protocol.ServerMember
		}
		_ = p.Signal(id, &protocol.Offer{Connector: protocol.ConnectorID(fmt.Sprint("d", s.rnd.Int())), Member: to, StreamType: protocol.StreamDisplay,
			Offer: protocol.Description{Type: "offer", SDP: sdpOf("video sendonly, app", nil)}})
		return "share " + string(id)
	case n == 8 && len(s.asks) > 0:
		a := s.asks[0]
		s.asks = s.asks[1:]
		_ = p.Signal(a.who, &protocol.Offer{Connector: protocol.ConnectorID(fmt.Sprint("o", s.rnd.Int())), Member: a.to, StreamType: protocol.StreamUser,
			Offer: protocol.Description{Type: "offer", SDP: sdpOf("video sendrecv, audio sendrecv, app", nil)}})
		return fmt.Sprint("offer ", a)
	case len(made) > 0:
		return s.happen(made[s.rnd.IntN(len(made))])
	}
	return "nothing"
}

// happen has something happen to a connector.
func (s *storm) happen(c *connector) string {
	if c.ended {
		return "nothing"
	}
	switch s.rnd.IntN(7) {
	case 6:
		c.take(message{Type: protocol.EventGetOffer, Data: []byte([]string{
			`{"kind":"video","type":"add"}`, `{"kind":"video","type":"remove"}`, `{"kind":"audio","type":"add"}`,
		}[s.rnd.IntN(3)])})
		return "wish"
	case 0:
		c.stateChanged(transport.Connected)
		return "connected"
	case 1:
		c.channelOpened()
		return "open"
	case 2:
		c.flowing(1)
		return "flows"
	case 3:
		s.p.Return(c.member.id, media.Return{Moved: s.rnd.IntN(2) == 0})
		return "return"
	}
	if c.offers && c.offered {
		s.answer(c)
		return "answer"
	}
	return "nothing"
}

// answer answers a connector's last offer as a client would.
func (s *storm) answer(c *connector) {
	var words []string
	for _, sec := range c.sections[:c.offering] {
		k, isMedia := sec.kind.CodecKind()
		switch {
		case !isMedia:
			words = append(words, "app")
		case sec.takes && s.rnd.IntN(4) > 0:
			words = append(words, k.String()+" sendonly")
		case sec.sends:
			words = append(words, k.String()+" recvonly")
		default:
			words = append(words, k.String()+" inactive")
		}
	}
	d := protocol.Description{Type: "answer", SDP: sdpOf(strings.Join(words, ", "), nil)}
	own := c.remoteID
	if !c.answered {
		_ = s.p.Signal(c.member.id, &protocol.Answer{Remote: c.id, Connector: protocol.ConnectorID(fmt.Sprint("x", s.rnd.Int())), Member: c.plays, Answer: d})
		return
	}
	_ = s.p.Signal(c.member.id, &protocol.ReconnectWork{Type: "answer", Answer: &d, Connector: own, Member: c.plays})
}
