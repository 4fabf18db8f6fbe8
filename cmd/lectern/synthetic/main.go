// Command synthetic is members of rooms for tests with browsers: it costs a
// fraction of what a page costs, so that a room may be large on two cores. A
// test steers it over its standard streams, one JSON object on a line:
//
//	{"id":1,"do":"join","name":"ann","server":"http://127.0.0.1:3000","room":"r","old":true}
//	{"id":1}
//	{"id":2,"do":"look","name":"ann"}
//	{"id":2,"look":{"member":"…","mode":"sfu","connectors":2,"streams":[…],"faults":[]}}
//
// What a request asks for is done when its answer comes; an answer may have an
// error. The end of the input ends all members.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"lectern/cmd/lectern/client"
	"lectern/signaling/protocol"
)

// media is what each member sends: small, ten pictures a second as the cameras
// of the tests' pages, each in one packet.
var media = client.Media{Audio: true, Video: client.Video{FPS: 10, Bitrate: 60_000}}

// maxLine is the longest line of input, in bytes.
const maxLine = 64 << 10

// request is a line of input.
type request struct {
	ID     int64  `json:"id"`
	Do     string `json:"do"` // "join", "leave", "drop", "look" or "close"
	Name   string `json:"name"`
	Server string `json:"server"`
	Room   string `json:"room"`
	Old    bool   `json:"old"` // an existing client
}

// answer is a line of output.
type answer struct {
	ID    int64  `json:"id"`
	Error string `json:"error,omitempty"`
	Look  *look  `json:"look,omitempty"`
}

// look is how a member is.
type look struct {
	Member     protocol.MemberID `json:"member"` // unknown to an existing client
	Mode       protocol.Mode     `json:"mode"`   // as it was told; an existing client is not
	Connectors int               `json:"connectors"`
	Streams    []stream          `json:"streams"`
	Faults     []string          `json:"faults"`
	Describe   string            `json:"describe"` // for a failure's report
}

// stream is what a member receives of another one.
type stream struct {
	Member    protocol.MemberID   `json:"member"`
	Type      protocol.StreamType `json:"streamType"`
	Kind      string              `json:"kind"`
	Active    int                 `json:"active"` // connectors that receive it
	Packets   int64               `json:"packets"`
	Keyframes int64               `json:"keyframes"`
	Stamped   bool                `json:"stamped"` // by a member of this kind; only of these Lost is known
	Lost      int64               `json:"lost"`    // packets that it sent and that never came
}

// troupe is all members.
type troupe struct {
	engine *client.Engine

	mu sync.Mutex
	// Guarded by mu.
	members map[string]*client.Client
	out     *json.Encoder
}

func main() {
	local := flag.String("local", "127.0.0.1", "the `address` that members send from")
	flag.Parse()
	if err := run(*local); err != nil {
		fmt.Fprintln(os.Stderr, "synthetic:", err)
		os.Exit(1)
	}
}

func run(local string) error {
	addr, err := netip.ParseAddr(local)
	if err != nil {
		return err
	}
	engine, err := client.NewEngine(addr)
	if err != nil {
		return err
	}
	t := &troupe{engine: engine, members: map[string]*client.Client{}, out: json.NewEncoder(os.Stdout)}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		go t.serve(context.Background(), r) // ends when what it asks for is done
	}
	return lines.Err() // the end of the process ends the members
}

// serve does what a request asks for, and says so.
func (t *troupe) serve(ctx context.Context, r request) {
	a := answer{ID: r.ID}
	var err error
	if r.Do == "join" {
		err = t.join(ctx, r)
	} else {
		a.Look, err = t.deed(ctx, r)
	}
	if err != nil {
		a.Error = err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.out.Encode(a) // a test that has ended reads no more
}

// join has a member come in; one that left may come again.
func (t *troupe) join(ctx context.Context, r request) error {
	c := t.member(r.Name)
	if c == nil {
		var err error
		if c, err = client.Dial(ctx, r.Server, client.Options{Name: r.Name, Room: r.Room, Old: r.Old, Engine: t.engine}); err != nil {
			return err
		}
		if err := c.Publish(media); err != nil {
			c.Close()
			return err
		}
		t.mu.Lock()
		t.members[r.Name] = c
		t.mu.Unlock()
	}
	return c.Join(ctx)
}

func (t *troupe) member(name string) *client.Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.members[name]
}

// deed is a request about a member that is there.
func (t *troupe) deed(ctx context.Context, r request) (*look, error) {
	c := t.member(r.Name)
	if c == nil {
		return nil, errors.New("no such member: " + r.Name)
	}
	switch r.Do {
	case "leave":
		return nil, c.Leave(ctx)
	case "drop":
		c.Drop()
		return nil, nil
	case "look":
		return lookAt(ctx, c)
	case "close": // for good: the name is free for another member
		t.mu.Lock()
		delete(t.members, r.Name)
		t.mu.Unlock()
		c.Close()
		return nil, nil
	}
	return nil, errors.New("unknown request: " + r.Do)
}

func lookAt(ctx context.Context, c *client.Client) (*look, error) {
	list, err := c.Connectors(ctx)
	if err != nil {
		return nil, err
	}
	s := c.State()
	l := &look{Member: s.Member, Mode: s.Mode, Connectors: len(list), Streams: []stream{}, Faults: []string{}, Describe: c.Describe()}
	for _, err := range c.Faults() {
		l.Faults = append(l.Faults, err.Error())
	}
	for _, x := range c.Streams() {
		st := x.Stats()
		l.Streams = append(l.Streams, stream{
			Member: x.Key().Member, Type: x.Key().Stream, Kind: x.Key().Kind.String(), Active: st.Active,
			Packets: st.Packets, Keyframes: st.Keyframes, Stamped: st.Source != 0, Lost: st.Lost,
		})
	}
	return l, nil
}
