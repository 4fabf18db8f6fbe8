package wsjson_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"lectern/signaling/room"
	"lectern/signaling/wsjson"
)

// dying is a connection whose network goes away after so many bytes each way:
// what is written then vanishes, and nothing more comes.
type dying struct {
	net.Conn
	out, in int
}

func (d *dying) Write(b []byte) (int, error) {
	n := min(len(b), d.out)
	d.out -= n
	if n > 0 {
		if _, err := d.Conn.Write(b[:n]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (d *dying) Read(b []byte) (int, error) {
	if d.in == 0 || d.out == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := d.Conn.Read(b[:min(len(b), d.in)])
	d.in -= n
	return n, err
}

// counter is a client with the capability "resume", as PROTOCOL.md section 5.5
// has it. Everything it says is the end of candidates of a section named by the
// text, on the one connector that the two have.
type counter struct {
	t        *testing.T
	url      string
	identity string
	other    string // id of the other member
	id       string
	token    string

	ws          *websocket.Conn
	conn        *dying
	said, heard uint64
	kept        map[uint64]string
	got         []string
}

type counted struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	ID    int             `json:"id"`
	Seq   uint64          `json:"seq"`
}

func (c *counter) dial(out, in int) error {
	dialer := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		c.conn = &dying{Conn: conn, out: out, in: in}
		return c.conn, err
	}}
	ws, res, err := dialer.Dial(c.url, http.Header{"Accept-Language": {"en"}})
	if res != nil && res.Body != nil {
		_ = res.Body.Close()
	}
	c.ws = ws
	return err
}

func (c *counter) write(frame string) {
	_ = c.ws.WriteMessage(websocket.TextMessage, []byte(frame)) // what fails is said again
}

// say gives a message its number and keeps it.
func (c *counter) say(text string) {
	c.said++
	c.kept[c.said] = text
	c.repeat(c.said)
}

func (c *counter) repeat(seq uint64) {
	c.write(fmt.Sprintf(`{"event":"icecandidate","seq":%d,"data":{"remoteConnectorId":"of-%[2]s","memberId":"%[2]s","candidate":{"candidate":"","sdpMid":"%[3]s"}}}`,
		seq, c.other, c.kept[seq]))
}

// hear reads frames until the server has answered a ping. It reports false
// when the connection is over.
func (c *counter) hear() bool {
	c.write(fmt.Sprintf(`{"event":"ping","id":1,"data":{"seen":%d}}`, c.heard))
	for {
		event, ok := c.read()
		if !ok || event == "ack" {
			return ok
		}
	}
}

// read takes one frame. It reports false when the connection is over.
func (c *counter) read() (event string, ok bool) {
	_ = c.conn.Conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, b, err := c.ws.ReadMessage()
	if err != nil {
		return "", false
	}
	var f counted
	if err := json.Unmarshal(b, &f); err != nil {
		c.t.Fatal(err)
	}
	if f.Event == "joined" {
		c.joined(f.Data)
	}
	if f.Event == "error" {
		c.t.Fatalf("%s is refused: %s", c.identity, f.Data)
	}
	if f.Seq == 0 || f.Seq <= c.heard {
		return f.Event, true
	}
	c.heard = f.Seq
	if f.Event == "icecandidate" {
		var m struct {
			Candidate struct {
				Section string `json:"sdpMid"`
			} `json:"candidate"`
		}
		_ = json.Unmarshal(f.Data, &m)
		c.got = append(c.got, m.Candidate.Section)
	}
	return f.Event, true
}

func (c *counter) joined(data []byte) {
	var j struct {
		ID          string `json:"memberId"`
		ResumeToken string `json:"resumeToken"`
		Resumed     bool   `json:"resumed"`
		Seen        uint64 `json:"seen"`
	}
	_ = json.Unmarshal(data, &j)
	if c.token != "" && !j.Resumed {
		c.t.Fatalf("%s was not resumed", c.identity)
	}
	c.id, c.token = j.ID, j.ResumeToken
	for seq := range c.kept {
		if seq <= j.Seen {
			delete(c.kept, seq)
		}
	}
}

// comeBack connects again, over a network that goes away after so many bytes.
// It reports whether it got as far as joined.
func (c *counter) comeBack(out, in int) bool {
	if err := c.dial(out, in); err != nil {
		return false
	}
	c.write(fmt.Sprintf(`{"event":"reconnect","data":{%s,"resumeToken":"%s","seen":%d}}`, c.identity, c.token, c.heard))
	back := c.token
	c.token = ""
	for c.token == "" {
		if _, ok := c.read(); !ok {
			c.token = back
			return false
		}
	}
	var left []uint64
	for seq := range c.kept {
		left = append(left, seq)
	}
	slices.Sort(left)
	for _, seq := range left {
		c.repeat(seq)
	}
	return true
}

// leaveDead ends a connection whose network is gone, in one of the ways that
// clients have. The goodbye arrives, though what the server wrote before never
// did.
func (c *counter) leaveDead(goodbye bool) {
	if c.ws == nil {
		return
	}
	if goodbye && c.conn.out > 0 {
		_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
	}
	_ = c.conn.Conn.Close()
	c.ws = nil
}

func identityOf(name string) string {
	return fmt.Sprintf(`"id":"%s-0123456789abcdef","username":"%s","roomname":"r","capabilities":["roster","resume"]`, name, name)
}

// connect has a make an offer to b and b answer it, each with the connector
// of-ID.
func connect(t *testing.T, a, b *counter) {
	t.Helper()
	a.other, b.other = b.id, a.id
	a.write(fmt.Sprintf(`{"event":"offer","data":{"connectorId":"of-%s","memberId":"%s","streamType":"user","offer":{"type":"offer","sdp":"v=0\r\n"}}}`, a.id, b.id))
	if !a.hear() {
		t.Fatal("a client cannot offer")
	}
	b.write(fmt.Sprintf(`{"event":"answer","data":{"remoteConnectorId":"of-%s","connectorId":"of-%s","memberId":"%[1]s","answer":{"type":"answer","sdp":"v=0\r\n"}}}`, a.id, b.id))
	if !b.hear() {
		t.Fatal("a client cannot answer")
	}
}

// TestCutAnywhere cuts the network between two members who count and the
// server, at any byte either way, and ends the dead connections as clients do.
// Every message takes effect once and in order.
func TestCutAnywhere(t *testing.T) {
	s := serve(t, wsjson.Options{}, room.Settings{})
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var pair [2]*counter
		for i, name := range []string{"ann", "bob"} {
			c := &counter{t: t, url: s.url, identity: identityOf(name + fmt.Sprint(seed)), kept: map[uint64]string{}}
			if err := c.dial(1<<30, 1<<30); err != nil {
				t.Fatal(err)
			}
			c.write(`{"event":"join","data":{` + c.identity + `}}`)
			if !c.hear() {
				t.Fatal("a client cannot join")
			}
			pair[i] = c
		}
		connect(t, pair[0], pair[1])
		var want [2][]string
		for round := range 12 {
			for i, c := range pair {
				if c.ws == nil || rnd.IntN(2) == 0 {
					c.leaveDead(rnd.IntN(2) == 0)
					for !c.comeBack(400+rnd.IntN(3000), 200+rnd.IntN(4000)) {
						c.leaveDead(rnd.IntN(2) == 0)
					}
				}
				for n := range rnd.IntN(8) {
					text := fmt.Sprintf("%d-%d-%d", i, round, n)
					want[1-i] = append(want[1-i], text)
					c.say(text)
				}
				if !c.hear() {
					c.leaveDead(rnd.IntN(2) == 0)
				}
			}
		}
		for _, c := range pair {
			c.leaveDead(true)
			if !c.comeBack(1<<30, 1<<30) || !c.hear() {
				t.Fatal("a client cannot come back")
			}
		}
		for i, c := range pair {
			if !c.hear() {
				t.Fatal("a connection ended by itself")
			}
			if !slices.Equal(c.got, want[i]) {
				t.Fatalf("seed %d: %s got\n%q, want\n%q", seed, c.identity, c.got, want[i])
			}
		}
		for _, c := range pair {
			c.leaveDead(true)
		}
	}
}
