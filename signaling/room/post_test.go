package room_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// TestOldLettersCostNoSquare holds that to forget what is too old to be sent
// again is one look at all of it: cheap beside sending it, where the square of the
// number would cost more than that.
func TestOldLettersCostNoSquare(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := room.New("r", room.Settings{
		Grace: 15 * time.Second, NewPlane: func(string, room.Policy) media.Plane { return p2p.New() },
	}, room.Policy{}, now)
	decode := func(event, data string) protocol.Message {
		m, err := protocol.Decode(event, value([]byte(data)))
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
	if forgetting > sending/4 {
		t.Errorf("it took %v to send all, and %v to forget it", sending, forgetting)
	}
}

// TestKeptIsBoundedInAll holds that clients that never say how far they have
// come make the server keep no more than a bound for all of them together, in
// whatever room, and that nothing is counted when they are gone.
func TestKeptIsBoundedInAll(t *testing.T) {
	const rooms, members, bound = 4, 80, 256 << 20
	now := time.Unix(1e9, 0)
	kept := &room.Kept{}
	var all []*room.Room
	for range rooms {
		r := room.New("r", room.Settings{
			Grace: 15 * time.Second, Kept: kept, NewToken: func() string { return "token" },
			NewPlane: func(string, room.Policy) media.Plane { return p2p.New() },
		}, room.Policy{}, now)
		all = append(all, r)
		for i := range members {
			r.Enter(now, room.Entry{Socket: deaf(i), Msg: &protocol.Join{Identity: protocol.Identity{
				User: protocol.UserID(fmt.Sprint("0123456789abcdef", i)), Name: fmt.Sprint("m", i), Room: "r",
				Capabilities: []string{protocol.CapabilityRoster, protocol.CapabilityResume},
			}}})
		}
		sdp := strings.Repeat("a=x\r\n", 50_000)
		for i := range members {
			for n := range 9 {
				_ = r.Handle(now, deaf(i), &protocol.Offer{
					Connector: protocol.ConnectorID(fmt.Sprint(n)), Member: protocol.MemberID(deaf((i + 1) % members)),
					Offer: protocol.Description{Type: "offer", SDP: sdp}, StreamType: protocol.StreamDisplay,
				})
			}
			r.Drain()
			if err := r.Check(now); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := kept.Bytes(); n < bound/2 || n > bound+rooms*members*(64<<10) {
		t.Errorf("%d MiB are kept", n>>20)
	}
	for _, r := range all[1:] {
		for i := range members {
			r.Gone(now, deaf(i))
		}
		r.Tick(now.Add(time.Minute))
	}
	if err := all[0].Close(); err != nil {
		t.Fatal(err)
	}
	if n := kept.Bytes(); n != 0 {
		t.Errorf("%d bytes are counted for members that are gone", n)
	}
}

func deaf(i int) room.SocketID { return room.SocketID(fmt.Sprint("deaf", i)) }
