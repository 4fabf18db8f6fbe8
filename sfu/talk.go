package sfu

import (
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// said takes a line of chat from a data channel. An existing client says it
// once on each of its connectors; the first to come counts.
func (p *Plane) said(m *member, data json.RawMessage) {
	var line struct {
		ID    string `json:"id"`
		Text  string `json:"text"`
		Clock string `json:"HHmmss"`
	}
	if json.Unmarshal(data, &line) != nil || line.ID == "" || utf8.RuneCountInString(line.ID) > protocol.MaxID ||
		line.Text == "" || utf8.RuneCountInString(line.Text) > protocol.MaxText || !m.said.add(line.ID) {
		return
	}
	if !protocol.IsClock(line.Clock) {
		line.Clock = ""
	}
	p.out = append(p.out, media.Event{Said: &media.Said{From: m.id, ID: line.ID, Text: line.Text, Clock: line.Clock}})
}

// recent remembers the last ids of what a member said.
type recent struct {
	ids  map[string]bool
	list []string // oldest first
}

const maxRecent = 256

// add reports whether the id is new.
func (r *recent) add(id string) bool {
	if r.ids[id] {
		return false
	}
	if r.ids == nil {
		r.ids = map[string]bool{}
	}
	if len(r.list) == maxRecent {
		delete(r.ids, r.list[0])
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.ids[id] = true
	r.list = append(r.list, id)
	return true
}

// chatText is a line as existing clients read it.
type chatText struct {
	Type string   `json:"type"`
	Data chatData `json:"data"`
}

type chatData struct {
	ID       string `json:"id"`
	IsSelf   bool   `json:"isSelf"` // existing clients send true, and show their own differently themselves
	Username string `json:"username"`
	Clock    string `json:"HHmmss"`
	Type     string `json:"type"`
	Text     string `json:"text"`
}

// Say delivers a line to an existing client, on one of its data channels. One
// that takes nothing loses it when its box is full.
func (p *Plane) Say(to protocol.MemberID, line *protocol.ChatLine) {
	m := p.members[to]
	if m == nil || m.lines == nil {
		return
	}
	clock := line.Clock
	if clock == "" {
		clock = time.UnixMilli(line.At).Format(time.TimeOnly)
	}
	text, err := protocol.Encode(chatText{typeChat, chatData{
		ID: line.ID, IsSelf: true, Username: line.Name, Clock: clock, Type: "text", Text: line.Text,
	}})
	if err != nil {
		p.log.Error("encoding a line of chat", "err", err)
		return
	}
	if _, err := m.lines.put(text, 0); err != nil {
		p.log.Info("a line of chat is lost: the client takes none", "member", m.id)
	}
}
