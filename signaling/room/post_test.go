package room_test

import (
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// TestOldLettersCostNoSquare holds that to forget what is too old to be sent
// again is one look at all of it, and costs next to nothing beside sending it.
func TestOldLettersCostNoSquare(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := room.New("r", room.Settings{
		Grace: 15 * time.Second, NewPlane: func(string, room.Policy) media.Plane { return p2p.New() },
	}, room.Policy{}, now)
	decode := func(event, data string) protocol.Message {
		m, err := protocol.Decode(event, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, name := range []string{"a", "b"} {
		join := decode("join", `{"id":"0123456789abcdef-`+name+`","username":"`+name+`","roomname":"r"}`)
		r.Enter(now, room.Entry{Socket: room.SocketID(name), Msg: join})
	}
	say := func(from room.SocketID, m protocol.Message) {
		if err := r.Handle(now, from, m); err != nil {
			t.Fatal(err)
		}
		r.Drain()
	}
	say("a", decode("offer", `{"connectorId":"c1","memberId":"b","offer":{"type":"offer","sdp":"v=0"},"streamType":"user"}`))
	say("b", decode("answer", `{"remoteConnectorId":"c1","connectorId":"c2","memberId":"a","answer":{"type":"answer","sdp":"v=0"},"streamType":"user"}`))
	candidate := decode("icecandidate", `{"remoteConnectorId":"c2","memberId":"b","candidate":{"candidate":"","sdpMid":"0"}}`)
	sending, forgetting := time.Hour, time.Hour
	for range 5 { // the fastest, as others use the machine
		began := time.Now()
		for range 6000 {
			say("a", candidate)
		}
		sending = min(sending, time.Since(began))
		now = now.Add(2 * time.Minute)
		began = time.Now()
		say("a", candidate)
		forgetting = min(forgetting, time.Since(began))
	}
	if forgetting > sending/20 {
		t.Errorf("it took %v to send all, and %v to forget it", sending, forgetting)
	}
}
