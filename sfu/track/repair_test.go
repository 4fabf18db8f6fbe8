package track

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
)

// nack asks for packets as the viewer numbers them.
func (v *viewer) nack(t testing.TB, now int64, seqs ...uint16) {
	t.Helper()
	v.sender.RTCP(mustMarshal(t, &rtcp.TransportLayerNack{
		MediaSSRC: v.sub.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
	}), now, nil)
}

func TestRetransmission(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	early := view(track, 5000)
	p.frame(-1000*ms, keyVP8(0)) // too long ago to begin with
	late := view(track, 6000)
	for i := range byte(10) {
		p.frame(int64(i)*ms, keyVP8(i))
	}
	early.want(t, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010)
	sent := late.want(t, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010)

	late.nack(t, 20*ms, 1003, 1005, 1000, 1011)
	got := late.wire.takeRTP(t)
	if len(got) != 2 {
		t.Fatalf("%d packets again, want 2", len(got))
	}
	for i, of := range []int{2, 4} {
		g, w := got[i], sent[of]
		if g.PayloadType != 121 || g.SSRC != 6001 || g.Timestamp != w.Timestamp || g.Marker != w.Marker {
			t.Errorf("%+v does not repair %+v", g.Header, w.Header)
		}
		if binary.BigEndian.Uint16(g.payload) != w.Sequence || !bytes.Equal(g.payload[2:], w.payload) {
			t.Errorf("payload %x, want %d and %x", g.payload, w.Sequence, w.payload)
		}
	}
	if got[1].Sequence != got[0].Sequence+1 {
		t.Errorf("RTX numbers %d, %d", got[0].Sequence, got[1].Sequence)
	}
	if s := late.sub.Stats(); s.NACKed != 4 || s.Repaired != 2 || s.RTX != 2 || s.Packets != 10 {
		t.Errorf("%+v", s)
	}
	early.want(t)
}

func TestRetransmissionWithoutRTX(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	v.sub.SetFormats([]Format{{PayloadType: 120, Codec: vp8}})
	v.sender.SetExtensions(Extensions{MID: 3, AbsSendTime: 4})
	p.frame(0, keyVP8(1))
	first := v.want(t, 1000)[0]
	v.nack(t, 70*ms, 1000)
	if got := v.want(t, 1000)[0]; !bytes.Equal(got.bytes, first.bytes) {
		t.Errorf("%x, then %x", first.bytes, got.bytes)
	}
	if stamp := first.Extension(first.bytes, 4); stamp != nil {
		t.Errorf("says that it is sent at %x, which is another time the second time", stamp)
	}
}

// TestSoundIsNotSentAgain where that would be under its number.
func TestSoundIsNotSentAgain(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	v.sender.SetExtensions(Extensions{AbsSendTime: 4})
	p.send(0, []byte("sound"))
	if first := v.want(t, 1000)[0]; len(first.Extension(first.bytes, 4)) != 3 {
		t.Error("does not say when it is sent")
	}
	v.nack(t, 70*ms, 1000)
	v.want(t)
}

// TestRetransmissionIsNotRepeated within a round trip.
func TestRetransmissionIsNotRepeated(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(0, keyVP8(1))
	v.want(t, 1000)
	for _, at := range []int64{10, 20, 89} {
		v.nack(t, at*ms, 1000)
	}
	if n := len(v.wire.takeRTP(t)); n != 1 {
		t.Errorf("%d retransmissions in a round trip", n)
	}
	v.nack(t, 90*ms, 1000)
	if n := len(v.wire.takeRTP(t)); n != 1 {
		t.Errorf("%d retransmissions after it", n)
	}
}

// TestRetransmissionIsBounded: a viewer that asks for everything gets a share,
// and is not looked after endlessly.
func TestRetransmissionIsBounded(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	media, again := 0, 0
	for i := range int64(3000) {
		p.frame(i*10*ms, keyVP8(make([]byte, 1000)...))
		for _, s := range v.wire.takeRTP(t) {
			media += len(s.bytes)
		}
		for back := range uint16(4) {
			v.nack(t, i*10*ms, p.seq-1-30*back)
		}
		for _, s := range v.wire.takeRTP(t) {
			again += len(s.bytes)
		}
	}
	if again < media/3 || again > media/budgetShare+firstBudget+maxPacket {
		t.Errorf("%d bytes again of %d", again, media)
	}
	before := v.sub.Stats()
	for range 100 {
		var all []uint16
		for back := uint16(900); back > 0; back-- {
			all = append(all, p.seq-back)
		}
		v.nack(t, 30_000*ms, all...)
	}
	after := v.sub.Stats()
	if n := after.Repaired - before.Repaired; n > maxLookups {
		t.Errorf("%d sent at once", n)
	}
	if n := after.NACKed - before.NACKed; n > maxLookups+100*60 {
		t.Errorf("%d looked up at once", n)
	}
	if after.RepairLimited == before.RepairLimited {
		t.Error("no limit")
	}
}

// TestLookupsAreBounded: numbers that are not to be had cost time too.
func TestLookupsAreBounded(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(0, keyVP8())
	for range 100 {
		var all []uint16
		for seq := range uint16(900) {
			all = append(all, 5000+seq)
		}
		v.nack(t, 1000*ms, all...)
	}
	if s := v.sub.Stats(); s.NACKed-s.RepairLimited != maxLookups {
		t.Errorf("%+v", s)
	}
	v.nack(t, 1000*ms+10*lookupTime, 1, 2, 3)
	if s := v.sub.Stats(); s.NACKed-s.RepairLimited != maxLookups+3 {
		t.Errorf("%+v", s)
	}
}

// TestLostUpstream: what we miss ourselves is forwarded when it comes.
func TestLostUpstream(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(0, keyVP8(1))
	lost := p.make(deltaVP8(2))
	p.send(0, deltaVP8(3))
	v.want(t, 1000, 1002)
	v.nack(t, 0, 1001)
	v.want(t)
	feed(p.receiver, rtx(lost, 97, 1001, 9), 0)
	if got := v.want(t, 1001)[0]; !bytes.Equal(got.payload, deltaVP8(2)) || got.PayloadType != 120 {
		t.Errorf("sent %x", got.bytes)
	}
	v.nack(t, 0, 1001)
	if n := len(v.wire.takeRTP(t)); n != 1 {
		t.Errorf("%d retransmissions of a recovered packet", n)
	}
}

// TestRetransmissionAfterASwitch: numbers of the source before are not mapped
// onto packets of the new one.
func TestRetransmissionAfterASwitch(t *testing.T) {
	track := New(codec.Video)
	old := publish(t, track, 1000)
	v := view(track, 5000)
	old.frame(0, keyVP8(1))
	moved := publish(t, track, 1000) // with the same numbers
	moved.frame(0, keyVP8(2))
	v.want(t, 1000, 1001)
	v.nack(t, 0, 1000)
	v.want(t)
	v.nack(t, 0, 1001)
	if got := v.wire.takeRTP(t); len(got) != 1 || !bytes.Equal(got[0].payload[2:], keyVP8(2)) {
		t.Errorf("sent %v", got)
	}
}
