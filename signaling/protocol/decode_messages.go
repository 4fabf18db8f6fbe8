package protocol

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

func decodeIdentity(f *fields) Identity {
	i := Identity{User: UserID(f.id("id"))}
	i.Name, i.Renamed = f.name("username", Name)
	i.Room, _ = f.name("roomname", RoomName)
	if f.has("capabilities") {
		i.Capabilities = f.capabilities()
	}
	if f.has("role") {
		i.Role = f.role("role")
	}
	i.Token = f.token("token")
	return i
}

func (f *fields) capabilities() []string {
	var list []string
	bad := json.Unmarshal(f.get("capabilities").raw, &list) != nil || len(list) > MaxCapabilities
	for _, c := range list {
		bad = bad || len(c) > MaxID
	}
	if bad {
		f.fail(Invalid("capabilities", "must be a list of at most 32 short strings", "须为不超过 32 个短字符串的列表"))
	}
	return list
}

func decodeJoin(data Value) (Message, *Error) {
	f := object("data", data)
	m := &Join{Identity: decodeIdentity(f), ResumeToken: f.token("resumeToken")}
	return m, f.err
}

func decodeReconnect(data Value) (Message, *Error) {
	f := object("data", data)
	m := &Reconnect{Identity: decodeIdentity(f), ResumeToken: f.token("resumeToken"), Seen: f.number("seen")}
	return m, f.err
}

// decodePing takes anything: existing servers ignored what came with it.
func decodePing(data Value) (Message, *Error) {
	if data.first() != '{' {
		return &Ping{}, nil
	}
	f := object("data", data)
	m := &Ping{Seen: f.number("seen")}
	return m, f.err
}

func decodeLeave(data Value) (Message, *Error) {
	items, ok := data.List(MaxLeave + 1)
	if !ok {
		return nil, Invalid("data", "must be a list", "须为列表")
	}
	if len(items) > MaxLeave {
		return nil, Invalid("data", "must have at most 4096 entries", "不得超过 4096 项")
	}
	m := &Leave{Connectors: make([]LeaveItem, 0, len(items))}
	for i, raw := range items {
		f := object("data["+strconv.Itoa(i)+"]", raw)
		item := LeaveItem{Remote: ConnectorID(f.optionalID("remoteConnectorId")), Member: MemberID(f.id("memberId"))}
		if f.err != nil {
			return nil, f.err
		}
		m.Connectors = append(m.Connectors, item)
	}
	return m, nil
}

func decodeOffer(data Value) (Message, *Error) {
	f := object("data", data)
	m := &Offer{
		Connector:  ConnectorID(f.id("connectorId")),
		Member:     MemberID(f.id("memberId")),
		StreamType: f.streamType("streamType", true),
		Offer:      f.description("offer", "offer"),
	}
	return m, f.err
}

func decodeAnswer(data Value) (Message, *Error) {
	f := object("data", data)
	m := &Answer{
		Remote:     ConnectorID(f.id("remoteConnectorId")),
		Connector:  ConnectorID(f.id("connectorId")),
		Member:     MemberID(f.id("memberId")),
		StreamType: f.streamType("streamType", false),
		Answer:     f.description("answer", "answer", "pranswer"),
	}
	return m, f.err
}

func decodeCandidate(data Value) (Message, *Error) {
	f := object("data", data)
	m := &ICECandidate{Remote: ConnectorID(f.id("remoteConnectorId")), Member: MemberID(f.id("memberId"))}
	if f.err == nil {
		m.Line = f.candidate(f.get("candidate"))
	}
	m.Candidate = slices.Clone(f.get("candidate").raw) // data is the caller's
	return m, f.err
}

// candidate checks an RTCIceCandidateInit. Its candidate may be the empty
// string, which ends the candidates of a generation (RFC 8838 section 13).
func (f *fields) candidate(init Value) (line string) {
	if len(init.raw) > MaxCandidate {
		f.fail(Invalid("candidate", "must have at most 2048 bytes", "不得超过 2048 字节"))
		return ""
	}
	o := object("candidate", init)
	if o.err == nil {
		if !o.has("candidate") {
			o.fail(Invalid("candidate", "is missing", "缺失"))
		}
		line, _ = o.str("candidate")
		for _, key := range []string{"sdpMid", "usernameFragment"} {
			if o.has(key) {
				o.str(key)
			}
		}
		o.mLineIndex("sdpMLineIndex")
		if o.err != nil {
			o.err = o.err.within("candidate")
		}
	}
	if o.err != nil {
		f.fail(o.err)
	}
	return line
}

// mLineIndex checks an unsigned short that may be absent.
func (f *fields) mLineIndex(key string) {
	var n uint16
	if f.has(key) && json.Unmarshal(f.get(key).raw, &n) != nil {
		f.fail(Invalid(key, "must be a number from 0 to 65535", "须为 0 到 65535 的整数"))
	}
}

func decodeReconnectWork(data Value) (Message, *Error) {
	f := object("data", data)
	m := &ReconnectWork{
		Connector: ConnectorID(f.id("connectorId")),
		Member:    MemberID(f.optionalID("memberId")),
	}
	m.Type, _ = f.str("type")
	if f.err != nil {
		return nil, f.err
	}
	switch m.Type {
	case EventGetOffer:
		if f.has("data") {
			f.wish("data")
			m.Extra = slices.Clone(f.get("data").raw) // data is the caller's
		}
	case EventOffer, EventAnswer:
		inner := object("data", f.get("data"))
		d := inner.description(m.Type, m.Type)
		f.err = inner.err
		if m.Type == EventOffer {
			m.Offer = &d
		} else {
			m.Answer = &d
		}
	default:
		f.fail(Invalid("type", `must be "offer", "answer" or "getOffer"`, `须为 "offer"、"answer" 或 "getOffer"`))
	}
	return m, f.err
}

// wish checks the data of a getOffer: what the answerer wants changed.
func (f *fields) wish(key string) {
	if len(f.get(key).raw) > maxReconnectExtra {
		f.fail(Invalid(key, "must have at most 2048 bytes", "不得超过 2048 字节"))
		return
	}
	o := object(key, f.get(key))
	for k, words := range map[string][]string{"kind": {"audio", "video"}, "type": {"add", "remove"}} {
		if o.err != nil || !o.has(k) {
			continue
		}
		if s, ok := o.str(k); !ok || !slices.Contains(words, s) {
			o.err = Invalid(key+"."+k, "must be "+strings.Join(words, " or "), "须为 "+strings.Join(words, " 或 "))
		}
	}
	if o.err != nil {
		f.fail(o.err)
	}
}

func decodeState(data Value) (Message, *Error) {
	f := object("data", data)
	m := &State{
		Audio:  f.boolean("audio"),
		Video:  f.boolean("video"),
		Screen: f.boolean("screen"),
		Hand:   f.boolean("hand"),

		Speaking: f.boolean("speaking"),
	}
	return m, f.err
}
