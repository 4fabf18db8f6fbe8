package sfu

import (
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"

	"lectern/signaling/protocol"
)

// maxPiece is what a piece of a file holds, in bytes: existing clients cut files
// into pieces of this size (signaling/PROTOCOL.md section 7).
const maxPiece = 180 << 10

// maxFiles is how many files one client may be sending at once on a connector.
const maxFiles = 64

// outlet says to whom the files go that come over one connector. The room's
// goroutine opens and closes it, the link's reads it.
type outlet struct {
	hearers atomic.Pointer[[]hearer] // nil: its member may send none
}

// hearer is one that is sent files.
type hearer struct {
	box  *box
	id   protocol.MemberID // whose box it is
	from protocol.MemberID // said with each message; empty: the connector tells
}

func (o *outlet) open(to []hearer) { o.hearers.Store(&to) }
func (o *outlet) close()           { o.hearers.Store(nil) }

// hears is where a member gets what another one sends.
func (m *member) hears(from *member) hearer {
	if m.downlink {
		return hearer{m.inbox, m.id, from.id}
	}
	return hearer{box: m.boxFrom(from.id), id: m.id}
}

// deliver gives a message of a file to all who are to have it, and waits for
// the slowest, but waits for none that takes nothing: such a receiver is dropped from
// the file and goes on with the next one when it takes again. dropped are those
// whom that befell now. Existing clients do not know what a fileCancel is.
func (o *outlet) deliver(kind string, data []byte, file *sending, done <-chan struct{}) (dropped []hearer) {
	to := o.hearers.Load()
	if to == nil {
		return nil
	}
	patience := boxPatience
	if len(*to)-len(file.without) > 1 {
		patience = sharedPatience
	}
	var full []hearer
	give := func(h hearer, put func(b *box, text []byte) error) {
		text := data
		if h.from != "" {
			text = signed(data, h.from)
		}
		switch err := put(h.box, text); {
		case errors.Is(err, errBoxFull):
			full = append(full, h)
		case errors.Is(err, errBoxSlow):
			dropped = append(dropped, h)
		}
	}
	for _, h := range *to {
		if slices.Contains(file.without, h.box) || kind == typeFileCancel && h.from == "" {
			continue
		}
		give(h, func(b *box, text []byte) error { _, err := b.put(text, patience); return err })
	}
	for _, h := range full { // all of them have had the same time when the first one is slow
		give(h, func(b *box, text []byte) error { return b.push(text, patience, done) })
	}
	for _, h := range dropped {
		file.without = append(file.without, h.box)
	}
	return dropped
}

// signed says in a message who sent it. data is a JSON object.
func signed(data []byte, from protocol.MemberID) []byte {
	var m struct {
		Type   string            `json:"type"`
		Data   json.RawMessage   `json:"data,omitempty"`
		Member protocol.MemberID `json:"memberId"`
	}
	if json.Unmarshal(data, &m) != nil {
		return data
	}
	m.Member = from
	text, err := protocol.Encode(m)
	if err != nil {
		return data
	}
	return text
}

// files are those that a client is sending on a connector, by their ids.
type files map[string]*sending

// sending is a file on its way.
type sending struct {
	id      string
	pieces  int64  // still to come
	without []*box // the receivers that were dropped from it
}

// header begins a file, or refuses it.
func (f files) header(data json.RawMessage, limit int64) (*sending, protocol.ErrorType) {
	var h struct {
		ID   string `json:"id"`
		Info struct {
			Pieces int64 `json:"FQ"`
		} `json:"fileInfo"`
	}
	if json.Unmarshal(data, &h) != nil || h.ID == "" || len(h.ID) > protocol.MaxID || h.Info.Pieces < 0 {
		return nil, ""
	}
	switch {
	case limit > 0 && h.Info.Pieces-1 >= (limit+maxPiece-1)/maxPiece: // a product may overflow
		return nil, protocol.ErrTooLarge
	case len(f) >= maxFiles:
		return nil, protocol.ErrRate
	}
	file := &sending{id: h.ID, pieces: h.Info.Pieces}
	if file.pieces > 0 {
		f[h.ID] = file
	}
	return file, ""
}

// piece counts a piece; one of a file that was not begun goes nowhere.
func (f files) piece(data json.RawMessage) *sending {
	file := f.named(data)
	if file == nil {
		return nil
	}
	if file.pieces--; file.pieces == 0 {
		delete(f, file.id)
	}
	return file
}

// cancel ends a file.
func (f files) cancel(data json.RawMessage) *sending {
	file := f.named(data)
	if file != nil {
		delete(f, file.id)
	}
	return file
}

// named is the file that a message is about, nil if it is not on its way.
func (f files) named(data json.RawMessage) *sending {
	var m struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	return f[m.ID]
}

// isFile reports whether the data of a chat message announce a file.
func isFile(data json.RawMessage) bool {
	var d struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(data, &d) == nil && d.Type == "file"
}

// file takes a message of a file and gives it to all who are to have it.
func (s *session) file(m message, data []byte) {
	if s.in == nil {
		return
	}
	if s.in.hearers.Load() == nil {
		if m.Type == typeChat {
			s.events.refused(protocol.ErrForbidden)
		}
		return
	}
	var file *sending // nil: the message goes nowhere, and its client was told or knows
	switch m.Type {
	case typeChat:
		var why protocol.ErrorType
		if file, why = s.sending.header(m.Data, s.server.maxFile); why != "" {
			s.events.refused(why)
		}
	case typeFile:
		file = s.sending.piece(m.Data)
	default:
		file = s.sending.cancel(m.Data)
	}
	if file == nil {
		return
	}
	if dropped := s.in.deliver(m.Type, data, file, s.done); len(dropped) > 0 {
		s.server.counters.lostMessages.Add(uint64(len(dropped)))
		s.events.dropped(file.id, dropped)
	}
}
