package conn_test

import (
	"strings"
	"testing"
	"time"

	"lectern/signaling/conn"
	"lectern/signaling/protocol"
)

func TestRoomTellsErrorsInTheClientsLanguage(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		b, fb := w.open("B")
		fb.lang = "zh-CN,en;q=0.5"
		both := protocol.Refuse(protocol.ErrMode, "it stays as it is", "保持不变")
		a.Tell(both, 0)
		b.Tell(both, 0)
		same(t, "in English", fa.take(), `error {"type":"mode","message":"it stays as it is"}`)
		same(t, "in Chinese", fb.take(), `error {"type":"mode","message":"保持不变"}`)
		fb.mu.Lock()
		fb.room = 0
		fb.mu.Unlock()
		b.Tell(both, 0)
		if closed, _ := fb.ended(); closed != "too slow" {
			t.Errorf("a client that reads nothing was closed because %q, want too slow", closed)
		}
		a.Closed()
		b.Closed()
	})
}

// TestRoomsRateIsToldOnceASecond holds that a flood which the room refuses is
// refused in every ack, and as an event once a second.
func TestRoomsRateIsToldOnceASecond(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		a.Event("join", value([]byte(`{"id":"ann-0123456789abcdef","username":"ann","roomname":"r","capabilities":["roster"]}`)), 0, nil)
		refused := 0
		flood := func() (events int) {
			fa.take()
			for range 80 {
				a.Event("mute", value([]byte(`{"memberId":"A","kind":"audio"}`)), 0, func(ack []byte) {
					if strings.Contains(string(ack), `"error":{"type":"rate"`) {
						refused++
					}
				})
			}
			for _, event := range fa.take() {
				if strings.HasPrefix(event, "error ") {
					events++
				}
			}
			return events
		}
		if n := flood(); n != 1 || refused != 30 {
			t.Errorf("a flood of 80 is refused %d times in acks and %d times by event, want 30 and 1", refused, n)
		}
		if n := flood(); n != 0 {
			t.Errorf("in the same second it is told %d times more", n)
		}
		time.Sleep(time.Second)
		if n := flood(); n != 1 {
			t.Errorf("a second later it is told %d times, want once", n)
		}
		a.Closed()
	})
}
