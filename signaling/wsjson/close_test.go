package wsjson_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/room"
	"lectern/signaling/wsjson"
)

// ending reads until the connection ends and returns the events before that.
func (c *client) ending() (events []string, end *websocket.CloseError) {
	c.t.Helper()
	_ = c.ws.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		var f frame
		err := c.ws.ReadJSON(&f)
		if errors.As(err, &end) {
			return events, end
		}
		if err != nil {
			c.t.Fatalf("after %v: %v", events, err)
		}
		events = append(events, f.Event)
	}
}

func TestAbuseCloses(t *testing.T) {
	for name, abuse := range map[string]struct {
		kind   int
		frame  string
		code   int
		reason string
	}{
		"just too large": {websocket.TextMessage, strings.Repeat("x", 1_000_001), websocket.CloseMessageTooBig, "frame too large"},
		"too large":      {websocket.TextMessage, `{"event":"join","data":"` + strings.Repeat("x", 10<<20) + `"}`, websocket.CloseMessageTooBig, "frame too large"},
		"binary":         {websocket.BinaryMessage, "{}", websocket.CloseUnsupportedData, "frames must be text"},
		"not JSON":       {websocket.TextMessage, "{", websocket.CloseInvalidFramePayloadData, "not a JSON object in UTF-8"},
		"not UTF-8":      {websocket.TextMessage, "{\"event\":\"\xff\"}", websocket.CloseInvalidFramePayloadData, "not a JSON object in UTF-8"},
		"nested deeply":  {websocket.TextMessage, strings.Repeat("[", 20_000), websocket.CloseInvalidFramePayloadData, "not a JSON object in UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, wsjson.Options{}, room.Settings{}).dial()
			sent := make(chan struct{})
			go func() { // ends when all is sent or the connection is closed
				defer close(sent)
				err := c.ws.WriteMessage(abuse.kind, []byte(abuse.frame))
				// What is behind the abuse must not keep the reason from arriving.
				for i := 0; i < 100 && err == nil; i++ {
					err = c.ws.WriteMessage(websocket.TextMessage, []byte(joinAnn))
				}
			}()
			events, end := c.ending()
			<-sent
			if len(events) != 1 || events[0] != "error" {
				t.Errorf("before the end came %v, want one error", events)
			}
			if end.Code != abuse.code || end.Text != abuse.reason {
				t.Errorf("closed with %d %q, want %d %q", end.Code, end.Text, abuse.code, abuse.reason)
			}
		})
	}
}

func TestLargestFrameIsTaken(t *testing.T) {
	c := serve(t, wsjson.Options{MaxPayload: 1000}, room.Settings{}).dial()
	ping := `{"event":"ping","id":1}`
	c.send(ping + strings.Repeat(" ", 1000-len(ping)))
	if f := c.receive(); f.Event != "ack" {
		t.Errorf("a frame at the limit is answered by %s, want an ack", f.Event)
	}
}

// TestEndlessFrame sends without end: the reason arrives all the same, and the
// server does not read for ever.
func TestEndlessFrame(t *testing.T) {
	t.Parallel()
	c := serve(t, wsjson.Options{}, room.Settings{}).dial()
	stopped := make(chan struct{})
	go func() { // ends when the server has closed the connection
		defer close(stopped)
		w, err := c.ws.NextWriter(websocket.TextMessage)
		for chunk := make([]byte, 64<<10); err == nil; {
			_, err = w.Write(chunk)
		}
	}()
	// The default handler would answer the close frame and so end the sender.
	c.ws.SetCloseHandler(func(int, string) error { return nil })
	events, end := c.ending()
	if len(events) != 1 || end.Code != websocket.CloseMessageTooBig || end.Text != "frame too large" {
		t.Errorf("got %v, then %v", events, end)
	}
	select {
	case <-stopped:
	case <-time.After(2 * time.Minute):
		t.Error("the server still reads")
	}
}

// TestClosedButTalking holds that a client which was told to go, and talks on,
// is not listened to and loses its connection.
func TestClosedButTalking(t *testing.T) {
	t.Parallel()
	s := serve(t, wsjson.Options{}, room.Settings{})
	old := s.dial()
	old.send(joinAnn)
	old.want("ack")
	back := s.dial()
	back.send(strings.Replace(joinAnn, "join", "reconnect", 1))
	back.want("ack")
	old.ws.SetCloseHandler(func(int, string) error { return nil })
	if _, end := old.ending(); end.Code != 4001 {
		t.Fatalf("closed with %v, want 4001", end)
	}
	from := time.Now()
	for old.ws.WriteMessage(websocket.TextMessage, []byte(`{"event":"ping","id":1}`)) == nil {
		if time.Since(from) > 2*time.Minute {
			t.Fatal("the connection is still open")
		}
		<-time.After(10 * time.Millisecond)
	}
}
