package room

import (
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"lectern/signaling/protocol"
)

// Chat in SFU mode passes the room (PROTOCOL.md section 5.4).
const (
	lineRate  = 25 // lines a second of a member
	lineBurst = 100
	maxSaid   = 256 // ids of lines remembered of a member

	// The bytes of lines that reach everybody, a second and at once, of a
	// member and of all in a room: two of the longest lines, and half a megabit
	// a second, which a slow line carries beside its media. Lines from
	// largeLine on have to leave half of what the room may take to short ones,
	// and a host is heard even if others have used it up.
	lineByteRate, lineByteBurst = 8 << 10, 160 << 10
	roomByteRate, roomByteBurst = 64 << 10, 512 << 10
	largeLine                   = 2 << 10
	lineOverhead                = 64

	// maxHistoryBytes bounds what one join makes the server send.
	maxHistoryBytes = 64 << 10
	warnPause       = time.Second // between two refusals told to an old client
)

// chat takes a line that came as an event. While the room changes its mode,
// which shows in what a stranger would get, a member of the mesh has to say it
// this way too: the newcomers have no connector with it.
func (r *Room) chat(now time.Time, m *member, s *protocol.Say) error {
	if r.plane.Mode(m.id) == protocol.ModeP2P && r.plane.Mode("") == protocol.ModeP2P {
		return protocol.Refuse(protocol.ErrMode,
			"in P2P mode chat goes over the data channels", "点对点模式下聊天经由数据通道发送")
	}
	return r.line(now, m, s)
}

// heard takes a line that came over a data channel. There is no other answer
// to it than an error, once a second.
func (r *Room) heard(now time.Time, m *member, s *protocol.Say) {
	err := heardWrong(s)
	if err == nil {
		err = r.line(now, m, s)
	}
	var refused *protocol.Error
	if errors.As(err, &refused) && now.Sub(m.warned) >= warnPause {
		m.warned = now
		r.tell(now, m, refused)
	}
}

// heardWrong checks what is checked of an event when it is decoded.
func heardWrong(s *protocol.Say) error {
	if s.ID == "" || utf8.RuneCountInString(s.ID) > protocol.MaxID {
		return protocol.Invalid("id", "must have 1 to 128 characters", "须为 1 到 128 个字符")
	}
	if s.Text == "" || utf8.RuneCountInString(s.Text) > protocol.MaxText {
		return protocol.Invalid("text", "must have 1 to 20000 characters", "须为 1 到 20000 个字符")
	}
	return nil
}

// line hands a line of chat to everybody else, once.
func (r *Room) line(now time.Time, m *member, s *protocol.Say) error {
	if slices.Contains(m.said, s.ID) {
		return nil
	}
	if !r.mayReachAll(now, m, len(s.Text)+lineOverhead) || !m.lines.take(now, lineRate, lineBurst) {
		return protocol.NewError(protocol.ErrRate)
	}
	if len(m.said) == maxSaid {
		m.said = slices.Delete(m.said, 0, 1)
	}
	m.said = append(m.said, s.ID)
	l := &protocol.ChatLine{ID: s.ID, Member: m.id, Name: m.name, At: now.UnixMilli(), Text: s.Text, Clock: s.Clock}
	r.record(l)
	for _, to := range r.order {
		switch {
		case to == m:
		case to.capable:
			r.send(now, to, l)
		default:
			r.plane.Say(to.id, l)
		}
	}
	return nil
}

// mayReachAll counts a line of so many bytes against what its member, and all
// members together, may send to everybody.
func (r *Room) mayReachAll(now time.Time, m *member, size int) bool {
	all := float64(roomByteBurst)
	if size >= largeLine {
		all /= 2
	}
	n := float64(size)
	fits := m.lineBytes.left(now, lineByteRate, lineByteBurst) >= n &&
		(m.role == protocol.RoleHost || r.lineBytes.left(now, roomByteRate, all) >= n)
	if fits {
		m.lineBytes.used += n
		r.lineBytes.used += n
	}
	return fits
}

// record keeps a line for newcomers. One that would leave no place for others
// is not kept.
func (r *Room) record(l *protocol.ChatLine) {
	if len(l.Text) > maxHistoryBytes/4 {
		return
	}
	r.history = append(r.history, l)
	r.historyBytes += len(l.Text)
	for len(r.history) > protocol.MaxHistory || r.historyBytes > maxHistoryBytes {
		r.historyBytes -= len(r.history[0].Text)
		r.history = slices.Delete(r.history, 0, 1)
	}
}

func (r *Room) newcomersHistory() *protocol.History {
	h := &protocol.History{Messages: make([]protocol.ChatLine, 0, len(r.history))}
	for _, l := range r.history {
		h.Messages = append(h.Messages, *l)
	}
	return h
}
