package wsjson_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"lectern/signaling/conn"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
	"lectern/signaling/wsjson"
)

// BenchmarkRelay is a candidate from one client through the room to another,
// over real sockets. Both clients are in this process and paid for, so with
// -cpu 1 it gives a lower bound for one core.
func BenchmarkRelay(b *testing.B) {
	hub := room.NewHub(room.Settings{
		NewPlane: func(string, room.Policy) media.Plane { return p2p.New() }, NewToken: func() string { return "token" },
	}, slog.New(slog.DiscardHandler))
	h := wsjson.New(conn.NewServer(hub, conn.Options{Rate: 1 << 30, Burst: 1 << 30}), wsjson.Options{})
	web := httptest.NewServer(h)
	dial := func(join string) *websocket.Conn {
		ws, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http"), nil)
		if err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
		if err := ws.WriteMessage(websocket.TextMessage, []byte(join)); err != nil {
			b.Fatal(err)
		}
		return ws
	}
	read := func(ws *websocket.Conn) (f frame) {
		if err := ws.ReadJSON(&f); err != nil {
			b.Fatal(err)
		}
		return f
	}
	bob := dial(strings.Replace(joinBob, `,"capabilities":["roster"]`, "", 1))
	read(bob) // the ack
	ann := dial(joinAnn)
	id, _ := read(bob).Data["memberId"].(string)
	read(ann)
	candidate := fmt.Appendf(nil, `{"event":"icecandidate","data":{"remoteConnectorId":"6048337f-9a3c-4d2e-8f50-2f1d0e6b7a11","memberId":"%s",`+
		`"candidate":{"candidate":"candidate:28 1 udp 2122194687 192.0.2.2 45966 typ host generation 0 ufrag 8MBv network-id 1",`+
		`"sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"8MBv"}}}`, id)
	b.ReportAllocs()
	b.ResetTimer()
	pump(b, bob, ann, candidate)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
	_, _ = ann.Close(), bob.Close()
	_ = h.Close(context.Background())
	hub.Close()
	web.Close()
}

// pump sends b.N messages and returns when as many have come out.
func pump(b *testing.B, from, to *websocket.Conn, message []byte) {
	b.Helper()
	const ahead = 256 // messages under way, far below what fits a queue
	window := make(chan struct{}, ahead)
	failed := make(chan error, 1)
	go func() { // ends after b.N messages
		for range b.N {
			if _, _, err := to.ReadMessage(); err != nil {
				failed <- err
				return
			}
			<-window
		}
		failed <- nil
	}()
	for range b.N {
		select {
		case window <- struct{}{}:
		case err := <-failed:
			b.Fatal(err)
		}
		if err := from.WriteMessage(websocket.TextMessage, message); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
}
