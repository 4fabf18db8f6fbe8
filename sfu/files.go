package sfu

import (
	"encoding/json"
	"errors"
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

// hearer is one who is sent files.
type hearer struct {
	box  *box
	from protocol.MemberID // said with each message; empty: the connector tells
}

func (o *outlet) open(to []hearer) { o.hearers.Store(&to) }
func (o *outlet) close()           { o.hearers.Store(nil) }

// hears is where a member gets what another one sends.
func (m *member) hears(from *member) hearer {
	if m.downlink {
		return hearer{m.inbox, from.id}
	}
	return hearer{box: m.boxFrom(from.id)}
}

// deliver gives a message to all who hear, and waits for the slowest. lost are
// those who did not take it in time.
// Existing clients do not know what a fileCancel is.
func (o *outlet) deliver(kind string, data []byte, done <-chan struct{}) (lost uint64) {
	to := o.hearers.Load()
	if to == nil {
		return 0
	}
	for _, h := range *to {
		text := data
		if h.from != "" {
			text = signed(data, h.from)
		} else if kind == typeFileCancel {
			continue
		}
		if err := h.box.push(text, done); errors.Is(err, errBoxSlow) {
			h.box.clear()
			lost++
		}
	}
	return lost
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

// files are those that a client is sending on a connector, with the pieces
// still to come.
type files map[string]int64

// errNotTaken says that a message of a file goes nowhere, and that its client
// was told or knows.
var errNotTaken = errors.New("sfu: no file of that name is on its way")

// header begins a file, or refuses it.
func (f files) header(data json.RawMessage, limit int64) (protocol.ErrorType, error) {
	var h struct {
		ID   string `json:"id"`
		Info struct {
			Pieces int64 `json:"FQ"`
		} `json:"fileInfo"`
	}
	if json.Unmarshal(data, &h) != nil || h.ID == "" || len(h.ID) > protocol.MaxID || h.Info.Pieces < 0 {
		return "", errNotTaken
	}
	switch {
	case limit > 0 && (h.Info.Pieces-1)*maxPiece >= limit:
		return protocol.ErrTooLarge, errNotTaken
	case len(f) >= maxFiles:
		return protocol.ErrRate, errNotTaken
	}
	if h.Info.Pieces > 0 {
		f[h.ID] = h.Info.Pieces
	}
	return "", nil
}

// piece counts a piece; one of a file that was not begun goes nowhere.
func (f files) piece(data json.RawMessage) error {
	var p struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(data, &p) != nil || f[p.ID] == 0 {
		return errNotTaken
	}
	if f[p.ID]--; f[p.ID] == 0 {
		delete(f, p.ID)
	}
	return nil
}

// cancel ends a file.
func (f files) cancel(data json.RawMessage) error {
	var p struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(data, &p) != nil {
		return errNotTaken
	}
	if _, is := f[p.ID]; !is {
		return errNotTaken
	}
	delete(f, p.ID)
	return nil
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
	var err error
	switch m.Type {
	case typeChat:
		var why protocol.ErrorType
		if why, err = s.sending.header(m.Data, s.server.maxFile); why != "" {
			s.events.refused(why)
		}
	case typeFile:
		err = s.sending.piece(m.Data)
	default:
		err = s.sending.cancel(m.Data)
	}
	if err == nil {
		s.server.counters.lostMessages.Add(s.in.deliver(m.Type, data, s.done))
	}
}
