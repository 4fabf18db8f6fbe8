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
		m, err := Decode(event, frame)
		if err != nil {
			t.Fatal(event, err)
		}
		want, err := Decode(event, []byte(data))
		if err != nil {
			t.Fatal(event, err)
		}
		clear(frame)
		if !reflect.DeepEqual(m, want) {
			t.Errorf("%s: %+v, want %+v", event, m, want)
		}
	}
}

// ReadObject, ReadList and ReadString take what encoding/json takes, and give
// what it gives. Only text that is no UTF-8 is refused here and mended there.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `{"a":1,"a":[2]} `, ` [1,"x",{"y":null}]`, `"\ud83d\ude00\n"`, `"\ud800"`, `{"a":1}{`, `[1`, `null`,
		`{"a" : "\u0000" }`, "\"\x7f\"", "[\"\xff\"]", `[1e999,-0]`, `{"":{}}`, `[] []`, `[1,]`, `{"a":1,}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object := map[string]json.RawMessage{}
		if ReadObject(data, func(name string, value json.RawMessage) { object[name] = value }) {
			var want map[string]json.RawMessage
			if err := json.Unmarshal(data, &want); err != nil || !reflect.DeepEqual(object, want) {
				t.Errorf("object %q: %q, want %q, %v", data, object, want, err)
			}
		} else if standard(data, '{') {
			t.Errorf("object %q is refused", data)
		}
		if list, ok := ReadList(data, len(data)); ok {
			var want []json.RawMessage
			if err := json.Unmarshal(data, &want); err != nil || len(list) != len(want) || len(list) > 0 && !reflect.DeepEqual(list, want) {
				t.Errorf("list %q: %q, want %q, %v", data, list, want, err)
			}
		} else if standard(data, '[') {
			t.Errorf("list %q is refused", data)
		}
		if text, ok := ReadString(data); ok {
			var want string
			if err := json.Unmarshal(data, &want); err != nil || text != want {
				t.Errorf("string %q: %q, want %q, %v", data, text, want, err)
			}
		} else if standard(data, '"') {
			t.Errorf("string %q is refused", data)
		}
	})
}

// standard reports whether encoding/json takes data, in UTF-8, for a value that
// begins with a certain character.
func standard(data []byte, with byte) bool {
	return first(data) == with && utf8.Valid(data) && json.Valid(data)
}
