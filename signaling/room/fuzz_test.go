package room_test

import (
	"fmt"
	"testing"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// FuzzSequence plays any sequence of what clients do about being in a room: to
// join, reconnect, load a page again, leave and drop, on any of a few sockets and
// as any of a few users, whose names look alike. After each step the room holds
// its invariants, and nothing is for a socket that is not there.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 0x20, 0, 0x10, 2, 0x40, 40})                 // two join; one drops and comes back on another socket
	f.Add([]byte{0, 0, 0x30, 0, 0, 1, 0x50, 0, 0x70, 0, 0x60, 1})         // a page is loaded again, and a tab copied
	f.Add([]byte{0, 0, 1, 0, 0x10, 3, 0x80, 1, 2, 1, 0x20, 1, 0x40, 255}) // one user under another's name
	f.Add([]byte{2, 0, 3, 1, 0x10, 2, 0x70, 1, 0x20, 2, 0x10, 3, 0x60, 3})
	f.Add([]byte("x0z001x1y0")) // a host whose socket joins anew by a client that cannot act
	f.Fuzz(func(t *testing.T, script []byte) {
		s := &sequence{t: t, now: time.Unix(1e9, 0), live: map[room.SocketID]bool{}}
		s.room = room.New("r", room.Settings{
			Grace: 15 * time.Second, Settle: time.Second, Remember: 30 * time.Second, JoinsPerAddress: 20, TokenKey: []byte("key"),
			Policy:   room.Policy{Mode: room.ModeP2P, Stage: 2, MaxMembers: 4},
			NewPlane: func(string, room.Policy) media.Plane { return p2p.New() },
			NewToken: func() string { s.tokens++; return tokens[s.tokens] },
		}, room.Policy{}, s.now)
		for i := 0; i+1 < len(script) && i < 2*longest; i += 2 {
			s.step(script[i]>>4, int(script[i]&15), int(script[i+1]))
			s.settle()
		}
	})
}

// longest is the most steps of a script. What a room does wrong it does within
// few: more scripts find more than long ones.
const longest = 60

// made are texts with a number at their end, made once: a step costs little else.
func made(text string) (list [256]string) {
	for n := range list {
		list[n] = fmt.Sprint(text, n)
	}
	return list
}

// Set here and never changed.
var (
	sockets, tokens  = made("s"), made("token")
	offered, answers = made("c"), made("d")
	users            = func() (list [16]protocol.Identity) {
		for n := range list {
			list[n] = user(n)
		}
		return list
	}()
)

// sequence is a room and the sockets of its clients.
type sequence struct {
	t      *testing.T
	room   *room.Room
	now    time.Time
	live   map[room.SocketID]bool
	tokens int
	made   int
}

// users differ in their ids; some names look alike, and some are equal.
func user(n int) protocol.Identity {
	names := []string{"ann", "Ann", "аnn", "bob", "bob", "cat"}
	i := protocol.Identity{User: protocol.UserID(fmt.Sprint("user-0123456789-", n%4)), Name: names[n%len(names)], Room: "r"}
	if n%4 == 3 {
		i.User = "short" // it proves nothing
	}
	if n%3 > 0 {
		i.Capabilities = []string{protocol.CapabilityRoster}
	}
	if n%7 == 5 {
		i.Role = protocol.RoleAudience
	}
	return i
}

func (s *sequence) socket(n int) room.SocketID { return room.SocketID(sockets[n%6]) }

func (s *sequence) step(op byte, who, at int) {
	i, socket, token := users[who], s.socket(at), tokens[1+at%(s.tokens+1)]
	switch op {
	case 0:
		s.enter(socket, &protocol.Join{Identity: i})
	case 1:
		s.enter(socket, &protocol.Reconnect{Identity: i, ResumeToken: token})
	case 2, 3:
		if s.live[socket] {
			delete(s.live, socket)
			s.room.Gone(s.now, socket)
		}
	case 4:
		s.now = s.now.Add(time.Duration(at) * 100 * time.Millisecond)
		s.room.Tick(s.now)
	case 5:
		s.say(socket, &protocol.Away{})
	case 6:
		s.say(socket, &protocol.Leave{})
	case 7:
		s.enter(socket, &protocol.Join{Identity: i, ResumeToken: token})
	case 8:
		s.say(socket, &protocol.Offer{
			Connector: protocol.ConnectorID(offered[at]), Member: protocol.MemberID(s.socket(who)), StreamType: protocol.StreamUser,
			Offer: protocol.Description{Type: "offer", SDP: "v=0"},
		})
	case 9:
		s.say(socket, &protocol.Answer{
			Remote: protocol.ConnectorID(offered[who]), Connector: protocol.ConnectorID(answers[at]), Member: protocol.MemberID(s.socket(who)),
			Answer: protocol.Description{Type: "answer", SDP: "v=0"},
		})
	case 10:
		s.say(socket, &protocol.Lock{Locked: who%2 == 0})
	case 11:
		s.say(socket, &protocol.Remove{Member: protocol.MemberID(s.socket(who))})
	case 12:
		s.say(socket, &protocol.SetRole{Member: protocol.MemberID(s.socket(who)), Role: protocol.RoleHost})
	default: // another socket stands for this number from now on
		s.room.Pump(s.now)
	}
}

// enter lets a socket ask to be a member's. A socket that is gone is a new
// one now; ids are not used twice by transports, but here that does no harm.
func (s *sequence) enter(socket room.SocketID, msg protocol.Message) {
	s.live[socket] = true
	s.room.Enter(s.now, room.Entry{Socket: socket, Addr: "192.0.2.1", Msg: msg})
}

func (s *sequence) say(socket room.SocketID, msg protocol.Message) {
	if s.live[socket] {
		_ = s.room.Handle(s.now, socket, msg)
	}
}

// settle does what the room wants done, until it wants nothing more.
func (s *sequence) settle() {
	for range 100 {
		out := s.room.Drain()
		s.room.Changes()
		if err := s.room.Check(s.now); err != nil {
			s.t.Fatal(err)
		}
		if len(out) == 0 {
			return
		}
		for _, o := range out {
			if o.Socket != "" && !s.live[o.Socket] {
				s.t.Fatalf("the socket %s is gone, and meant by %+v", o.Socket, o)
			}
			switch {
			case o.Kick != "" || o.Close != "":
				delete(s.live, o.Socket)
				s.room.Gone(s.now, o.Socket)
			case o.Probe > 0:
				s.made++
				s.room.Probed(s.now, o.Socket, s.made%3 > 0)
			}
		}
	}
	s.t.Fatal("the room wants something without end")
}
