package socketio

import (
	"strings"
	"testing"

	"lectern/signaling/fault"
)

const (
	annJoins = `42["join",{"id":"0123456789abcdef-ann","username":"ann","roomname":"r"}]`
	bobIs    = `{"id":"0123456789abcdef-bob","username":"bob","roomname":"r"}`
)

// wantEvent receives packets until one of the event comes, and gives it.
func (c *peer) wantEvent(event string) string {
	c.t.Helper()
	for {
		if p := c.receive(); strings.HasPrefix(p, `42["`+event+`"`) {
			return p
		}
	}
}

// done waits until the server has dealt with what was sent.
func (c *peer) done() {
	c.t.Helper()
	c.send(`429["ping"]`)
	for !strings.HasPrefix(c.receive(), "439[") {
	}
}

// TestDisconnectAcknowledgesNothing: the DISCONNECT packet, a close frame and a
// connection that breaks are the same: what an existing client did not answer
// is said to it again.
func TestDisconnectAcknowledgesNothing(t *testing.T) {
	for name, end := range map[string]func(*peer){
		"disconnect": func(c *peer) { c.send("41") },
		"close":      func(c *peer) { c.send("1") },
		"break":      func(c *peer) { _ = c.ws.NetConn().Close() },
		"nothing":    func(*peer) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{})
			ann := s.connect()
			ann.send(annJoins)
			ann.done()
			bob := s.connect()
			bob.send(`42["join",` + bobIs + `]`)
			ann.wantEvent("getOffer")
			ann.send(`42["offer",{"connectorId":"c","memberId":"` + bob.id + `","streamType":"user","offer":{"type":"offer","sdp":"v=0"}}]`)
			lost := bob.wantEvent("offer")
			end(bob)
			again := s.connect()
			again.send(`42["reconnect",` + bobIs + `]`)
			if got := again.wantEvent("offer"); got != lost {
				t.Errorf("bob is sent %s, want what may not have arrived: %s", got, lost)
			}
			again.send(`42["answer",{"remoteConnectorId":"c","connectorId":"d","memberId":"` + ann.id + `","answer":{"type":"answer","sdp":"v=0"}}]`)
			ann.wantEvent("answer")
			third := s.connect()
			third.send(`42["reconnect",` + bobIs + `]`)
			third.send(`421["ping"]`)
			if got := third.receive(); got != `431[{}]` {
				t.Errorf("bob, who has answered, is sent %s", got)
			}
		})
	}
}

// TestNumbers: over Socket.IO the number of a message is a second argument,
// both ways.
func TestNumbers(t *testing.T) {
	s := serve(t, Options{})
	const counts = `,"capabilities":["roster","resume"]`
	ann := s.connect()
	ann.send(strings.Replace(annJoins, `"roomname":"r"`, `"roomname":"r"`+counts, 1))
	ann.done()
	bob := s.connect()
	who := strings.Replace(bobIs, `"roomname":"r"`, `"roomname":"r"`+counts, 1)
	bob.send(`42["join",` + who + `]`)
	ann.wantEvent("getOffer")
	mute := `42["mute",{"memberId":"` + bob.id + `","kind":"audio"},1]`
	ann.send(mute)
	ann.send(mute)
	const first = `42["mute",{"kind":"audio","by":"`
	if got := bob.wantEvent("mute"); !strings.HasPrefix(got, first) || !strings.HasSuffix(got, `},1]`) {
		t.Errorf("bob is sent %s", got)
	}
	ann.send(`427["ping",{"seen":0}]`)
	if got := ann.receive(); got != `437[{"seen":1}]` {
		t.Errorf("the server says %s, want that it took one message", got)
	}
	bob.send("41")
	again := s.connect()
	again.send(`42["reconnect",` + strings.Replace(who, "{", `{"resumeToken":"token","seen":0,`, 1) + `]`)
	if got := again.wantEvent("mute"); !strings.HasSuffix(got, `},1]`) {
		t.Errorf("bob is sent again %s", got)
	}
	again.send(`421["ping",{"seen":1}]`)
	if got := again.receive(); got != `431[{"seen":0}]` {
		t.Errorf("bob is sent %s, want no second mute", got)
	}
}

// TestFaultOfTheTimerIsContained has the timer of a client that joined no
// namespace panic.
func TestFaultOfTheTimerIsContained(t *testing.T) {
	before := fault.Count()
	(&client{handler: &Handler{}}).waited() // without a session, which panics
	if n := fault.Count() - before; n != 1 {
		t.Errorf("%d faults are counted", n)
	}
}
