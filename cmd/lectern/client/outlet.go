package client

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"lectern/sfu/codec"
)

// outlet is a source's way out over one connector: a track as pion sees it. A
// browser does not send where the other side does not receive, pion does, so
// there is a gate.
type outlet struct {
	source   *source
	streamID string
	open     atomic.Bool
	bound    atomic.Pointer[binding]
	repair   *repair  // nil: nothing is sent again, or pion does it
	reports  *reports // nil: pion does it
	sequence uint16   // of the next packet; owned by the publisher's goroutine
}

// binding is where the packets go.
type binding struct {
	ssrc        uint32
	payloadType uint8
	writer      webrtc.TrackLocalWriter
}

var _ webrtc.TrackLocal = (*outlet)(nil)

func newOutlet(s *source, streamID string) *outlet {
	return &outlet{source: s, streamID: streamID, sequence: uint16(rand.Uint32())} //nolint:gosec // any number
}

// gate opens or shuts the way out. What begins anew does so with a keyframe.
func (o *outlet) gate(open bool) {
	if !o.open.Swap(open) && open {
		o.source.asked.Store(true)
	}
}

// write sends a packet. Only the publisher calls it.
func (o *outlet) write(h rtp.Header, payload []byte) {
	b := o.bound.Load()
	if b == nil || !o.open.Load() {
		return
	}
	h.SSRC, h.PayloadType, h.SequenceNumber = b.ssrc, b.payloadType, o.sequence
	o.sequence++
	if o.repair != nil {
		o.repair.keep(&h, payload)
	}
	_, _ = b.writer.WriteRTP(&h, payload) // a connection that ends takes no more
	if o.reports != nil {
		o.reports.count(o.source.kind, &h, len(payload), time.Now())
	}
}

// Bind is called by pion when the track may send.
func (o *outlet) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	mime := webrtc.MimeTypeOpus
	if o.source.kind == codec.Video {
		mime = webrtc.MimeTypeVP8
	}
	for _, p := range c.CodecParameters() {
		if strings.EqualFold(p.MimeType, mime) {
			o.bound.Store(&binding{uint32(c.SSRC()), uint8(p.PayloadType), c.WriteStream()})
			o.source.asked.Store(true)
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind is called by pion when the track may send no more.
func (o *outlet) Unbind(webrtc.TrackLocalContext) error {
	o.bound.Store(nil)
	return nil
}

// ID names the track.
func (o *outlet) ID() string { return o.source.kind.String() }

// RID is empty: there is one layer.
func (o *outlet) RID() string { return "" }

// StreamID names the stream that camera and microphone share.
func (o *outlet) StreamID() string { return o.streamID }

// Kind is what the track is.
func (o *outlet) Kind() webrtc.RTPCodecType {
	if o.source.kind == codec.Video {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

// maxFeedback is the longest RTCP packet that is understood, in bytes: one
// datagram.
const maxFeedback = 1500

// listen follows what is said about a sender, until it ends.
func (o *outlet) listen(sender *webrtc.RTPSender) {
	b := make([]byte, maxFeedback)
	for {
		n, _, err := sender.Read(b)
		if err != nil {
			return
		}
		list, err := rtcp.Unmarshal(b[:n])
		if err != nil {
			continue // the next one may be right
		}
		o.hear(list)
	}
}

// hear does what is asked for.
func (o *outlet) hear(list []rtcp.Packet) {
	for _, p := range list {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			o.source.asked.Store(true)
		case *rtcp.TransportLayerNack:
			if b := o.bound.Load(); b != nil && o.repair != nil && o.open.Load() {
				o.repair.answer(p, b.writer)
			}
		}
	}
}
