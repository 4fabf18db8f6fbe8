package client

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
	"lectern/signaling/protocol"
	"lectern/signaling/room"
)

// nackOf asks the stream of captured for packets.
func nackOf(ssrc uint32, numbers ...uint16) []rtcp.Packet {
	return []rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(numbers)}}
}

// repairing is an outlet that has sent n packets, across the wrap of their
// numbers, and what it sends.
func repairing(n int) (*outlet, *capture) {
	s, c := captured(codec.Video)
	o := (*s.outlets.Load())[0]
	o.repair, o.sequence = new(repair), 65_530
	for i := range n {
		o.write(rtp.Header{Version: 2, Timestamp: uint32(i)}, bytes.Repeat([]byte{byte(i)}, 100+i%50)) //nolint:gosec // small
	}
	return o, c
}

func TestOutletSendsAgain(t *testing.T) {
	o, c := repairing(20)
	o.hear(nackOf(1234, 65_532, 65_535, 0, 3))
	if len(c.packets) != 24 {
		t.Fatalf("%d packets were sent again, want 4", len(c.packets)-20)
	}
	for i, first := range []int{2, 5, 6, 9} {
		if !bytes.Equal(c.packets[20+i], c.packets[first]) {
			t.Errorf("packet %d came as %x", first, c.packets[20+i])
		}
	}
}

func TestOutletSendsAgainOnlyWhatItHas(t *testing.T) {
	o, c := repairing(keptPackets + 20)
	sent := len(c.packets)
	o.hear(nackOf(1234, 65_530, 65_535, 13)) // the last that is kept no more
	o.hear(nackOf(1235, 20))                 // somebody else's
	o.hear(nackOf(1234, 2000))               // was never sent
	if n := len(c.packets) - sent; n != 0 {
		t.Errorf("%d packets were sent again", n)
	}
	o.hear(nackOf(1234, 14))
	if n := len(c.packets) - sent; n != 1 {
		t.Errorf("the oldest packet was sent again %d times", n)
	}
	o.gate(false)
	o.hear(nackOf(1234, 20))
	if n := len(c.packets) - sent; n != 1 {
		t.Error("it sends through a gate that is shut")
	}
}

func TestOutletSendsNoMoreAgainThanItSent(t *testing.T) {
	o, c := repairing(100)
	sent := 0
	for _, b := range c.packets {
		sent += len(b)
	}
	for range 1000 {
		o.hear(nackOf(1234, 10, 11, 12, 13, 14, 15))
	}
	again := -sent
	for _, b := range c.packets {
		again += len(b)
	}
	if again > sent || again < sent*9/10 {
		t.Errorf("%d bytes were sent again, and %d at first", again, sent)
	}
}

func TestKeepDoesNotAllocate(t *testing.T) {
	r, payload := new(repair), make([]byte, mostPayload)
	h := rtp.Header{Version: 2, SSRC: 1234}
	keep := func() {
		h.SequenceNumber++
		r.keep(&h, payload)
	}
	for range keptPackets {
		keep()
	}
	if n := testing.AllocsPerRun(1000, keep); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

// TestAnswererSendsAgain holds that a connector that answers, as all do towards
// a server, sends again what is asked for.
func TestAnswererSendsAgain(t *testing.T) {
	s := newServer(t, room.Policy{Mode: room.ModeSFU})
	ann, bob := s.join(t, "ann", both), s.join(t, "bob", both)
	sees(t, bob, ann)
	video := ann.publisher.source(protocol.StreamUser, codec.Video)
	o := (*video.outlets.Load())[0]
	if o.repair == nil {
		t.Fatal("it keeps nothing")
	}
	b := o.bound.Load()
	c := make(written, 100)
	var last packet.Header
	o.bound.Store(&binding{b.ssrc, b.payloadType, c})
	for last.Sequence == 0 {
		last = c.next(t)
	}
	o.hear(nackOf(b.ssrc, last.Sequence))
	for range len(c) { // what was asked for is among them
		if h := c.next(t); h.Sequence == last.Sequence && h.SSRC == b.ssrc {
			return
		}
	}
	t.Error("it does not send again what is asked for")
}

// written is a connection that hands over what is sent.
type written chan []byte

func (w written) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	b, err := (&rtp.Packet{Header: *h, Payload: payload}).Marshal()
	select {
	case w <- b:
	default:
	}
	return len(b), err
}

func (w written) Write(b []byte) (int, error) { return len(b), nil }

func (w written) next(t *testing.T) packet.Header {
	t.Helper()
	select {
	case b := <-w:
		h, err := packet.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		return h
	case <-time.After(time.Minute):
		t.Fatal("nothing more is sent")
		return packet.Header{}
	}
}
