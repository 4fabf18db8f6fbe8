package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"lectern/cmd/lectern/client/downlink"
	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// openLight makes the connector's connection a light one.
func (x *connector) openLight() (err error) {
	if x.light, err = x.client.engine.light.Open(lightOwner{x}); err != nil {
		return fmt.Errorf("client: make a connection: %w", err)
	}
	x.enter()
	return nil
}

// answerLight answers an offer.
func (x *connector) answerLight(d *description.Description) (none protocol.Description, err error) {
	a, err := x.light.Answer(d)
	if err != nil {
		return none, fmt.Errorf("client: answer an offer: %w", err)
	}
	x.showFlows(d)
	return protocol.Description{Type: protocol.EventAnswer, SDP: a.String()}, nil
}

// state is that of the connection, as webrtc.PeerConnectionState names it.
func (x *connector) state() string {
	switch {
	case x.light == nil:
		return x.pc.ConnectionState().String()
	case x.isUp:
		return webrtc.PeerConnectionStateConnected.String()
	}
	return webrtc.PeerConnectionStateConnecting.String()
}

// lightOwner is the connector as its connection sees it.
type lightOwner struct{ x *connector }

// Sink gives what counts the packets of an m-line. The loop is in Answer.
func (o lightOwner) Sink(mid string) downlink.Sink { return &lightSink{flow: o.x.flow(mid)} }

// Connected tells the loop.
func (o lightOwner) Connected(err error) {
	s := webrtc.PeerConnectionStateConnected
	if err != nil {
		s = webrtc.PeerConnectionStateFailed
	}
	o.x.client.do(func() {
		if err != nil && !errors.Is(err, downlink.ErrClosed) {
			o.x.client.try(err)
		}
		o.x.isUp = err == nil
		o.x.moved(s)
	})
}

// lightSink counts one stream of one connector.
type lightSink struct {
	flow *flow
	in   inflow // owned by who reads the peer
}

// Take counts a packet.
func (s *lightSink) Take(packet []byte, at time.Time) {
	if stream := s.flow.stream.Load(); stream != nil {
		stream.take(&s.in, packet, at)
	}
}
