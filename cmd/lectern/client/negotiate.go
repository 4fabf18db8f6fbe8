package client

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// gatherTime bounds the wait for the one host candidate.
const gatherTime = 30 * time.Second

// getOffer offers to a member: a screen that is shared first, as existing
// clients do.
func (c *Client) getOffer(member protocol.MemberID) error {
	if _, screen := c.publisher.settings(); screen.on() {
		if err := c.offerTo(member, protocol.StreamDisplay); err != nil {
			return err
		}
	}
	return c.offerTo(member, protocol.StreamUser)
}

// offerTo begins a connector. The m-lines are video, audio and the channel, in
// this order, and both kinds are there whether anything is sent or not.
func (c *Client) offerTo(member protocol.MemberID, stream protocol.StreamType) error {
	x, err := c.newConnector(member, stream, true)
	if err != nil {
		return err
	}
	for _, k := range []codec.Kind{codec.Video, codec.Audio} {
		if err := x.offerKind(k); err != nil {
			x.close()
			return err
		}
	}
	dc, err := x.pc.CreateDataChannel("chat", nil)
	if err != nil {
		x.close()
		return fmt.Errorf("client: make a channel: %w", err)
	}
	x.use(dc)
	if err := x.offer(bySocket); err != nil {
		x.close()
		return err
	}
	return nil
}

func (x *connector) offerKind(k codec.Kind) error {
	kind := webrtc.RTPCodecTypeAudio
	if k == codec.Video {
		kind = webrtc.RTPCodecTypeVideo
	}
	if !x.wants(k) {
		if x.stream == protocol.StreamDisplay {
			return nil
		}
		_, err := x.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		return err
	}
	o := newOutlet(x.client.publisher.source(x.stream, k), x.client.options.ID[:8]+string(x.stream))
	t, err := x.pc.AddTransceiverFromTrack(o)
	if err != nil {
		return err
	}
	x.hold(k, t, t.Sender(), o)
	return nil
}

// offer makes an offer, or has one follow the running negotiation.
func (x *connector) offer(w way) error {
	if x.pending {
		x.again, x.nextWay = true, w
		return nil
	}
	d, err := x.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("client: make an offer: %w", err)
	}
	local, err := x.describe(d)
	if err != nil {
		return err
	}
	x.pending = true
	switch {
	case !x.answered:
		return x.client.Emit(protocol.EventOffer, offer{x.id, x.member, local, x.stream})
	case w == byChannel:
		return x.say(protocol.EventOffer, renegotiation{Offer: &local})
	}
	return x.work(protocol.EventOffer, renegotiation{Offer: &local})
}

func (x *connector) work(kind string, data any) error {
	return x.client.Emit(protocol.EventReconnectWork, reconnectWork{kind, data, x.id, x.member})
}

// describe sets the local description. A capable client's has its candidates
// in it, an existing one's has none.
func (x *connector) describe(d webrtc.SessionDescription) (protocol.Description, error) {
	gathered := webrtc.GatheringCompletePromise(x.pc)
	if err := x.pc.SetLocalDescription(d); err != nil {
		return protocol.Description{}, fmt.Errorf("client: set the local description: %w", err)
	}
	if !x.client.options.Old {
		select {
		case <-gathered:
		case <-time.After(gatherTime):
			return protocol.Description{}, errors.New("client: no candidate was found")
		}
		d = *x.pc.LocalDescription()
	}
	return protocol.Description{Type: d.Type.String(), SDP: d.SDP}, nil
}

// takeOffer answers the first offer of a connector.
func (c *Client) takeOffer(m *protocol.RelayedOffer) error {
	stream := m.StreamType
	if stream == protocol.StreamDisplay {
		stream = protocol.StreamRemoteDisplay
	}
	x, err := c.newConnector(m.Member, stream, false)
	if err != nil {
		return err
	}
	x.remote, x.streamsMap = m.Remote, m.Streams
	local, err := x.answerTo(&m.Offer)
	if err != nil {
		x.close()
		return err
	}
	x.answered = true
	if err := c.Emit(protocol.EventAnswer, answer{x.remote, x.id, x.member, local, stream}); err != nil {
		return err
	}
	if m.Member == protocol.ServerMember {
		return c.showScreen() // the server takes it from here on
	}
	return nil
}

// takeAnswer takes the answer to the first offer of a connector.
func (c *Client) takeAnswer(m *protocol.RelayedAnswer) error {
	x := c.connectors[m.Connector]
	if x == nil || x.answered {
		return nil
	}
	x.remote, x.answered = m.Remote, true
	return x.accept(&m.Answer)
}

// renegotiate follows a message about a connector that is there.
func (x *connector) renegotiate(kind string, r *renegotiation, w way) error {
	switch {
	case kind == protocol.EventGetOffer:
		if !x.offers {
			return nil // the one who offered offers
		}
		return x.offer(w)
	case kind == protocol.EventOffer && r.Offer != nil:
		if x.stream == protocol.StreamDownlink {
			x.streamsMap = r.Streams
		}
		local, err := x.answerTo(r.Offer)
		if err != nil {
			return err
		}
		if w == byChannel {
			return x.say(protocol.EventAnswer, renegotiation{Answer: &local})
		}
		return x.work(protocol.EventAnswer, renegotiation{Answer: &local})
	case kind == protocol.EventAnswer && r.Answer != nil && x.pending:
		return x.accept(r.Answer)
	}
	return nil
}

// accept takes the answer to an offer of ours.
func (x *connector) accept(d *protocol.Description) error {
	parsed, err := description.Parse(d.SDP)
	if err != nil {
		return fmt.Errorf("client: an answer: %w", err)
	}
	if err := x.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: d.SDP}); err != nil {
		return fmt.Errorf("client: set an answer: %w", err)
	}
	x.declared = x.client.engine.known.note(x.declared, parsed.Sections)
	x.pending = false
	x.unhold()
	for _, s := range parsed.Sections {
		if k, ok := s.Kind.CodecKind(); ok && x.sends[k].outlet != nil && x.sends[k].transceiver.Mid() == s.MID {
			x.sends[k].outlet.gate(s.Direction.Receives() && !s.Rejected)
		}
	}
	x.showFlows(parsed)
	if x.again {
		x.again = false
		return x.offer(x.nextWay)
	}
	return nil
}

func (x *connector) unhold() {
	for _, i := range x.held {
		_ = x.pc.AddICECandidate(i)
	}
	x.held = nil
}

// answerTo answers an offer. What the client sends goes where the other side
// receives, one m-line of each kind, and stays on one as long as that is so.
func (x *connector) answerTo(d *protocol.Description) (none protocol.Description, err error) {
	parsed, err := description.Parse(d.SDP)
	if err != nil {
		return none, fmt.Errorf("client: an offer: %w", err)
	}
	if x.light != nil {
		return x.answerLight(parsed)
	}
	remote := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: x.asPionTakes(d.SDP, parsed)}
	if err := x.pc.SetRemoteDescription(remote); err != nil {
		return none, fmt.Errorf("client: set an offer: %w", err)
	}
	x.declared = x.client.engine.known.note(x.declared, parsed.Sections)
	x.unhold()
	for _, k := range []codec.Kind{codec.Audio, codec.Video} {
		if err := x.place(k, parsed); err != nil {
			return none, err
		}
	}
	local, err := x.pc.CreateAnswer(nil)
	if err != nil {
		return none, fmt.Errorf("client: make an answer: %w", err)
	}
	described, err := x.describe(local)
	if err != nil {
		return none, err
	}
	described.SDP = setDirections(described.SDP, x.directions(parsed))
	x.showFlows(parsed)
	return described, nil
}

// asPionTakes edits an offer. pion stops the transceiver of an m-line that is
// inactive, and of one that stays so the receiver for good; but such a line is
// to be used again. With one that only receives it does what is meant. The
// first time a line is there nothing is stopped.
func (x *connector) asPionTakes(sdp string, d *description.Description) string {
	idle := map[string]description.Direction{}
	for _, s := range d.Sections {
		if x.flows[s.MID] != nil && s.Direction == description.Inactive {
			idle[s.MID] = description.RecvOnly
		}
	}
	return setDirections(sdp, idle)
}

// place has one m-line of the offer carry what is sent of a kind.
func (x *connector) place(k codec.Kind, d *description.Description) error {
	at := ""
	for _, s := range d.Sections {
		kind, ok := s.Kind.CodecKind()
		if !ok || kind != k || s.Rejected || !s.Direction.Receives() || !x.wants(k) {
			continue
		}
		if at == "" || x.sendsOn(k, s.MID) {
			at = s.MID
		}
	}
	if at != "" && x.sendsOn(k, at) {
		x.sends[k].outlet.gate(true)
		return nil
	}
	if err := x.withdraw(k); err != nil || at == "" {
		return err
	}
	for _, t := range x.pc.GetTransceivers() {
		if t.Mid() == at {
			if err := x.put(k, t); err != nil {
				return err
			}
			x.sends[k].outlet.gate(true)
			return nil
		}
	}
	return fmt.Errorf("client: no transceiver has the mid %q", at)
}

func (x *connector) sendsOn(k codec.Kind, mid string) bool {
	return x.sends[k].outlet != nil && x.sends[k].transceiver.Mid() == mid
}

// directions are those of the answer to an offer, by mid.
func (x *connector) directions(offer *description.Description) map[string]description.Direction {
	list := map[string]description.Direction{}
	for _, s := range offer.Sections {
		if k, ok := s.Kind.CodecKind(); ok {
			list[s.MID] = description.MakeDirection(x.sendsOn(k, s.MID), s.Direction.Sends())
		}
	}
	return list
}

// setDirections writes the directions into a description, by mid. The rest
// stays as it is.
func setDirections(sdp string, directions map[string]description.Direction) string {
	const mLine, mid = "\r\nm=", "\r\na=mid:"
	parts := strings.Split(sdp, mLine)
	for i, part := range parts[1:] {
		_, after, ok := strings.Cut(part, mid)
		name, _, _ := strings.Cut(after, "\r\n")
		d, known := directions[name]
		if !ok || !known {
			continue
		}
		part += "\r\n" // the direction may be the last line
		for _, old := range []description.Direction{description.SendRecv, description.SendOnly, description.RecvOnly, description.Inactive} {
			part = strings.Replace(part, "\r\na="+old.String()+"\r\n", "\r\na=?\r\n", 1)
		}
		part = strings.Replace(part, "\r\na=?\r\n", "\r\na="+d.String()+"\r\n", 1)
		parts[i+1] = strings.TrimSuffix(part, "\r\n")
	}
	return strings.Join(parts, mLine)
}

// refit has the other side learn that something is sent or no longer.
func (x *connector) refit() error {
	if x.stream != protocol.StreamUser || !x.answered {
		return nil // what is not answered yet will be, with what is sent then
	}
	changed := false
	for _, k := range []codec.Kind{codec.Video, codec.Audio} {
		if x.wants(k) == (x.sends[k].outlet != nil) {
			continue
		}
		if !x.offers {
			if err := x.ask(k); err != nil {
				return err
			}
			continue
		}
		changed = true
		if !x.wants(k) {
			if err := x.withdraw(k); err != nil {
				return err
			}
		} else if err := x.resume(k); err != nil {
			return err
		}
	}
	if changed {
		return x.offer(byChannel)
	}
	return nil
}

// ask asks the offerer for an offer: over the channel as existing clients do,
// over the socket where a server is the other end of a capable one.
func (x *connector) ask(k codec.Kind) error {
	change := "remove"
	if x.wants(k) {
		change = "add"
	}
	data := renegotiation{Kind: k.String(), Type: change}
	if x.member == protocol.ServerMember {
		return x.work(protocol.EventGetOffer, data)
	}
	return x.say(protocol.EventGetOffer, data)
}

// resume sends a kind on the m-line that has carried it, or on one of its own.
func (x *connector) resume(k codec.Kind) error {
	for _, t := range x.pc.GetTransceivers() {
		if kind, _ := codec.ParseKind(t.Kind().String()); kind == k && t.Sender() == nil && t.Mid() != "" {
			return x.put(k, t)
		}
	}
	return x.offerKind(k)
}
