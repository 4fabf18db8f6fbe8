package client

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"lectern/cmd/lectern/client/downlink"
	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

const (
	// maxHeld is how many candidates and messages a connector keeps until
	// their time has come.
	maxHeld = 64
	// flushTime is how long a connector that ends waits for its last message
	// to be taken.
	flushTime = time.Second
)

// way is how a renegotiation goes; the reply goes the same one.
type way uint8

const (
	bySocket way = iota
	byChannel
)

// connector is one connection. The loop owns it.
type connector struct {
	client *Client
	id     protocol.ConnectorID
	remote protocol.ConnectorID // "" until the other side has said it
	member protocol.MemberID
	stream protocol.StreamType
	offers bool // this side made the first offer, so it makes all of them

	api      *webrtc.API
	pc       *webrtc.PeerConnection
	light    *downlink.Peer // instead of pc
	isUp     bool           // light is connected
	channel  *webrtc.DataChannel
	open     bool     // the channel is
	unsaid   []string // until it is open
	answered bool     // the first offer was
	closed   bool

	held       []webrtc.ICECandidateInit // came before the description they belong to
	declared   []uint32                  // SSRCs that the other side named
	sends      [2]sent                   // by codec.Kind
	flows      map[string]*flow          // by mid
	streamsMap []protocol.Stream         // of a downlink

	pending bool // an offer of ours is not answered
	again   bool // and another one is to follow
	nextWay way
}

// sent is what a connector sends of one kind.
type sent struct {
	transceiver *webrtc.RTPTransceiver
	sender      *webrtc.RTPSender
	outlet      *outlet // nil: nothing
}

// newConnector makes a connection. offers says who made the first offer.
func (c *Client) newConnector(member protocol.MemberID, stream protocol.StreamType, offers bool) (*connector, error) {
	if len(c.order) >= maxConnectors {
		return nil, errors.New("client: too many connectors")
	}
	x := &connector{
		client: c, id: protocol.ConnectorID(randomID()), member: member, stream: stream, offers: offers,
		api: c.engine.both, flows: map[string]*flow{},
	}
	var err error
	if stream == protocol.StreamDownlink {
		if x.api = c.engine.receive; c.options.Light {
			return x, x.openLight()
		}
	}
	if x.pc, err = x.api.NewPeerConnection(c.engine.config); err != nil {
		return nil, fmt.Errorf("client: make a connection: %w", err)
	}
	x.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { c.do(func() { x.moved(s) }) })
	x.pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { c.do(func() { x.receive(t, r) }) })
	x.pc.OnDataChannel(func(dc *webrtc.DataChannel) { x.use(dc) })
	if c.options.Old {
		x.pc.OnICECandidate(func(found *webrtc.ICECandidate) { c.do(func() { x.found(found) }) })
	}
	x.enter()
	return x, nil
}

// enter makes it one of the client's connectors.
func (x *connector) enter() {
	x.client.connectors[x.id] = x
	x.client.order = append(x.client.order, x)
}

// close ends the connector. A message said last, about the end, goes first.
func (x *connector) close() {
	if x.closed {
		return
	}
	x.closed = true
	c := x.client
	delete(c.connectors, x.id)
	c.order = slices.DeleteFunc(c.order, func(y *connector) bool { return y == x })
	for k := range x.sends {
		if o := x.sends[k].outlet; o != nil {
			c.publisher.detach(o)
		}
	}
	for _, f := range x.flows {
		f.show(nil)
	}
	c.engine.known.forget(x.declared)
	if x.light != nil {
		c.closing.Go(x.light.Close)
		return
	}
	flush := x.open && x.stream == protocol.StreamDisplay
	// Its callbacks wait for the loop, so the loop must not wait for them.
	c.closing.Go(func() {
		if flush {
			awaitSent(x.channel)
		}
		_ = x.pc.GracefulClose()
	})
}

// awaitSent returns when the other side has everything, or flushTime is over.
func awaitSent(dc *webrtc.DataChannel) {
	low := make(chan struct{}, 1)
	dc.SetBufferedAmountLowThreshold(0)
	dc.OnBufferedAmountLow(func() {
		select {
		case low <- struct{}{}:
		default:
		}
	})
	if dc.BufferedAmount() == 0 {
		return
	}
	select {
	case <-low:
	case <-time.After(flushTime):
	}
}

// closeAll ends all connectors.
func (c *Client) closeAll() {
	for _, x := range slices.Clone(c.order) {
		x.close()
	}
}

// moved follows the state of the connection.
func (x *connector) moved(s webrtc.PeerConnectionState) {
	c := x.client
	if x.closed {
		return
	}
	c.log.Debug("connection", "connector", x.id, "member", x.member, "stream", x.stream, "state", s.String())
	var word string
	switch s {
	case webrtc.PeerConnectionStateConnected:
		word = protocol.ReportConnected
		for k := range x.sends {
			if o := x.sends[k].outlet; o != nil {
				o.source.asked.Store(true) // what was sent before went nowhere
			}
		}
	case webrtc.PeerConnectionStateFailed:
		word = protocol.ReportFailed
	case webrtc.PeerConnectionStateClosed:
		if x.stream == protocol.StreamRemoteDisplay {
			x.close() // the member stopped sharing before its data channel opened, so it could not say so
		}
	}
	if word != "" && !c.options.Old && x.member != protocol.ServerMember {
		c.try(c.Emit(protocol.EventReport, health{x.id, word}))
	}
	c.notify()
}

// found passes a candidate on, as existing clients do: the answerer twice, the
// offerer only what it finds after it knows the other side.
func (x *connector) found(found *webrtc.ICECandidate) {
	if found == nil || x.remote == "" || x.closed {
		return
	}
	times := 2
	if x.offers {
		times = 1
	}
	for range times {
		x.client.try(x.client.Emit(protocol.EventICECandidate, candidate{x.remote, x.member, found.ToJSON()}))
	}
}

// takeCandidate takes a candidate of the other side.
func (c *Client) takeCandidate(m *protocol.RelayedCandidate) error {
	x := c.connectors[m.Connector]
	if x == nil || x.light != nil {
		return nil
	}
	return with(m.Candidate, func(i *webrtc.ICECandidateInit) error {
		if x.pc.RemoteDescription() != nil {
			// One of an earlier generation is no fault.
			_ = x.pc.AddICECandidate(*i)
		} else if len(x.held) < maxHeld {
			x.held = append(x.held, *i)
		}
		return nil
	})
}

// use takes the data channel; pion calls it on a goroutine of its own.
func (x *connector) use(dc *webrtc.DataChannel) {
	c := x.client
	dc.OnOpen(func() {
		c.do(func() {
			if x.closed {
				return
			}
			x.channel, x.open = dc, true
			unsaid := x.unsaid
			x.unsaid = nil
			for _, text := range unsaid {
				c.try(dc.SendText(text))
			}
			c.notify()
		})
	})
	dc.OnMessage(func(m webrtc.DataChannelMessage) {
		c.do(func() {
			if x.closed {
				return
			}
			c.try(x.hearText(m.Data))
			c.notify()
		})
	})
}

// say sends a message on the data channel, as soon as it is open.
func (x *connector) say(kind string, data any) error {
	b, err := protocol.Encode(struct {
		Type string `json:"type"`
		Data any    `json:"data"`
	}{kind, data})
	switch {
	case err != nil:
		return err
	case x.open:
		return x.channel.SendText(string(b))
	case len(x.unsaid) >= maxHeld:
		return fmt.Errorf("client: the channel with %s does not open", x.member)
	}
	x.unsaid = append(x.unsaid, string(b))
	return nil
}

// wants reports whether a kind is to be sent by this connector.
func (x *connector) wants(k codec.Kind) bool {
	switch x.stream {
	case protocol.StreamUser:
		return x.client.publisher.sends(protocol.StreamUser, k)
	case protocol.StreamDisplay:
		return x.client.publisher.sends(protocol.StreamDisplay, k)
	}
	return false // a downlink, or somebody else's screen
}

// put has a transceiver send a kind. A sender with pion's interceptors is only
// to be had for a transceiver of pion's choice (AddTrack), so this one is without
// them, and the outlet itself reports and sends again what is lost.
func (x *connector) put(k codec.Kind, t *webrtc.RTPTransceiver) error {
	c := x.client
	src := c.publisher.source(x.stream, k)
	streamID := c.options.ID[:8] + string(x.stream)
	o := newOutlet(src, streamID)
	o.reports = &reports{cname: c.options.ID, send: x.pc.WriteRTCP}
	if k == codec.Video { // nobody asks for sound again
		o.repair = new(repair)
	}
	sender, err := x.api.NewRTPSender(o, x.pc.SCTP().Transport())
	if err != nil {
		return fmt.Errorf("client: make a sender: %w", err)
	}
	if err := t.SetSender(sender, o); err != nil {
		return fmt.Errorf("client: set a sender: %w", err)
	}
	x.hold(k, t, sender, o)
	return nil
}

// hold remembers what sends a kind, and listens to what is said about it.
func (x *connector) hold(k codec.Kind, t *webrtc.RTPTransceiver, sender *webrtc.RTPSender, o *outlet) {
	x.sends[k] = sent{t, sender, o}
	x.client.publisher.attach(o)
	x.client.closing.Go(func() { o.listen(sender) }) // ends with the sender
}

// withdraw has nothing of a kind sent any more.
func (x *connector) withdraw(k codec.Kind) error {
	s := &x.sends[k]
	if s.outlet == nil {
		return nil
	}
	x.client.publisher.detach(s.outlet)
	s.outlet = nil
	if err := x.pc.RemoveTrack(s.sender); err != nil {
		return fmt.Errorf("client: remove a track: %w", err)
	}
	return nil
}
