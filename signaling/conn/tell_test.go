package conn_test

import (
	"testing"

	"lectern/signaling/conn"
	"lectern/signaling/protocol"
)

func TestRoomTellsErrorsInTheClientsLanguage(t *testing.T) {
	inBubble(t, conn.Options{}, func(t *testing.T, w *world) {
		a, fa := w.open("A")
		b, fb := w.open("B")
		fb.lang = "zh-CN,en;q=0.5"
		both := protocol.Refuse(protocol.ErrMode, "it stays as it is", "保持不变")
		a.Tell(both)
		b.Tell(both)
		same(t, "in English", fa.take(), `error {"type":"mode","message":"it stays as it is"}`)
		same(t, "in Chinese", fb.take(), `error {"type":"mode","message":"保持不变"}`)
		fb.mu.Lock()
		fb.room = 0
		fb.mu.Unlock()
		b.Tell(both)
		if closed, _ := fb.ended(); closed != "too slow" {
			t.Errorf("a client that reads nothing was closed because %q, want too slow", closed)
		}
		a.Closed(true)
		b.Closed(true)
	})
}
