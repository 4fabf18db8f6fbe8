package description

import (
	"os"
	"reflect"
	"testing"
)

// announced sets what String always says of an application section.
func announced(d *Description) *Description {
	for i := range d.Sections {
		if s := &d.Sections[i]; s.Kind == Application && !s.Rejected {
			s.SCTPPort, s.MaxMessageSize = SCTPPort, MaxMessageSize
		}
	}
	return d
}

// checkRoundTrip wants what was read, written, to read the same.
func checkRoundTrip(t *testing.T, d *Description) {
	t.Helper()
	text := d.String()
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("what String wrote does not parse: %v\n%s", err, text)
	}
	if !reflect.DeepEqual(again, announced(d)) {
		t.Fatalf("read, written and read:\n%+v\nread:\n%+v\n%s", again, d, text)
	}
	if text != again.String() {
		t.Fatalf("String is not the same for the same description:\n%s\n%s", text, again)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range samples(f) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(old)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		checkRoundTrip(t, d)
		for i := range d.Sections {
			s := &d.Sections[i]
			if len(s.Formats) > maxFormats || len(s.Extensions) > maxExtensions || len(s.Sources) > maxSources || len(s.RIDs) > maxRIDs {
				t.Fatalf("over the bounds: %+v", s)
			}
		}
	})
}
