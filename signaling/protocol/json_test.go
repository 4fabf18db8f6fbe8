package protocol

import (
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// What a message keeps must not be the frame it came in: the transport may use
// that again, and a small candidate would hold a large frame.
func TestMessagesKeepNothingOfTheFrame(t *testing.T) {
	for event, data := range map[string]string{
		EventICECandidate:  `{"remoteConnectorId":"c","memberId":"m","candidate":{"candidate":"","sdpMid":"0"}}`,
		EventReconnectWork: `{"type":"getOffer","connectorId":"c","memberId":"m","data":{"kind":"audio","type":"add"}}`,
		EventOffer:         `{"connectorId":"c","memberId":"m","streamType":"user","offer":{"type":"offer","sdp":"v=0\r\n"}}`,
	} {
		frame := []byte(data)
		m, err := Decode(event, checked(t, frame))
		if err != nil {
			t.Fatal(event, err)
		}
		want, err := Decode(event, checked(t, []byte(data)))
		if err != nil {
			t.Fatal(event, err)
		}
		clear(frame)
		if !reflect.DeepEqual(m, want) {
			t.Errorf("%s: %+v, want %+v", event, m, want)
		}
	}
}

func checked(t *testing.T, data []byte) Value {
	t.Helper()
	v, ok := Check(data)
	if !ok {
		t.Fatalf("%q is no JSON", data)
	}
	return v
}

// Values are what encoding/json takes, and give what it gives. Only text that is
// no UTF-8 is refused here and mended there.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `{"a":1,"a":[2]} `, ` [1,"x",{"y":null}]`, `"\ud83d\ude00\n"`, `"\ud800"`, `{"a":1}{`, `[1`, `null`,
		`{"a" : "\u0000" }`, "\"\x7f\"", "[\"\xff\"]", `[1e999,-0]`, `{"":{}}`, `[] []`, `[1,]`, `{"a":1,}`,
		`"\\"`, `["\\\"",{"\"":"}]"} ,[ [ ] , { } ] , true]`, `"\ud800\ud83d\ude00\uD800x\/\b\f\r\t"`, `12 `,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, ok := Check(data)
		if want := utf8.Valid(data) && json.Valid(data); ok != want {
			t.Fatalf("Check(%q) = %v, want %v", data, ok, want)
		}
		same(t, v)
	})
}

// same compares a value and those in it with what encoding/json says of it.
func same(t *testing.T, v Value) {
	t.Helper()
	object := map[string]json.RawMessage{}
	if v.Object(func(name string, value Value) { object[name] = value.Bytes() }) != (v.first() == '{') {
		t.Errorf("%q is an object, or not", v.raw)
	}
	list, isList := v.List(len(v.raw))
	text, isText := v.Text()
	if isList != (v.first() == '[') || isText != (v.first() == '"') {
		t.Errorf("%q is a list: %v, a text: %v", v.raw, isList, isText)
	}
	var want any
	var got any
	switch v.first() {
	case '{':
		want, got = &map[string]json.RawMessage{}, &object
	case '[':
		raw := make([]json.RawMessage, len(list))
		for i, x := range list {
			raw[i] = x.Bytes()
			same(t, x)
		}
		want, got = &[]json.RawMessage{}, &raw
	case '"':
		want, got = new(string), &text
	default:
		return
	}
	if err := json.Unmarshal(v.raw, want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q: got %q, want %q, %v", v.raw, got, want, err)
	}
}

// FuzzEncode holds that the messages which make their JSON themselves make what
// encoding/json makes of their fields.
func FuzzEncode(f *testing.F) {
	f.Add("c-1", "m", "v=0\r\na=\"\\\x00\x1f\t\u2028\xff<>")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, connector, member, sdp string) {
		c, m, d := ConnectorID(connector), MemberID(member), Description{"offer", sdp}
		init, _ := json.Marshal(map[string]string{"candidate": sdp})
		for _, msg := range []Outgoing{
			&GetOffer{m}, &RelayedAnswer{c, "x", d, m}, &RelayedCandidate{c, init}, &RelayedCandidate{c, nil},
			&RelayedOffer{c, d, m, StreamUser, nil}, &RelayedOffer{c, d, m, StreamDownlink, []Stream{{Member: m, Stream: StreamUser}}},
		} {
			data, err := Encode(msg)
			if err != nil {
				t.Fatal(err)
			}
			want, err := json.Marshal(msg)
			if err != nil {
				t.Fatal(err)
			}
			var x, y any
			if err := json.Unmarshal(data, &x); err != nil {
				t.Fatalf("%T %q: %v", msg, data, err)
			}
			_ = json.Unmarshal(want, &y)
			if !reflect.DeepEqual(x, y) {
				t.Errorf("%T: %s, want %s", msg, data, want)
			}
		}
	})
}
