package fault_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"lectern/signaling/fault"
)

func boom() { panic("boom") }

func TestContainLogsCountsAndEnds(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	before, ended := fault.Count(), false
	func() {
		defer fault.Contain(log, "reading a socket", func() { ended = true })
		boom()
	}()
	if !ended || fault.Count() != before+1 {
		t.Errorf("ended: %v, counted: %d, want true and 1", ended, fault.Count()-before)
	}
	for _, part := range []string{"reading a socket", "boom", "fault_test.boom"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the log does not say %q: %s", part, text.String())
		}
	}
}

func TestContainSurvivesItsOwnEnd(t *testing.T) {
	before := fault.Count()
	func() {
		defer fault.Contain(nil, "reading a socket", boom)
		boom()
	}()
	if n := fault.Count() - before; n != 2 {
		t.Errorf("%d faults were counted, want 2", n)
	}
}

func TestContainDoesNothingWithoutAPanic(t *testing.T) {
	before := fault.Count()
	func() {
		defer fault.Contain(nil, "reading a socket", func() { t.Error("it ended something") })
	}()
	if fault.Count() != before {
		t.Error("a fault was counted")
	}
}
