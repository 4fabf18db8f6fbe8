package conn_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lectern/signaling/conn"
	"lectern/signaling/fault"
	"lectern/signaling/protocol"
)

func TestSlowClientIsClosed(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		a.Event("join", value(who("ann", "r")), 0, nil)
		fa.mu.Lock()
		fa.room = 1
		fa.mu.Unlock()
		for i := range 3 {
			b, _ := w.open(fmt.Sprint("B", i))
			b.Event("join", value(who(fmt.Sprint("bob", i), "r")), 0, nil)
			defer b.Closed()
		}
		if closed, _ := fa.ended(); closed != "too slow" {
			t.Errorf("it was closed because %q, want too slow", closed)
		}
		if is, _ := w.hub.HasName(t.Context(), "r", "ann"); !is {
			t.Error("its grace period does not run")
		}
		a.Closed()
	})
}

func TestFloodIsLimitedThenClosed(t *testing.T) {
	inBubble(t, conn.Options{Rate: 10, Burst: 100}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		for range 150 {
			a.Event("ping", protocol.Value{}, 0, nil)
		}
		got := fa.take()
		if len(got) != 1 || !strings.Contains(got[0], `"rate"`) {
			t.Fatalf("50 messages over the limit give %q, want one rate error", got)
		}
		var refused string
		a.Event("ping", protocol.Value{}, 0, func(ack []byte) { refused = string(ack) })
		if !strings.Contains(refused, `"error":{"type":"rate"`) || !strings.Contains(refused, `"event":"ping"`) {
			t.Errorf("a dropped message is acknowledged by %q, want a rate error", refused)
		}
		if closed, _ := fa.ended(); closed != "" {
			t.Fatalf("a short flood closed the connection: %q", closed)
		}
		acked := false
		time.Sleep(10 * time.Second)
		a.Event("ping", protocol.Value{}, 0, func([]byte) { acked = true })
		if !acked {
			t.Error("after a pause messages are still dropped")
		}
		for range 1000 {
			a.Event("ping", protocol.Value{}, 0, nil)
		}
		if closed, _ := fa.ended(); closed == "" {
			t.Error("a flood that goes on does not close the connection")
		}
		a.Closed()
	})
}

func TestViolationIsSaidInTheClientsLanguage(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		fa.lang = "zh-CN"
		a.Violation("too-large", "over 5 bytes")
		same(t, "the offender is told", fa.take(), `error {"type":"too-large","message":"消息过大：over 5 bytes"}`)
		a.Closed()
	})
}

// TestFaultEndsItsConnectionOnly lets a message panic.
func TestFaultEndsItsConnectionOnly(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		b, fb := w.open("B")
		a.Event("join", value(who("ann", "r")), 0, nil)
		b.Event("join", value(who("bob", "r")), 0, func([]byte) { panic("boom") })
		if got := fb.take(); len(got) != 1 || !strings.Contains(got[0], `"internal"`) {
			t.Errorf("the client is told %q, want an internal error", got)
		}
		if closed, _ := fb.ended(); closed == "" {
			t.Error("its connection lives on")
		}
		b.Closed()
		a.Event("leave", value([]byte(`[]`)), 0, nil)
		same(t, "ann is served", fa.take(), `getOffer {"memberId":"B"}`)
		a.Closed()
	})
}

func TestAcks(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		var acks []string
		ack := func(data []byte) { acks = append(acks, string(data)) }
		a.Event("join", value(who("ann", "r")), 0, ack)
		a.Event("join", value([]byte(`{}`)), 0, ack)
		a.Event("ping", protocol.Value{}, 0, ack)
		if len(acks) != 3 || acks[0] != "{}" || acks[2] != "{}" {
			t.Fatalf("got the acks %q", acks)
		}
		var refused struct {
			Error struct{ Type, Field, Event string }
		}
		if err := json.Unmarshal([]byte(acks[1]), &refused); err != nil || refused.Error.Type != "invalid" || refused.Error.Field != "id" || refused.Error.Event != "join" {
			t.Errorf("the refused join is acknowledged by %s (%v)", acks[1], err)
		}
		if got := fa.take(); len(got) != 1 || !strings.HasPrefix(got[0], "error ") {
			t.Errorf("got %q, want the error as an event too", got)
		}
		a.Closed()
	})
}

// TestFaultOfTheTimerEndsItsConnectionOnly lets the answer to what a client said
// before it joined panic.
func TestFaultOfTheTimerEndsItsConnectionOnly(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		fa.faulty = true
		before := fault.Count()
		a.Event("answer", value([]byte(answer)), 0, nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if closed, _ := fa.ended(); closed == "" || fault.Count() == before {
			t.Errorf("the connection was closed because %q, and %d faults were counted", closed, fault.Count()-before)
		}
		a.Closed()
	})
}

// TestFramesWithoutAMessageCount holds that a client cannot flood with pings of
// WebSocket what it cannot flood with messages.
func TestFramesWithoutAMessageCount(t *testing.T) {
	inBubble(t, conn.Options{Rate: 10, Burst: 100}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		for range 1000 {
			a.Beat()
		}
		if closed, _ := fa.ended(); closed == "" {
			t.Error("a flood of pings does not close the connection")
		}
		a.Closed()
	})
}
