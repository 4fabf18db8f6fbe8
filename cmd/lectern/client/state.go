package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lectern/signaling/protocol"
)

// State is what the client knows of its membership. What only capable clients
// are told is empty at an existing one.
type State struct {
	In      bool // let in, and did not leave
	Member  protocol.MemberID
	Room    string
	Mode    protocol.Mode
	Role    protocol.Role
	Resumed int // how often it came back to a place that was kept

	Audience int // how many listen, as far as it was told
	Stage    int // how many may be on stage
	Locked   bool
	Hands    []protocol.Hand // first raised first; of hosts only
}

// State gives what is known now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.Hands = slices.Clone(s.Hands)
	return s
}

// Members are the others on stage, by id, in no order.
func (c *Client) Members() []protocol.Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.members))
}

// Counts gives how many events of each name came.
func (c *Client) Counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// Streams gives the streams that come or came, in no order.
func (c *Client) Streams() []*Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.streams))
}

// Stream gives one of them, nil if it never came.
func (c *Client) Stream(k Key) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[k]
}

// ConnectorInfo is one of the client's connectors.
type ConnectorInfo struct {
	ID     protocol.ConnectorID
	Member protocol.MemberID
	Stream protocol.StreamType // as the client says it: StreamRemoteDisplay is somebody's screen
	State  string              // of the connection, as in webrtc.PeerConnectionState
}

// Connectors gives the client's connectors, oldest first.
func (c *Client) Connectors(ctx context.Context) (list []ConnectorInfo, err error) {
	done := make(chan []ConnectorInfo, 1)
	err = c.onLoop(ctx, func() {
		var list []ConnectorInfo
		for _, x := range c.order {
			list = append(list, ConnectorInfo{x.id, x.member, x.stream, x.state()})
		}
		done <- list
	})
	if err != nil {
		return nil, err
	}
	return <-done, nil
}

// Describe says how the client is, in several lines, for a test that fails.
func (c *Client) Describe() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	list, err := c.Connectors(ctx)
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %+v\nevents %v\nfaults %v\nconnectors %v %v\n", c.options.Name, c.State(), c.Counts(), c.Faults(), list, err)
	for _, s := range c.Streams() {
		st := s.Stats()
		fmt.Fprintf(&b, "%v: active %d, packets %d, keyframes %d, missing %d, lost %d\n",
			s.Key(), st.Active, st.Packets, st.Keyframes, st.Missing, st.Lost)
	}
	return b.String()
}

// lookEvery is how often Wait looks without a reason: packets wake nobody.
const lookEvery = 50 * time.Millisecond

// Wait returns when cond holds of the state. cond is called after every event
// and keyframe, when a connection changes, and from time to time; it may look
// at the client and its streams.
func (c *Client) Wait(ctx context.Context, cond func(State) bool) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		c.mu.Lock()
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed := c.changed
		c.mu.Unlock()
		if cond(c.State()) {
			return nil
		}
		select {
		case <-changed:
		case <-look.C:
		case <-c.ended:
			if cond(c.State()) {
				return nil
			}
			return c.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify wakes those who wait.
func (c *Client) notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// Faults is what went wrong and did not end the client, oldest first; at most
// maxFaults are kept.
func (c *Client) Faults() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}

const maxFaults = 32

func (c *Client) fault(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, err)
	}
}

// streamFor is the stream's counters, made when it is new.
func (c *Client) streamFor(k Key) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[k]
	if s == nil {
		if len(c.streams) >= maxStreams {
			for old, x := range c.streams {
				if !x.isActive() {
					delete(c.streams, old)
					break
				}
			}
		}
		s = &Stream{key: k, engine: c.engine, changed: c.notify}
		c.streams[k] = s
	}
	return s
}
