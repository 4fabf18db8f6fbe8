package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/sfu/transport"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

const (
	// answerTime is how long a client has to answer an offer over the data
	// channel, where its answer may stand behind pieces of a file for somebody
	// slow (boxPatience). A first offer has no such limit: its answer may wait for a
	// person to allow the camera.
	answerTime = 30 * time.Second
	// soundTime is how long a connection must have held for its failure to
	// count as the first one.
	soundTime = 10 * time.Second
	// closedTime is how long a connection or its data channel may be closed
	// before its connector counts as dead. A client that leaves closes its connections before its
	// word of that has come.
	closedTime = time.Second
	// maxControl is how many messages of negotiation of one connector wait for
	// the plane; then the client's channel is not read.
	maxControl = 16
	// maxSections is when a connector whose description has grown is replaced
	// by a fresh one. An old client needs one more for each unmute.
	maxSections = 48
)

// connector is one connection with one client. The room's goroutine owns it,
// but for what says otherwise.
type connector struct {
	plane    *Plane
	id       protocol.ConnectorID // ours
	remoteID protocol.ConnectorID // the client's; empty until it said
	member   *member              // at whose client it is
	plays    protocol.MemberID    // whom the client thinks is at the other end
	stream   protocol.StreamType
	offers   bool           // the server is the one that offers on it
	source   *publication   // what it plays; nil: nothing, or it is a downlink
	sources  []*publication // what a downlink plays
	files    *outlet        // where the files go that come over it
	link     link
	replaces *connector // ended when this one is connected
	// replacement is the one that replaces it; nil: none.
	replacement *connector
	// vacant: the member that it plays is not on stage any more, and the client's
	// own pictures still come over it (standin.go).
	vacant   bool
	relieves *connector // the stand-in that ends when this one carries its pictures

	local    transport.Local
	ready    bool // local is known
	session  uint64
	version  uint64
	sections []*section
	offering int // sections of the last offer of ours; later ones are not answered yet

	offered  bool // the first offer was made, by either side
	answered bool // and answered
	pending  way  // the negotiation that is under way; see negotiate
	asked    int  // counts what pending was set for, to tell timeouts apart
	dirty    bool // something changed that is not negotiated yet
	path     path // whether the next offer restarts ICE
	first    *description.Description

	ufrag      string                   // the client's, as it said last
	restarts   *description.Description // the client's offer of an ICE restart, while ours is prepared
	restartsBy way

	connected   bool
	connectedAt time.Time
	open        bool // the data channel
	attempt     int  // how many connectors before it failed
	met         bool // one of those reached the client
	adding      [2]growth
	flows       [2]bool // something of a kind has come over it, since it is the uplink
	ended       bool

	done chan struct{} // closed when it ends; any goroutine may wait for it
	gate chan struct{} // one for each message of negotiation that waits
}

// section is one m-line of a connector.
type section struct {
	kind description.Kind
	mid  string

	// What is wanted.
	source *publication // whose track of its kind it carries; nil: nobody's
	recv   bool         // the client may send on it, if the connector is an uplink

	// What the last description of ours said.
	sends, takes bool
	formats      []description.Format

	// What is going on.
	playing   *playing   // nil: nothing is sent
	begun     bool       // something of what plays was sent
	receiving *receiving // nil: what comes is not for us
	ssrc, rtx uint32
	theirs    description.Section // the client's last word, where it offers
}

// growth is how far the unmuting of a kind has come.
type growth uint8

const (
	noGrowth growth = iota
	retried         // offered again as it was
	grown           // offered again with a fresh section
)

func newConnector(p *Plane, at *member, plays protocol.MemberID, stream protocol.StreamType) *connector {
	return &connector{
		plane: p, id: protocol.ConnectorID(rand.Text()), member: at, plays: plays, stream: stream,
		session: randomSession(), offers: true, files: &outlet{},
		done: make(chan struct{}), gate: make(chan struct{}, maxControl),
	}
}

// randomSession is a number for the o= line (RFC 8829 section 5.2.1: 63 bits).
func randomSession() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) >> 1
}

func randomSSRC() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:]) | 1 // never 0
}

// publishes is what rides on the connector, nil if nothing does.
func (c *connector) publishes() *publication {
	for _, pub := range []*publication{c.member.user, c.member.display} {
		if pub != nil && pub.uplink == c {
			return pub
		}
	}
	return nil
}

// carriesDisplay reports whether the member's screen comes over the connector.
// It outlives the member it was made for: the client does not show it.
func (c *connector) carriesDisplay() bool {
	return c.member.display != nil && c.member.display.uplink == c
}

// later has the room's goroutine do something, unless the connector has ended
// by then. Any goroutine may call it.
func (c *connector) later(work func()) {
	c.plane.queue.put(func() {
		if !c.ended {
			work()
		}
	})
}

// opened is called by the link when it knows its side of the connection, at
// the beginning and after each restart.
func (c *connector) opened(l transport.Local, err error) {
	c.later(func() {
		if err != nil {
			c.plane.log.Error("a media connection could not be opened", "member", c.member.id, "err", err)
			c.plane.end(c)
			c.plane.tellGone(c)
			return
		}
		c.local = l
		switch {
		case c.restarts != nil:
			d := c.restarts
			c.restarts = nil
			c.takeOffer(d, c.restartsBy)
			return
		case c.ready:
			c.offerOverSocket() // the ICE restart
			return
		}
		c.ready = true
		c.plane.begin(c.member)
	})
}

// begin makes the first offers and answers of a member's connectors, in the
// order in which the others came: it is the order of the tiles.
func (p *Plane) begin(m *member) {
	for _, c := range append([]*connector(nil), m.connectors...) {
		switch {
		case !c.ready:
			return
		case c.ended:
		case c.first != nil:
			d := c.first
			c.first = nil
			c.takeOffer(d, overSocket)
		case !c.offered:
			c.negotiate()
		}
	}
}

func (c *connector) stateChanged(s transport.State) {
	c.later(func() {
		c.plane.log.Debug("media connection", "member", c.member.id, "plays", c.plays, "stream", c.stream, "state", s)
		switch s {
		case transport.Connected:
			c.becomeConnected()
		case transport.Disconnected:
			c.connected = false
			if c.offers {
				c.renew()
			}
		case transport.Failed:
			c.connected = false
			c.failLater("the connection failed", func() bool { return !c.connected })
		}
	})
}

func (c *connector) becomeConnected() {
	if c.path == stale {
		c.path = sound // it came back before its turn
	}
	if !c.connected {
		c.connected, c.connectedAt = true, time.Now()
	}
	if old := c.replaces; old != nil {
		c.replaces = nil
		if !old.ended {
			c.plane.end(old)
			c.plane.tellGone(old)
		}
	}
	c.plane.disturb(c.member)
}

// fail makes another connector in the place of one that is of no use any more,
// once.
func (c *connector) fail(why string) {
	c.plane.log.Info("media connection ended", "member", c.member.id, "plays", c.plays, "stream", c.stream, "why", why)
	if !c.connectedAt.IsZero() && time.Since(c.connectedAt) > soundTime {
		c.attempt = 0
	}
	if c.attempt > 0 {
		c.plane.giveUp(c)
		return
	}
	c.attempt++
	c.plane.replace(c)
}

func (c *connector) channelOpened() {
	c.later(func() {
		c.open = true
		c.negotiate()
	})
}

func (c *connector) channelClosed() {
	c.later(func() {
		c.open = false
		c.failLater("the client closed it", func() bool { return !c.open })
	})
}

// failLater gives the client time to say that it has left.
func (c *connector) failLater(why string, still func() bool) {
	time.AfterFunc(closedTime, func() {
		c.later(func() {
			if still() {
				c.connected = false
				c.fail(why)
			}
		})
	})
}

// flowing is called by the link when the first packet of a kind has come.
func (c *connector) flowing(k codec.Kind) {
	c.later(func() {
		c.flows[k] = true
		pub := c.publishes()
		if pub == nil || !c.receives(k) {
			return
		}
		if !c.offers {
			active := pub.active
			active[k] = true
			c.plane.setActive(pub, active)
		}
		c.relieve()
	})
}

// receives reports whether the client sends a kind, by its descriptions.
func (c *connector) receives(k codec.Kind) bool {
	for _, s := range c.sections {
		if kind, ok := s.kind.CodecKind(); ok && kind == k && s.receiving != nil {
			return true
		}
	}
	return false
}

// streams reports whether the client put a track in a stream there.
func (c *connector) streams(k codec.Kind) bool {
	for _, s := range c.sections {
		if kind, ok := s.kind.CodecKind(); ok && kind == k && s.receiving != nil && s.theirs.StreamID != "" {
			return true
		}
	}
	return false
}

// end closes the connector's link. The plane's end does the rest.
func (c *connector) end() {
	if c.ended {
		return
	}
	c.ended = true
	close(c.done)
	if c.link != nil {
		c.link.Close()
	}
}

// replace makes a new connector in a connector's place, offered by the server.
// The old one lives until the new one is connected, if it is alive.
func (p *Plane) replace(c *connector) {
	if c.carriesDisplay() {
		p.endDisplay(c.member)
		return
	}
	if c.stream == protocol.StreamDisplay && c.source == nil {
		p.end(c) // one of a sharer's that carry nothing
		return
	}
	if n := c.replacement; n != nil && !n.ended { // one is on its way
		if !c.connected {
			p.end(c)
			p.tellGone(c)
		}
		return
	}
	n := p.newConnector(c.member, c.plays, c.stream)
	n.source, n.sources, n.attempt, n.met = c.source, c.sources, c.attempt, c.reached()
	n.vacant, n.relieves = c.vacant, c.relieves
	if c.member.down == c {
		c.member.down = n
	}
	if pub := c.member.user; pub.uplink == c {
		pub.uplink = n
	}
	n.layOut()
	if c.connected {
		n.replaces, c.replacement = c, n
	} else {
		if old := c.replaces; old != nil {
			n.replaces, old.replacement = old, n
		}
		p.end(c)
		p.tellGone(c)
	}
	n.link = p.openLink(n)
}

// giveUp ends a connector for good and tells its member.
func (p *Plane) giveUp(c *connector) {
	lost := &media.Lost{Member: c.member.id, Why: "a connection failed twice", Silent: !c.reached()}
	p.end(c)
	p.tellGone(c)
	if old := c.replaces; old != nil {
		old.negotiate() // it carries what it can, and waited for its replacement
	}
	p.refuse(c.member.id, protocol.NewError(protocol.ErrMedia))
	p.out = append(p.out, media.Event{Lost: lost})
}

// refuse tells a member what went wrong.
func (p *Plane) refuse(to protocol.MemberID, err *protocol.Error) {
	p.out = append(p.out, media.Event{To: to, Err: err})
}
