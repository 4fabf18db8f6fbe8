package client

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

// flow is what comes on one m-line of a connector. Over time that may be
// several streams: those of a downlink are used again.
type flow struct {
	stream atomic.Pointer[Stream] // nil: none; set by the loop
}

// show has the flow count for another stream.
func (f *flow) show(s *Stream) {
	old := f.stream.Swap(s)
	if old == s {
		return
	}
	if old != nil {
		old.activate(-1)
	}
	if s != nil {
		s.activate(1)
	}
}

// showFlows learns from a description of the other side whose streams come.
func (x *connector) showFlows(d *description.Description) {
	for i := range d.Sections {
		s := &d.Sections[i]
		k, ok := s.Kind.CodecKind()
		if !ok {
			continue
		}
		f := x.flow(s.MID)
		key, known := x.keyOf(s, k)
		if !known {
			f.show(nil)
			continue
		}
		f.show(x.client.streamFor(key))
	}
}

func (x *connector) flow(mid string) *flow {
	f := x.flows[mid]
	if f == nil {
		f = &flow{}
		x.flows[mid] = f
	}
	return f
}

// keyOf says whose stream an m-line carries.
func (x *connector) keyOf(s *description.Section, k codec.Kind) (Key, bool) {
	if s.Rejected || !s.Direction.Sends() {
		return Key{}, false
	}
	switch x.stream {
	case protocol.StreamUser:
		return Key{x.member, protocol.StreamUser, k}, x.member != protocol.ServerMember
	case protocol.StreamRemoteDisplay:
		return Key{x.member, protocol.StreamDisplay, k}, true
	case protocol.StreamDownlink:
		for _, m := range x.streamsMap {
			if m.ID == s.StreamID {
				return Key{m.Member, m.Stream, k}, true
			}
		}
	}
	return Key{}, false
}

// receive reads a track that pion has found.
func (x *connector) receive(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	if x.closed || r.RTPTransceiver() == nil {
		return
	}
	f := x.flow(r.RTPTransceiver().Mid())
	x.client.closing.Go(func() { f.read(t, x.pc) })
	x.client.closing.Go(func() { // the reports of the sender are for pion
		for {
			if _, _, err := r.ReadRTCP(); err != nil {
				return
			}
		}
	})
}

// askPause is how long a client waits for a keyframe before it asks again.
const askPause = 200 * time.Millisecond

// read counts the packets of a track until its end. While pictures come without a
// keyframe the client asks for one, as browsers do: it may have lost an early one.
func (f *flow) read(t *webrtc.TrackRemote, pc *webrtc.PeerConnection) {
	var in inflow
	var asked time.Time
	before, waits := int64(-1), t.Kind() == webrtc.RTPCodecTypeVideo
	b := make([]byte, 1500)
	for {
		n, _, err := t.Read(b)
		if err != nil {
			return
		}
		s := f.stream.Load()
		if s == nil {
			continue
		}
		now := time.Now()
		if waits && before < 0 {
			before = s.Stats().Keyframes
		}
		s.take(&in, b[:n], now)
		waits = waits && s.Stats().Keyframes == before
		if waits && now.Sub(asked) >= askPause {
			asked = now
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}}) // it asks again
		}
	}
}
