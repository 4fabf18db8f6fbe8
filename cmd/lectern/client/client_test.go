package client

import (
	"testing"
	"time"

	"lectern/sfu/codec"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

var (
	picture = Video{FPS: 25, Bitrate: 200_000}
	both    = Media{Audio: true, Video: picture}
)

// from is how many streams of these types come, by the sources that make them.
func (c *Client) from(other *Client, stream protocol.StreamType, k codec.Kind) *Stream {
	id := other.publisher.source(stream, k).id
	for _, s := range c.Streams() {
		if st := s.Stats(); st.Source == id && s.Key().Stream == stream && s.Key().Kind == k {
			return s
		}
	}
	return nil
}

// sees waits until a client has a keyframe and sound of another one.
func sees(t *testing.T, c, other *Client) {
	t.Helper()
	await(t, c, "picture and sound of "+other.options.Name, func(State) bool {
		video, audio := c.from(other, protocol.StreamUser, codec.Video), c.from(other, protocol.StreamUser, codec.Audio)
		return video != nil && audio != nil && video.Stats().Keyframes > 0
	})
}

func TestEverybodySeesEverybody(t *testing.T) {
	for _, mode := range []string{room.ModeP2P, room.ModeSFU} {
		for name, set := range map[string]func(*Options){"old": old, "capable": func(*Options) {}, "light": light} {
			t.Run(mode+" "+name, func(t *testing.T) {
				s := newServer(t, room.Policy{Mode: mode})
				var clients []*Client
				for _, who := range []string{"ann", "bob", "cy"} {
					clients = append(clients, s.join(t, who, both, set))
				}
				for _, c := range clients {
					for _, other := range clients {
						if c != other {
							sees(t, c, other)
						}
					}
				}
				for _, c := range clients {
					for _, err := range c.Faults() {
						t.Errorf("%s: %v", c.options.Name, err)
					}
					list, err := c.Connectors(within(t))
					if want := 2; err != nil || len(list) != want { // capable: up and down
						t.Errorf("%s has connectors %v (%v), want %d", c.options.Name, list, err, want)
					}
				}
			})
		}
	}
}

func TestStopsAndStartsSending(t *testing.T) {
	for _, mode := range []string{room.ModeP2P, room.ModeSFU} {
		for name, set := range map[string]func(*Options){"old": old, "capable": func(*Options) {}, "light": light} {
			t.Run(mode+" "+name, func(t *testing.T) {
				s := newServer(t, room.Policy{Mode: mode})
				ann, bob := s.join(t, "ann", both, set), s.join(t, "bob", both, set)
				sees(t, ann, bob)
				sees(t, bob, ann)
				for _, pair := range [][2]*Client{{ann, bob}, {bob, ann}} {
					c, other := pair[0], pair[1]
					video := c.from(other, protocol.StreamUser, codec.Video)
					if err := other.Publish(Media{Audio: true}); err != nil {
						t.Fatal(err)
					}
					await(t, c, "the end of the picture", func(State) bool { return video.Stats().Active == 0 })
					before := video.Stats().Keyframes
					if err := other.Publish(both); err != nil {
						t.Fatal(err)
					}
					await(t, c, "the picture again", func(State) bool {
						return video.Stats().Active == 1 && video.Stats().Keyframes > before
					})
				}
			})
		}
	}
}

func TestSharesAScreen(t *testing.T) {
	for _, mode := range []string{room.ModeP2P, room.ModeSFU} {
		for name, set := range map[string]func(*Options){"old": old, "capable": func(*Options) {}, "light": light} {
			t.Run(mode+" "+name, func(t *testing.T) {
				s := newServer(t, room.Policy{Mode: mode})
				ann, bob := s.join(t, "ann", both, set), s.join(t, "bob", both, set)
				sees(t, ann, bob)
				if err := bob.Share(Video{FPS: 5, Bitrate: 100_000}); err != nil {
					t.Fatal(err)
				}
				shown := func(c *Client) *Stream { return c.from(bob, protocol.StreamDisplay, codec.Video) }
				await(t, ann, "the screen", func(State) bool { return shown(ann) != nil && shown(ann).Stats().Keyframes > 0 })
				cy := s.join(t, "cy", both, set)
				await(t, cy, "the screen that was there", func(State) bool { return shown(cy) != nil && shown(cy).Stats().Keyframes > 0 })
				if err := bob.Share(Video{}); err != nil {
					t.Fatal(err)
				}
				for _, c := range []*Client{ann, cy} {
					await(t, c, "the end of the screen", func(State) bool { return shown(c).Stats().Active == 0 })
				}
			})
		}
	}
}

func TestChat(t *testing.T) {
	for _, mode := range []string{room.ModeP2P, room.ModeSFU} {
		t.Run(mode, func(t *testing.T) {
			s := newServer(t, room.Policy{Mode: mode})
			lines := map[string]chan Line{}
			listen := func(o *Options) {
				heard := make(chan Line, 16)
				lines[o.Name] = heard
				o.OnChat = func(l Line) { heard <- l }
			}
			ann, bob := s.join(t, "ann", both, listen), s.join(t, "bob", both, listen, old)
			sees(t, ann, bob)
			sees(t, bob, ann)
			for _, c := range []*Client{ann, bob} {
				id, err := c.Say(within(t), "hello of "+c.options.Name)
				if err != nil {
					t.Fatal(err)
				}
				other := map[*Client]string{ann: "bob", bob: "ann"}[c]
				select {
				case l := <-lines[other]:
					if l.ID != id || l.Text != "hello of "+c.options.Name || l.Name != c.options.Name {
						t.Errorf("%s heard %+v", other, l)
					}
				case <-within(t).Done():
					t.Fatalf("%s heard nothing\n%s%s", other, ann.Describe(), bob.Describe())
				}
			}
			for name, heard := range lines {
				if n := len(heard); n != 0 {
					t.Errorf("%s heard %d lines twice", name, n)
				}
			}
		})
	}
}

func TestComesBack(t *testing.T) {
	for _, mode := range []string{room.ModeP2P, room.ModeSFU} {
		t.Run(mode, func(t *testing.T) {
			s := newServer(t, room.Policy{Mode: mode})
			ann, bob := s.join(t, "ann", both), s.join(t, "bob", both)
			sees(t, ann, bob)
			sees(t, bob, ann)
			video := bob.from(ann, protocol.StreamUser, codec.Video)
			me := bob.State().Member
			bob.Drop()
			await(t, bob, "its place", func(st State) bool { return st.Resumed == 1 && st.Member == me })
			before := video.Stats().Packets
			await(t, bob, "pictures that go on", func(State) bool {
				return video.Stats().Active == 1 && video.Stats().Packets > before
			})
			cy := s.join(t, "cy", both)
			sees(t, bob, cy)
			sees(t, cy, bob)
		})
	}
}

func TestRefusals(t *testing.T) {
	s := newServer(t, room.Policy{Mode: room.ModeP2P})
	s.join(t, "ann", Media{})
	again := s.dial(t, "ann")
	if err := again.Join(within(t)); !IsRefused(err, protocol.ErrRepeat) {
		t.Errorf("got %v, want %s", err, protocol.ErrRepeat)
	}
	if _, err := Dial(t.Context(), "ftp://host", Options{}); err == nil {
		t.Error("a client was made for ftp")
	}
}

func TestIsSentAway(t *testing.T) {
	s := newServer(t, room.Policy{Mode: room.ModeSFU})
	ann, bob := s.join(t, "ann", both), s.join(t, "bob", both)
	sees(t, ann, bob)
	if _, err := ann.Call(within(t), protocol.EventRemove, map[string]any{"memberId": bob.State().Member}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-bob.Done():
	case <-within(t).Done():
		t.Fatal("bob was not sent away")
	}
	if err := bob.Join(within(t)); err == nil {
		t.Error("it joined after its end")
	}
	await(t, ann, "the end of bob", func(State) bool { return len(ann.Members()) == 0 })
}

func TestListenerCostsOthersNothing(t *testing.T) {
	s := newServer(t, room.Policy{Mode: room.ModeSFU, Stage: 1})
	ann := s.join(t, "ann", both)
	listener := s.join(t, "lou", Media{}, role(protocol.RoleAudience))
	sees(t, listener, ann)
	quiet := s.join(t, "quiet", Media{}, role(protocol.RoleAudience))
	sees(t, quiet, ann)
	before := total(listener.Counts())
	for range 5 {
		c := s.dial(t, "guest")
		c.options.Role = protocol.RoleAudience
		if err := c.Join(within(t)); err != nil {
			t.Fatal(err)
		}
		sees(t, c, ann)
		if err := c.Leave(within(t)); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	// What the server had to say to the listener it said before this answer.
	if _, err := listener.Call(within(t), protocol.EventPing, nil); err != nil {
		t.Fatal(err)
	}
	if after := total(listener.Counts()); after != before {
		t.Errorf("the listener got %d messages: %v", after-before, listener.Counts())
	}
	list, err := listener.Connectors(within(t))
	if err != nil || len(list) != 1 || list[0].Stream != protocol.StreamDownlink {
		t.Errorf("the listener has %v (%v), want one downlink", list, err)
	}
}

// TestLinesAreUsedAgain: m-lines of a downlink whose stream ended are idle, stay
// so over other changes, and then carry another member's stream.
func TestLinesAreUsedAgain(t *testing.T) {
	t.Run("capable", func(t *testing.T) { testLinesAreUsedAgain(t, func(*Options) {}) })
	t.Run("light", func(t *testing.T) { testLinesAreUsedAgain(t, light) })
}

func testLinesAreUsedAgain(t *testing.T, set func(*Options)) {
	s := newServer(t, room.Policy{Mode: room.ModeSFU})
	ann, bob := s.join(t, "ann", both, set), s.join(t, "bob", both)
	sees(t, ann, bob)
	for _, name := range []string{"cy", "dan", "eve"} {
		guest := s.join(t, name, both)
		sees(t, ann, guest)
		sees(t, guest, ann)
		video := ann.from(guest, protocol.StreamUser, codec.Video)
		if err := guest.Leave(within(t)); err != nil {
			t.Fatal(err)
		}
		await(t, ann, "the end of "+name, func(State) bool { return video.Stats().Active == 0 })
		for _, m := range []Media{{Audio: true}, both} { // which negotiates, with idle lines
			if err := bob.Publish(m); err != nil {
				t.Fatal(err)
			}
			active := map[bool]int{true: 1, false: 0}[m.Video.on()]
			await(t, ann, "bob's picture on or off", func(State) bool {
				return ann.from(bob, protocol.StreamUser, codec.Video).Stats().Active == active
			})
		}
	}
	lines := 0
	if err := ann.onLoop(within(t), func() {
		for _, x := range ann.order {
			if x.stream == protocol.StreamDownlink {
				lines = len(x.flows)
			}
		}
	}); err != nil || lines != 4 {
		t.Errorf("%d m-lines (%v), want 4: two members with two kinds each were the most at once", lines, err)
	}
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func TestCloseAtAnyTime(t *testing.T) {
	s := newServer(t, room.Policy{Mode: room.ModeSFU})
	s.join(t, "ann", both)
	for name, set := range map[string]func(*Options){"": func(*Options) {}, " light": light} {
		for _, after := range []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond} {
			c := s.join(t, after.String()+name, both, set) // its name is taken for the grace period
			timer := time.NewTimer(after)                  // not to wait for something, but to close at another point of it
			<-timer.C
			c.Close()
			c.Close()
		}
	}
}

func TestMakesAnEngineOfItsOwn(t *testing.T) {
	s := newServer(t, room.Policy{Mode: room.ModeSFU})
	ann := s.join(t, "ann", both)
	bob := s.join(t, "bob", both, func(o *Options) { o.Engine = nil })
	sees(t, ann, bob)
	sees(t, bob, ann)
}
