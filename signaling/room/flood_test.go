package room_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// TestChatFloodIsBoundedInBytes holds that what one listener makes the server
// send to everybody, in the longest lines there may be, is little enough for a
// slow line; that others are still heard; and that a newcomer's history is small
// and still has what they said.
func TestChatFloodIsBoundedInBytes(t *testing.T) {
	r, _, now := lecture(t, room.Policy{Mode: room.ModeSFU})
	say := func(from, id, text string) error {
		return r.Handle(now, room.SocketID(from), &protocol.Say{ID: id, Text: text})
	}
	if err := say("presenter", "first", "hello"); err != nil {
		t.Fatal(err)
	}
	longest := strings.Repeat("\U0001F600", protocol.MaxText)
	sent, seconds := 0, 60
	for i := range 10 * seconds {
		if say("audience", fmt.Sprint(i), longest) == nil {
			sent += len(longest)
		}
		now = now.Add(time.Second / 10)
	}
	if most := 160<<10 + seconds*8<<10; sent == 0 || sent > most {
		t.Errorf("of a flood %d bytes reach everybody in %d s, want some and at most %d", sent, seconds, most)
	}
	for _, from := range []string{"host", "presenter"} {
		if err := say(from, "after", "I am heard"); err != nil {
			t.Errorf("%s is refused: %v", from, err)
		}
	}
	r.Drain()
	i := protocol.Identity{User: "new-0123456789abcdef", Name: "new", Room: "r", Capabilities: []string{protocol.CapabilityRoster}}
	r.Enter(now, room.Entry{Socket: "new", Msg: &protocol.Join{Identity: i}})
	bytes, first := 0, false
	for _, o := range r.Drain() {
		if h, ok := o.Msg.(*protocol.History); ok {
			data, err := protocol.Encode(h)
			if err != nil {
				t.Fatal(err)
			}
			bytes += len(data)
			first = first || strings.Contains(string(data), `"text":"hello"`)
		}
	}
	if bytes > 96<<10 || !first {
		t.Errorf("a newcomer is sent %d bytes of history, which has what was said before the flood: %v", bytes, first)
	}
}

// TestFloodOfManyIsBoundedInBytes holds that members who flood together reach
// everybody with little more than one does, that large lines leave place for
// short ones, and that the host is heard.
func TestFloodOfManyIsBoundedInBytes(t *testing.T) {
	r, _, now := lecture(t, room.Policy{Mode: room.ModeSFU, MaxMembers: 100})
	var flooders []room.SocketID
	for i := range 20 {
		s := room.SocketID(fmt.Sprint("flooder", i))
		r.Enter(now, room.Entry{Socket: s, Msg: &protocol.Join{Identity: protocol.Identity{
			User: protocol.UserID(fmt.Sprint("user-0123456789-", i)), Name: string(s), Room: "r", Role: protocol.RoleAudience, Capabilities: []string{protocol.CapabilityRoster},
		}}})
		flooders = append(flooders, s)
	}
	r.Drain()
	say := func(from room.SocketID, id int, text string) bool {
		return r.Handle(now, from, &protocol.Say{ID: fmt.Sprint(id), Text: text}) == nil
	}
	sent, seconds := 0, 60
	large := strings.Repeat("x", 8<<10)
	for i := range seconds {
		for _, s := range flooders {
			if say(s, i, large) {
				sent += len(large)
			}
		}
		now = now.Add(time.Second)
	}
	if most := 512<<10 + seconds*64<<10; sent == 0 || sent > most {
		t.Errorf("of a flood %d bytes reach everybody in %d s, want some and at most %d", sent, seconds, most)
	}
	if !say("presenter", 1, "a short line") {
		t.Error("large lines leave no place for a short one")
	}
	for i := range 10_000 {
		say(flooders[i%len(flooders)], 1000+i, strings.Repeat("x", 1000))
	}
	if say("presenter", 2, strings.Repeat("x", 1000)) {
		t.Error("short lines without end are not refused")
	}
	if !say("host", 1, "I am heard") {
		t.Error("the host is not heard")
	}
}

// TestSignalFloodIsRefusedToItsSender holds that in P2P mode the largest offers
// are refused to the member that floods another one with them, before that
// one's socket would be full.
func TestSignalFloodIsRefusedToItsSender(t *testing.T) {
	r, plane, now := lecture(t, room.Policy{Mode: room.ModeSFU})
	plane.mode = protocol.ModeP2P
	offer := func(from string) error {
		return r.Handle(now, room.SocketID(from), &protocol.Offer{
			Connector: "c", Member: "host", StreamType: protocol.StreamUser,
			Offer: protocol.Description{Type: "offer", SDP: strings.Repeat("x", 250<<10)},
		})
	}
	taken := 0
	for _, from := range []string{"presenter", "old", "audience"} {
		for range 50 {
			err := offer(from)
			if err == nil {
				taken++
			} else if got := word(t, err); got != protocol.ErrRate {
				t.Fatalf("an offer of %s is refused with %s", from, got)
			}
		}
	}
	if bytes := taken * 250 << 10; taken < 4 || bytes > 3<<20 {
		t.Errorf("%d bytes of offers reach one member at once, want at most 3 MiB", bytes)
	}
	now = now.Add(time.Minute)
	if err := offer("presenter"); err != nil {
		t.Errorf("after a minute an offer is refused: %v", err)
	}
}

// TestSignalsToManyAreBounded holds that one member cannot make the server relay
// as much as all of its receivers together may be sent.
func TestSignalsToManyAreBounded(t *testing.T) {
	r, plane, now := lecture(t, room.Policy{Mode: room.ModeSFU})
	plane.mode = protocol.ModeP2P
	taken := 0
	for range 20 {
		for _, to := range []protocol.MemberID{"host", "old", "audience"} {
			if r.Handle(now, "presenter", &protocol.Offer{
				Connector: "c", Member: to, StreamType: protocol.StreamUser, Offer: protocol.Description{Type: "offer", SDP: strings.Repeat("x", 250<<10)},
			}) == nil {
				taken++
			}
		}
	}
	if bytes := taken * 250 << 10; taken == 0 || bytes > 2<<20 {
		t.Errorf("%d bytes of one member's offers are relayed at once, want at most 2 MiB", bytes)
	}
}

// TestHistoryIsBoundedInBytes holds that lines which each are small enough do
// not make a newcomer's history large together.
func TestHistoryIsBoundedInBytes(t *testing.T) {
	r, _, now := lecture(t, room.Policy{Mode: room.ModeSFU})
	for i := range protocol.MaxHistory {
		now = now.Add(time.Second)
		if err := r.Handle(now, "presenter", &protocol.Say{ID: fmt.Sprint(i), Text: strings.Repeat("x", 2000)}); err != nil {
			t.Fatal(err)
		}
	}
	r.Drain()
	i := protocol.Identity{User: "new-0123456789abcdef", Name: "new", Room: "r", Capabilities: []string{protocol.CapabilityRoster}}
	r.Enter(now, room.Entry{Socket: "new", Msg: &protocol.Join{Identity: i}})
	bytes := 0
	for _, o := range r.Drain() {
		if h, ok := o.Msg.(*protocol.History); ok {
			for _, l := range h.Messages {
				bytes += len(l.Text)
			}
		}
	}
	if bytes < 32<<10 || bytes > 64<<10 {
		t.Errorf("a newcomer is sent %d bytes of history, want at most 64 KiB", bytes)
	}
}
