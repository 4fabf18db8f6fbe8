package sfu

import (
	"lectern/sfu/codec"
	"lectern/sfu/track"
	"lectern/sfu/transport"
	"lectern/signaling/protocol"
)

// link is the part of a connector that packets go through. Its methods are
// called by the room's goroutine and do not block.
type link interface {
	// Start connects to the client, or applies its part of an ICE restart.
	Start(transport.Remote, transport.Role)
	// Restart begins an ICE restart; opened is called again.
	Restart()
	// Send queues a message of negotiation for the data channel, ahead of
	// what members say to each other.
	Send([]byte)
	// SetExtensions says which header extensions were negotiated.
	SetExtensions(track.Extensions)
	// Receive binds what arrives on a section to a track, instead of what it
	// was bound to; StopReceiving unbinds it.
	Receive(receiving)
	StopReceiving(mid string)
	// Play has a section carry a track; StopPlaying ends that.
	Play(playing)
	StopPlaying(mid string)
	// Pause has a section that plays send nothing for a while, or ends that.
	Pause(mid string, paused bool)
	// Reached reports whether the client was ever reached over UDP.
	Reached() bool
	// Close ends everything. Nothing is called back after it.
	Close()
}

// receiving is what arrives on one section.
type receiving struct {
	mid     string
	kind    codec.Kind
	formats []track.Format
	sources []track.Source
	track   *track.Track
}

// playing is what is sent on one section.
type playing struct {
	mid       string
	kind      codec.Kind
	formats   []track.Format
	ssrc, rtx uint32
	cname     string
	track     *track.Track
	hidden    bool // it begins paused
}

// events are what a link tells its connector, from any goroutine. control may
// wait for the plane, which slows the client down.
type events interface {
	opened(transport.Local, error)
	stateChanged(transport.State)
	channelOpened()
	channelClosed()
	control(message)
	refused(protocol.ErrorType)
	dropped(file string, receivers []hearer)
	flowing(codec.Kind)
	began(mid string)
}

// linkMaker makes the link of a connector. in takes the files the client sends,
// nil if it can send none; out are the boxes with what others say to it.
type linkMaker func(e events, in *outlet, out []*box) link
