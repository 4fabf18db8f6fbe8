package protocol

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// decodeCapable reads the events of capable clients.
func decodeCapable(event string, data Value) (Message, *Error) {
	switch event {
	case EventAudience:
		return &AskAudience{}, nil
	case EventAway:
		return &Away{}, nil
	}
	f := object("data", data)
	var m Message
	switch event {
	case EventRole:
		m = &SetRole{Member: MemberID(f.optionalID("memberId")), Role: f.role("role")}
	case EventRemove:
		m = &Remove{Member: MemberID(f.id("memberId"))}
	case EventAdmit:
		m = &Admit{Member: MemberID(f.id("memberId"))}
	case EventMute:
		m = &Mute{Member: MemberID(f.id("memberId")), Kind: f.word("kind", "audio", "video")}
	case EventLock:
		m = &Lock{Locked: f.required("locked")}
	case EventMode:
		m = &SetMode{Mode: Mode(f.word("mode", string(ModeP2P), string(ModeSFU)))}
	case EventChat:
		m = &Say{ID: f.id("id"), Text: f.text("text"), Clock: f.clock("HHmmss")}
	case EventView:
		m = &View{Hidden: f.hidden("hidden")}
	case EventReport:
		m = f.report()
	default:
		return nil, Invalid("event", "is not known", "未知")
	}
	return m, f.err
}

func (f *fields) role(key string) Role {
	return Role(f.word(key, string(RoleHost), string(RolePresenter), string(RoleAudience)))
}

// word reads one of a few words.
func (f *fields) word(key string, words ...string) string {
	s, ok := f.str(key)
	if ok && !slices.Contains(words, s) {
		en, zh := "must be ", "须为 "
		for i, w := range words {
			if i > 0 {
				en, zh = en+" or ", zh+" 或 "
			}
			en, zh = en+strconv.Quote(w), zh+strconv.Quote(w)
		}
		f.fail(Invalid(key, en, zh))
	}
	return s
}

// required reads a boolean that must be there.
func (f *fields) required(key string) bool {
	b := f.boolean(key)
	if b == nil {
		f.fail(Invalid(key, "must be true or false", "须为 true 或 false"))
		return false
	}
	return *b
}

func (f *fields) text(key string) string {
	s, ok := f.str(key)
	if ok && (s == "" || utf8.RuneCountInString(s) > MaxText) {
		f.fail(Invalid(key, "must have 1 to 20000 characters", "须为 1 到 20000 个字符"))
	}
	return s
}

// clock reads a time of day that may be absent.
func (f *fields) clock(key string) string {
	if !f.has(key) {
		return ""
	}
	s, ok := f.str(key)
	if ok && !IsClock(s) {
		f.fail(Invalid(key, `must be a time of day such as "15:04:05"`, `须为形如 "15:04:05" 的时刻`))
	}
	return s
}

// IsClock reports whether a text is a time of day as existing clients say it.
func IsClock(s string) bool {
	_, err := time.Parse(time.TimeOnly, s)
	return err == nil && len(s) == len(time.TimeOnly)
}

// hidden reads a list of streams.
func (f *fields) hidden(key string) []StreamRef {
	items, ok := f.get(key).List(MaxHidden + 1)
	if !ok || len(items) > MaxHidden {
		f.fail(Invalid(key, "must be a list of at most 1024 streams", "须为不超过 1024 个流的列表"))
		return nil
	}
	list := make([]StreamRef, 0, len(items))
	for i, raw := range items {
		at := key + "[" + strconv.Itoa(i) + "]"
		o := object(at, raw)
		ok := o.err == nil
		ref := StreamRef{
			Member: MemberID(o.id("memberId")),
			Stream: StreamType(o.word("streamType", string(StreamUser), string(StreamDisplay))),
		}
		if o.err != nil {
			if ok {
				o.err = o.err.within(at)
			}
			f.fail(o.err)
			return nil
		}
		list = append(list, ref)
	}
	return list
}

func (f *fields) report() *Report {
	m := &Report{
		Saturated: f.boolean("saturated"), Busy: f.boolean("busy"),
		Connector: ConnectorID(f.optionalID("connectorId")),
	}
	if m.Connector != "" || f.has("state") {
		m.Connector = ConnectorID(f.id("connectorId"))
		m.State = f.word("state", ReportConnected, ReportFailed)
	}
	return m
}
