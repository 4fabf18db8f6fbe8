package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"lectern/cmd/lectern/client"
	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

const (
	leaveTime = 5 * time.Second // for all, to say so
	leaveMost = 3 * leaveTime   // for all, to end
	leavers   = 32              // that leave at once
	// maxFailures is how many are told.
	maxFailures = 8
)

// member is one member of a room.
type member struct {
	name      string
	room      int
	publishes bool
	isOld     bool

	// Guarded by crowd.mu until done is closed; then they stay.
	asked  time.Time // when it began to connect
	client *client.Client
	err    error

	done chan struct{} // closed when it is in, or failed
}

// crowd are all members.
type crowd struct {
	plan   *Plan
	engine *client.Engine
	dialer *websocket.Dialer
	prefix string // of the rooms' names
	list   []*member
	rooms  [][]*member // publishers first
	joins  sync.WaitGroup

	mu       sync.Mutex
	joined   int // Guarded by mu.
	finished int // Guarded by mu.
}

func newCrowd(p *Plan, e *client.Engine) *crowd {
	c := &crowd{plan: p, engine: e, prefix: "bench-" + strings.ToLower(rand.Text()[:8])}
	dialer := *websocket.DefaultDialer
	if p.Insecure {
		dialer.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for
	}
	c.dialer = &dialer
	c.rooms = make([][]*member, p.Rooms)
	add := func(room, n int, publishes bool) {
		what := "viewer"
		if publishes {
			what = "publisher"
		}
		m := &member{
			name: fmt.Sprintf("%s %d", what, n), room: room, publishes: publishes,
			isOld: p.isOld(publishes), done: make(chan struct{}),
		}
		c.list = append(c.list, m)
		c.rooms[room] = append(c.rooms[room], m)
	}
	for n := 1; n <= p.Publishers; n++ {
		for room := range p.Rooms {
			add(room, n, true)
		}
	}
	for n := 1; n <= p.Viewers; n++ {
		for room := range p.Rooms {
			add(room, n, false)
		}
	}
	return c
}

// progress is how many joined, and how many are done, with or without.
func (c *crowd) progress() (joined, finished int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joined, c.finished
}

// present are those of a room who joined, publishers first.
func (c *crowd) present(room int) (list []*member) {
	for _, m := range c.rooms[room] {
		select {
		case <-m.done:
			if m.err == nil {
				list = append(list, m)
			}
		default:
		}
	}
	return list
}

// heads are those who joined and only listen; without such, all who joined.
func (c *crowd) heads() int {
	listen, all := 0, 0
	for room := range c.rooms {
		for _, m := range c.present(room) {
			all++
			if !m.publishes {
				listen++
			}
		}
	}
	if listen > 0 {
		return listen
	}
	return all
}

// received is what came to a member, by its source.
func (m *member) received() map[uint32]client.Stats {
	list := map[uint32]client.Stats{}
	for _, s := range m.client.Streams() {
		if st := s.Stats(); st.Source != 0 {
			list[st.Source] = st
		}
	}
	return list
}

// each calls f for every pair of a publisher and another member of its room who
// both joined, with what that one got of the camera and of the microphone.
func (c *crowd) each(f func(from, to *member, sent [2]client.Sent, got [2]client.Stats)) {
	for room := range c.rooms {
		present := c.present(room)
		for _, to := range present {
			received := to.received()
			for _, from := range present {
				if from != to && from.publishes {
					sent := from.client.Sent()
					f(from, to, sent, [2]client.Stats{received[sent[0].Source], received[sent[1].Source]})
				}
			}
		}
	}
}

// hasMedia reports whether all that a publisher sends has come.
func (c *crowd) hasMedia(got [2]client.Stats) bool {
	return got[0].Keyframes > 0 && (got[1].Packets > 0 || !c.plan.Audio)
}

// without is who lacks media of somebody.
func (c *crowd) without() map[*member]bool {
	list := map[*member]bool{}
	c.each(func(_, to *member, _ [2]client.Sent, got [2]client.Stats) {
		if !c.hasMedia(got) {
			list[to] = true
		}
	})
	return list
}

// astray says what keeps a room from being measured, nil if nothing does. last
// tells that it will not pass.
func (c *crowd) astray() (last bool, err error) {
	for room := range c.rooms {
		for _, m := range c.present(room) {
			if !m.publishes || m.isOld {
				continue
			}
			switch s := m.client.State(); {
			case s.Role == protocol.RoleAudience:
				return true, fmt.Errorf("%s of room %d may not send: the stage has %d places, see the server's --stage", m.name, room+1, s.Stage)
			case s.Mode == "":
				// It is gone.
			case s.Mode != protocol.ModeSFU:
				return false, fmt.Errorf("the media of room %d does not go through the server (mode %s), so there is nothing to measure: start it with --mode sfu", room+1, s.Mode)
			}
		}
	}
	return false, nil
}

// loss is how the first one lost the server.
func (c *crowd) loss() error {
	for room := range c.rooms {
		for _, m := range c.present(room) {
			if err := m.client.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone reports whether all who joined have lost the server.
func (c *crowd) gone() bool {
	any := false
	for room := range c.rooms {
		for _, m := range c.present(room) {
			if m.client.Err() == nil {
				return false
			}
			any = true
		}
	}
	return any
}

// failures are what did not work until now. all says that everybody should have
// joined and got media by now.
func (c *crowd) failures(all bool) (list []string) {
	without := c.without()
	for _, m := range c.list {
		var err error
		select {
		case <-m.done:
			switch err = m.err; {
			case err != nil:
				err = fmt.Errorf("could not join: %w", err)
			case m.client.Err() != nil:
				err = fmt.Errorf("did not stay: %w", m.client.Err())
			case all && without[m]:
				err = errors.Join(append([]error{errors.New("never got media")}, m.client.Faults()...)...)
			}
		default:
			if all {
				err = errors.New("was not let in")
			}
		}
		if err != nil {
			list = append(list, fmt.Sprintf("%s of room %d %s", m.name, m.room+1, strings.ReplaceAll(err.Error(), "\n", "; ")))
		}
	}
	return list
}

// gaps are the longest ones since the last call.
func (c *crowd) gaps(now time.Time) (g Gap) {
	for room := range c.rooms {
		for _, m := range c.present(room) {
			if m.publishes {
				g.Sent = max(g.Sent, ms(m.client.TakeSendGap()))
			}
			for _, s := range m.client.Streams() {
				gap := ms(s.TakeGap(now))
				if s.Key().Kind == codec.Video {
					g.Video = max(g.Video, gap)
				} else {
					g.Audio = max(g.Audio, gap)
				}
			}
		}
	}
	return g
}

// counts are what was sent in the measured span, and what of it came.
func (c *crowd) counts() (expected, received int64) {
	c.each(func(_, _ *member, sent [2]client.Sent, got [2]client.Stats) {
		for i := range got {
			expected += sent[i].Packets
			received += got[i].Measured.Packets
		}
	})
	return expected, received
}

// behind is how old the newest packets are that came of each stream.
func (c *crowd) behind(now time.Time) Spread {
	var list []time.Duration
	c.each(func(_, _ *member, _ [2]client.Sent, got [2]client.Stats) {
		for i := range got {
			if at := got[i].LastSent; !at.IsZero() {
				list = append(list, max(now.Sub(at), 0))
			}
		}
	})
	return spreadOfList(list)
}

// leave ends all members, and waits, but not for ever: pion may wait in vain for a
// connection that ends while it begins, and the report is not to be lost by that.
func (c *crowd) leave() {
	left := make(chan struct{})
	go func() { // ends with the members
		defer close(left)
		c.joins.Wait()
		c.leaveAll()
	}()
	select {
	case <-left:
	case <-time.After(leaveMost):
	}
}

// leaveAll ends all members.
func (c *crowd) leaveAll() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	turn := make(chan struct{}, leavers)
	var ends sync.WaitGroup
	for _, m := range c.list {
		select {
		case <-m.done:
		default:
			continue // it was not begun
		}
		if m.client == nil {
			continue
		}
		turn <- struct{}{}
		ends.Go(func() {
			_ = m.client.Leave(ctx)
			m.client.Close()
			<-turn
		})
	}
	ends.Wait()
}
