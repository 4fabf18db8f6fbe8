package protocol_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"lectern/signaling/protocol"
)

func TestDecodeAccepts(t *testing.T) {
	for name, c := range map[string]struct{ event, data string }{
		"join":                        {"join", `{"id":"6048337f-0000","username":"user1","roomname":"r5"}`},
		"join with extras":            {"join", `{"id":"i","username":"u","roomname":"r","capabilities":["roster"],"role":"audience","token":"t","more":1}`},
		"a name of 64 characters":     {"join", `{"id":"i","username":"` + strings.Repeat("名", 64) + `","roomname":"r"}`},
		"a leave without connectors":  {"leave", `[]`},
		"a leave before the answer":   {"leave", `[{"memberId":"S"},{"remoteConnectorId":null,"memberId":"S"}]`},
		"an offer":                    {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer","sdp":"v=0"},"streamType":"user"}`},
		"an answer without its type":  {"answer", `{"remoteConnectorId":"c","connectorId":"d","memberId":"S","answer":{"type":"answer","sdp":"v=0"}}`},
		"a candidate":                 {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"candidate:1 1 udp 2 192.0.2.2 4 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"8MBv"}}`},
		"the end of candidates":       {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"","sdpMid":"0"}}`},
		"reconnectWork of old":        {"reconnectWork", `{"type":"offer","data":{"offer":{"type":"offer","sdp":""}},"connectorId":"c"}`},
		"reconnectWork getOffer":      {"reconnectWork", `{"type":"getOffer","data":{"kind":"video","type":"add"},"connectorId":"c","memberId":"S"}`},
		"a state with a null":         {"state", `{"audio":true,"video":null}`},
		"a ping with and without":     {"ping", ``},
		"an SDP as large as allowed":  {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer","sdp":"` + strings.Repeat("x", protocol.MaxSDP) + `"},"streamType":"display"}`},
		"a name trimmed and composed": {"join", `{"id":"i","username":"  Zoe\u0308 ","roomname":"\u3000r"}`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := protocol.Decode(c.event, value([]byte(c.data)))
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if m.Event() != c.event {
				t.Errorf("decoded as %s", m.Event())
			}
			if j, ok := m.(*protocol.Join); ok && name == "a name trimmed and composed" && (j.Name != "Zoë" || j.Room != "r") {
				t.Errorf("names are %q and %q, want them normal", j.Name, j.Room)
			}
		})
	}
}

func TestDecodeRefusesNamingTheField(t *testing.T) {
	long := strings.Repeat("x", 129)
	for name, c := range map[string]struct{ event, data, field string }{
		"unknown event":         {"text", `"hi"`, "event"},
		"no data":               {"join", ``, "data"},
		"null":                  {"join", `null`, "data"},
		"a list":                {"join", `[]`, "data"},
		"no id":                 {"join", `{"username":"u","roomname":"r"}`, "id"},
		"a number for an id":    {"join", `{"id":1,"username":"u","roomname":"r"}`, "id"},
		"an id too long":        {"join", `{"id":"` + long + `","username":"u","roomname":"r"}`, "id"},
		"no name":               {"join", `{"id":"i","roomname":"r"}`, "username"},
		"a blank name":          {"join", `{"id":"i","username":" \t ","roomname":"r"}`, "username"},
		"a name too long":       {"join", `{"id":"i","username":"` + strings.Repeat("n", 65) + `","roomname":"r"}`, "username"},
		"a huge name":           {"join", `{"id":"i","username":"` + strings.Repeat("n", 1<<20) + `","roomname":"r"}`, "username"},
		"a control character":   {"join", `{"id":"i","username":"a\u0000b","roomname":"r"}`, "username"},
		"a room that is null":   {"join", `{"id":"i","username":"u","roomname":null}`, "roomname"},
		"capabilities no list":  {"join", `{"id":"i","username":"u","roomname":"r","capabilities":"roster"}`, "capabilities"},
		"an unknown role":       {"join", `{"id":"i","username":"u","roomname":"r","role":"king"}`, "role"},
		"a token too long":      {"join", `{"id":"i","username":"u","roomname":"r","token":"` + strings.Repeat("t", 5000) + `"}`, "token"},
		"leave without a list":  {"leave", ``, "data"},
		"leave with an object":  {"leave", `{}`, "data"},
		"leave of nobody":       {"leave", `[{"memberId":"S"},{"remoteConnectorId":"c"}]`, "memberId"},
		"leave of a number":     {"leave", `[7]`, "data[0]"},
		"leave too long":        {"leave", `[` + strings.Repeat(`{"memberId":"S"},`, 5000) + `{"memberId":"S"}]`, "data"},
		"offer of a string":     {"offer", `{"connectorId":"c","memberId":"S","offer":"v=0","streamType":"user"}`, "offer"},
		"offer without sdp":     {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer"},"streamType":"user"}`, "offer.sdp"},
		"offer of an answer":    {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"answer","sdp":""},"streamType":"user"}`, "offer.type"},
		"offer of a wrong type": {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer","sdp":""},"streamType":"username"}`, "streamType"},
		"offer of no type":      {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer","sdp":""}}`, "streamType"},
		"offer to nobody":       {"offer", `{"connectorId":"c","offer":{"type":"offer","sdp":""},"streamType":"user"}`, "memberId"},
		"an SDP too large":      {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer","sdp":"` + strings.Repeat("x", protocol.MaxSDP+1) + `"},"streamType":"user"}`, "offer.sdp"},
		"an SDP of many lines":  {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer","sdp":"` + strings.Repeat(`a\r\n`, 2001) + `"},"streamType":"user"}`, "offer.sdp"},
		"a line not terminated": {"offer", `{"connectorId":"c","memberId":"S","offer":{"type":"offer","sdp":"` + strings.Repeat(`a\r\n`, 2000) + `a"},"streamType":"user"}`, "offer.sdp"},
		"answer without own id": {"answer", `{"remoteConnectorId":"c","memberId":"S","answer":{"type":"answer","sdp":""}}`, "connectorId"},
		"a candidate missing":   {"icecandidate", `{"remoteConnectorId":"c","memberId":"S"}`, "candidate"},
		"a candidate string":    {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":"x"}`, "candidate"},
		"a candidate number":    {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":1}}`, "candidate.candidate"},
		"an empty candidate":    {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{}}`, "candidate.candidate"},
		"a candidate's mid":     {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"x","sdpMid":0}}`, "candidate.sdpMid"},
		"a candidate's line":    {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"x","sdpMLineIndex":"0"}}`, "candidate.sdpMLineIndex"},
		"a line out of range":   {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"x","sdpMLineIndex":65536}}`, "candidate.sdpMLineIndex"},
		"half a line":           {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"x","sdpMLineIndex":0.5}}`, "candidate.sdpMLineIndex"},
		"a candidate's ufrag":   {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"x","usernameFragment":[]}}`, "candidate.usernameFragment"},
		"a candidate too large": {"icecandidate", `{"remoteConnectorId":"c","memberId":"S","candidate":{"candidate":"` + strings.Repeat("x", 2048) + `"}}`, "candidate"},
		"reconnectWork leave":   {"reconnectWork", `{"type":"leave","connectorId":"c"}`, "type"},
		"reconnectWork no data": {"reconnectWork", `{"type":"offer","connectorId":"c"}`, "data"},
		"reconnectWork no sdp":  {"reconnectWork", `{"type":"answer","data":{"answer":{"type":"answer"}},"connectorId":"c"}`, "answer.sdp"},
		"getOffer of a word":    {"reconnectWork", `{"type":"getOffer","connectorId":"c","data":"video"}`, "data"},
		"getOffer of smell":     {"reconnectWork", `{"type":"getOffer","connectorId":"c","data":{"kind":"smell"}}`, "data.kind"},
		"getOffer to paint":     {"reconnectWork", `{"type":"getOffer","connectorId":"c","data":{"kind":"video","type":1}}`, "data.type"},
		"a state of strings":    {"state", `{"audio":"yes"}`, "audio"},
		"not UTF-8":             {"join", "{\"id\":\"\xff\"}", "data"},
		"half a message":        {"join", `{"id":"i"`, "data"},
		"nested without end":    {"join", strings.Repeat(`{"id":`, 20_000), "data"},
	} {
		t.Run(name, func(t *testing.T) { wantRefusal(t, c.event, c.data, c.field) })
	}
}

// wantRefusal decodes a message that has a fault in one field.
func wantRefusal(t *testing.T, event, data, field string) {
	t.Helper()
	m, err := protocol.Decode(event, value([]byte(data)))
	var e *protocol.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, %v, want an *Error", m, err)
	}
	if m != nil {
		t.Errorf("a message came with the error")
	}
	if e.Type != protocol.ErrInvalid || e.Field != field || e.On != event {
		t.Errorf("got %s about %q in %q, want invalid about %q in %q", e.Type, e.Field, e.On, field, event)
	}
	for _, lang := range []string{"en", "zh-CN"} {
		if m := e.Message(lang); !strings.Contains(m.Message, field) {
			t.Errorf("the sentence in %s does not name %s: %s", lang, field, m.Message)
		}
	}
}

func TestErrorLanguage(t *testing.T) {
	repeat, full := protocol.NewError(protocol.ErrRepeat), protocol.NewError(protocol.ErrRoomFull)
	const zhRepeat, enFull, zhFull = "此房间该用户名已存在", "The room is full", "房间已满"
	for accept, want := range map[string][2]string{
		"":                           {zhRepeat, enFull},
		"fr-FR,fr;q=0.9":             {zhRepeat, enFull},
		"zh-CN,zh;q=0.9,en;q=0.8":    {zhRepeat, zhFull},
		"fr, ZH-tw;q=0.8, en;q=0.7":  {zhRepeat, zhFull},
		"en-US,en;q=0.9":             {"This user name is already taken in this room", enFull},
		"zh;q=0, en":                 {"This user name is already taken in this room", enFull},
		"en;q=0.4, zh;q=0.9":         {zhRepeat, zhFull},
		"en;q=0.000,zh-TW":           {zhRepeat, zhFull},
		"en;q=NaN, zh; q=0.1":        {zhRepeat, zhFull},
		"*":                          {zhRepeat, enFull},
		strings.Repeat(",;=q", 5000): {zhRepeat, enFull},
	} {
		if got := repeat.Message(accept).Message; got != want[0] {
			t.Errorf("repeat for %.40q is %q, want %q", accept, got, want[0])
		}
		if got := full.Message(accept).Message; got != want[1] {
			t.Errorf("room-full for %.40q is %q, want %q", accept, got, want[1])
		}
	}
}

// TestErrorTable holds the table of PROTOCOL.md against the one in the code.
func TestErrorTable(t *testing.T) {
	doc, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[protocol.ErrorType]bool{}
	for _, k := range protocol.ErrorTypes() {
		row := "| `" + string(k.Type) + "` | " + k.Meaning + " |"
		if !strings.Contains(string(doc), row) {
			t.Errorf("PROTOCOL.md lacks the row\n%s", row)
		}
		if seen[k.Type] || k.Text.En == "" || k.Text.Zh == "" {
			t.Errorf("%s stands twice or lacks a text", k.Type)
		}
		seen[k.Type] = true
	}
}

// TestDocumentedExamples decodes every client's example of PROTOCOL.md.
func TestDocumentedExamples(t *testing.T) {
	doc, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]int{}
	for line := range strings.Lines(string(doc)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "→ ")
		if !ok {
			continue
		}
		event, data, _ := strings.Cut(rest, " ")
		if _, err := protocol.Decode(event, value([]byte(data))); err != nil {
			t.Errorf("the example %q is refused: %v", rest, err)
		}
		events[event]++
	}
	for _, e := range []string{"join", "reconnect", "reconnectWork", "leave", "offer", "answer", "icecandidate", "state",
		"role", "remove", "mute", "lock", "mode", "chat", "view", "report", "audience", "ping"} {
		if events[e] == 0 {
			t.Errorf("PROTOCOL.md has no example of %s", e)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range []string{"join", "reconnect", "reconnectWork", "leave", "offer", "answer", "icecandidate", "state", "ping",
		"role", "remove", "mute", "lock", "mode", "chat", "view", "report", "audience", "?"} {
		f.Add(e, []byte(`{"id":"i","username":"u","roomname":"r","connectorId":"c","memberId":"m","remoteConnectorId":"d","streamType":"user","type":"offer","data":{"offer":{"type":"offer","sdp":"v"}},"offer":{"type":"offer","sdp":"v"},"answer":{"type":"answer","sdp":"v"},"candidate":{"candidate":""},"audio":true}`))
		f.Add(e, []byte(`{"memberId":"m","role":"host","kind":"audio","locked":true,"seen":7,"mode":"sfu","id":"i","text":"t","hidden":[{"memberId":"m","streamType":"user"}],"connectorId":"c","state":"failed","busy":true}`))
		f.Add(e, []byte(`[{"memberId":"m","remoteConnectorId":"c"}]`))
		f.Add(e, []byte(`null`))
	}
	f.Fuzz(func(t *testing.T, event string, data []byte) {
		m, err := protocol.Decode(event, value(data))
		if err != nil {
			var e *protocol.Error
			if !errors.As(err, &e) || m != nil {
				t.Fatalf("got %v with %v", m, err)
			}
			if out, err := protocol.Encode(e.Message("zh")); err != nil || !json.Valid(out) {
				t.Fatalf("the error does not encode: %s, %v", out, err)
			}
			return
		}
		if m.Event() != event {
			t.Fatalf("%q became %q", event, m.Event())
		}
		if j, ok := m.(*protocol.Join); ok {
			if n := utf8.RuneCountInString(j.Name); n < 1 || n > protocol.MaxName {
				t.Fatalf("a name of %d characters passed", n)
			}
			if again, err := protocol.Name(j.Name); err != nil || again != j.Name {
				t.Fatalf("the name %q is not normal: %q, %v", j.Name, again, err)
			}
		}
	})
}

// value is JSON as a transport hands it on.
func value(data []byte) protocol.Value {
	v, _ := protocol.Check(data)
	return v
}
