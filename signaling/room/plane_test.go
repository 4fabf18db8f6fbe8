package room_test

import (
	"fmt"
	"strings"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// stage is a plane that carries nothing: it writes down what the room tells
// it, and says what a test has it say.
type stage struct {
	mode  protocol.Mode // of everybody and the next to come
	fixed bool          // it refuses to be anything else
	calls []string
	old   map[protocol.MemberID]bool // existing clients, and whether they send
	out   []media.Event
}

func (s *stage) call(format string, args ...any) {
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

func (s *stage) Attach(id protocol.MemberID, p media.Profile) {
	how := ""
	for _, part := range []struct {
		is   bool
		name string
	}{{p.Stage, " stage"}, {p.Events, " events"}, {p.Downlink, " downlink"}, {p.Shares, " shares"}} {
		if part.is {
			how += part.name
		}
	}
	s.call("attach %s%s", id, how)
	if !p.Events {
		if s.old == nil {
			s.old = map[protocol.MemberID]bool{}
		}
		s.old[id] = false
	}
}

func (s *stage) SetStage(id protocol.MemberID, on bool) { s.call("stage %s %v", id, on) }

func (s *stage) Signal(from protocol.MemberID, m protocol.Signal) error {
	s.call("signal %s %s", from, m.Event())
	return nil
}

func (s *stage) View(id protocol.MemberID, hidden []protocol.StreamRef) {
	s.call("view %s %v", id, hidden)
}

func (s *stage) Report(id protocol.MemberID, r *protocol.Report) {
	say := func(b *bool) string {
		if b == nil {
			return "-"
		}
		return fmt.Sprint(*b)
	}
	s.call("report %s saturated=%s busy=%s %s %s", id, say(r.Saturated), say(r.Busy), r.Connector, r.State)
}

func (s *stage) Say(to protocol.MemberID, l *protocol.ChatLine) {
	s.call("say to %s: %s from %s %q %s", to, l.ID, l.Member, l.Text, l.Clock)
}

func (s *stage) Away(id protocol.MemberID) { s.call("away %s", id) }

func (s *stage) Return(id protocol.MemberID, how media.Return) []protocol.ConnectorRef {
	s.call("return %s {Moved:%v}", id, how.Moved)
	return nil
}

func (s *stage) Detach(id protocol.MemberID, _ []protocol.LeaveItem) {
	s.call("detach %s", id)
	delete(s.old, id)
}

func (s *stage) Mode(protocol.MemberID) protocol.Mode { return s.mode }

func (s *stage) SetMode(m protocol.Mode) error {
	s.call("mode %s", m)
	if s.fixed && m != s.mode {
		return protocol.NewError(protocol.ErrMode)
	}
	return nil
}

func (s *stage) Tick(time.Time)         {}
func (s *stage) Deadline() time.Time    { return time.Time{} }
func (s *stage) Ready() <-chan struct{} { return nil }
func (s *stage) Close() error           { return nil }

func (s *stage) Drain() []media.Event {
	out := s.out
	s.out = nil
	return out
}

// say has the plane say something: what a transcript writes after "plane".
func (s *stage) say(words string) error {
	w := strings.SplitN(words, " ", 4)
	for len(w) < 4 {
		w = append(w, "")
	}
	var e media.Event
	switch w[0] {
	case "mode": // it changes without a word, as for those who come during a change
		s.mode = protocol.Mode(w[1])
		return nil
	case "moved":
		s.mode = protocol.Mode(w[1])
		e.Moved = s.mode
	case "stays":
		e.Stays = protocol.Refuse(protocol.ErrMode, "the server could not carry it", "服务器无法承载")
	case "said":
		e.Said = &media.Said{From: protocol.MemberID(w[1]), ID: w[2], Text: w[3], Clock: "10:00:00"}
	case "sends", "silent":
		e.Sends = &media.Sends{Member: protocol.MemberID(w[1]), Sends: w[0] == "sends"}
	case "lost":
		e.Lost = &media.Lost{Member: protocol.MemberID(w[1]), Why: w[2]}
	case "err":
		e.To, e.Err = protocol.MemberID(w[1]), protocol.NewError(protocol.ErrMedia)
	case "leave":
		e.To, e.Msg = protocol.MemberID(w[1]), &protocol.ConnectorGone{Connector: protocol.ConnectorID(w[2]), Member: "z"}
	default:
		return fmt.Errorf("a plane does not say %q", words)
	}
	s.out = append(s.out, e)
	return nil
}
