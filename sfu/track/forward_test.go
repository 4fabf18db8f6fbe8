package track

import (
	"bytes"
	"fmt"
	"testing"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
	"lectern/sfu/packet"
)

func TestExtensions(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	p.receiver.SetExtensions(Extensions{MID: 1, AudioLevel: 2, VideoOrientation: 3, TransportCC: 4, AbsSendTime: 5})
	p.exts = []packet.Ext{
		{ID: 1, Data: []byte("0")}, {ID: 2, Data: []byte{0x85}}, {ID: 3, Data: []byte{0x03}},
		{ID: 4, Data: []byte{0, 1}}, {ID: 5, Data: []byte{9, 9, 9}}, {ID: 6, Data: []byte{7}},
	}
	all, none := view(track, 5000), view(track, 6000)
	all.sender.SetExtensions(Extensions{MID: 11, AudioLevel: 12, VideoOrientation: 13, TransportCC: 14, AbsSendTime: 10})
	p.send(1500*ms, []byte("sound"))
	got := all.want(t, 1000)[0]
	for id, want := range map[uint8][]byte{
		11: []byte("7"), 12: {0x85}, 13: {0x03}, 14: nil, 10: {0x06, 0, 0}, // 1.5 s in 6.18
		1: nil, 2: nil, 3: nil, 4: nil, 5: nil, 6: nil,
	} {
		if data := got.Extension(got.bytes, id); !bytes.Equal(data, want) {
			t.Errorf("extension %d is %x, want %x", id, data, want)
		}
	}
	if plain := none.want(t, 1000)[0]; plain.ExtProfile != 0 || string(plain.payload) != "sound" {
		t.Errorf("a viewer without extensions gets %x", plain.bytes)
	}
}

// TestLongestHeader holds that there is room for it.
func TestLongestHeader(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	p.receiver.SetExtensions(Extensions{AudioLevel: 2, VideoOrientation: 3})
	p.exts = []packet.Ext{{ID: 2, Data: []byte{0x85}}, {ID: 3, Data: []byte{0x03}}}
	for _, n := range []int{maxMID, maxMID + 1} {
		w := &wire{}
		s := NewSender(w)
		s.SetExtensions(Extensions{MID: 200, AudioLevel: 201, VideoOrientation: 202, AbsSendTime: 203})
		sub := s.Subscribe(SubscriptionConfig{
			Track: track, MID: string(bytes.Repeat([]byte("m"), n)), SSRC: 1, Formats: audioFormats(),
		})
		s.Start()
		p.send(0, make([]byte, 1400))
		got := w.takeRTP(t)
		if len(got) != 1 || len(got[0].payload) != 1400 {
			t.Fatalf("sent %v", got)
		}
		if mid := got[0].Extension(got[0].bytes, 200); (len(mid) == n) != (n <= maxMID) {
			t.Errorf("mid %q of %d", mid, n)
		}
		sub.Close()
	}
}

func TestWhatIsNotForwarded(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.send(0, []byte{1})
	twice := p.make([]byte{2})
	feed(p.receiver, bytes.Clone(twice), 0)
	feed(p.receiver, bytes.Clone(twice), 0)
	v.want(t, 1000, 1001)

	padding := p.make(nil)
	padding[0] |= 0x20
	feed(p.receiver, append(padding, 0, 0, 0, 4), 0)
	p.send(0, []byte{4})
	v.want(t, 1002) // no gap

	early := p.make([]byte{5})
	p.send(0, []byte{6})
	feed(p.receiver, early, 0)
	v.want(t, 1004, 1003)

	p.pt = 100
	p.send(0, []byte{7})
	v.want(t)
	for _, bad := range [][]byte{nil, {0x80}, make([]byte, 12), make([]byte, 1501), bytes.Repeat([]byte{0xff}, 100)} {
		feed(p.receiver, bad, 0)
	}
	v.want(t)
	got := p.receiver.Stats()
	if got.Duplicates != 1 || got.Format != 1 || got.Invalid != 5 {
		t.Errorf("%+v", got)
	}
	if s := v.sub.Stats(); s.DroppedPadding != 1 || s.Packets != 5 || s.Bytes != 5 {
		t.Errorf("%+v", s)
	}
}

// TestLatePadding: padding that comes after the gap it leaves was seen is sent as
// an empty packet, or the viewer would ask for it in vain.
func TestLatePadding(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.send(0, []byte{1})
	padding := p.make(nil)
	padding[0] |= 0x20
	padding = append(padding, 0, 0, 0, 4)
	p.send(0, []byte{3})
	feed(p.receiver, padding, 0)
	got := v.want(t, 1000, 1002, 1001)
	if len(got[2].payload) != 0 || got[2].Padding != 0 {
		t.Errorf("sent %x", got[2].bytes)
	}
}

func TestPauseResume(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.frame(0, keyVP8())
	p.frame(33*ms, deltaVP8())
	last := v.want(t, 1000, 1001)[1]
	v.sub.Pause()
	v.sub.Pause()
	p.frame(66*ms, deltaVP8())
	p.frame(99*ms, keyVP8())
	v.want(t)
	v.sub.Resume()
	v.sub.Resume()
	v.want(t, 1002) // the last keyframe
	v.sub.Pause()
	p.frame(133*ms, deltaVP8())
	p.frame(1000*ms, deltaVP8())
	v.sub.Resume()
	v.want(t) // it is too old
	p.frame(1033*ms, keyVP8())
	got := v.want(t, 1003)[0]
	if d := got.Timestamp - last.Timestamp; d != 90000 {
		t.Errorf("the timestamp moved by %d in a second", d)
	}

	waiting := &viewer{wire: &wire{}}
	waiting.sender = NewSender(waiting.wire)
	waiting.sub = waiting.sender.Subscribe(SubscriptionConfig{Track: track, SSRC: 1, Formats: videoFormats()})
	p.frame(1066*ms, keyVP8())
	waiting.sub.Pause()
	waiting.sender.Start()
	p.frame(1099*ms, keyVP8())
	waiting.want(t)
	waiting.sub.Resume()
	p.frame(1133*ms, keyVP8())
	waiting.want(t, p.seq-2, p.seq-1)
}

func TestClose(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v, other := view(track, 5000), view(track, 6000)
	p.send(0, []byte{1})
	v.sub.Close()
	v.sub.Close()
	p.send(0, []byte{2})
	v.want(t, 1000)
	other.want(t, 1000, 1001)
	other.sender.Close()
	if sub := other.sender.Subscribe(SubscriptionConfig{Track: track, SSRC: 1}); sub == nil {
		t.Error("no subscription of a closed sender")
	} else {
		sub.Resume()
		sub.Close()
	}
	p.send(0, []byte{3})
	other.want(t)
	if s := track.Stats(); s.Subscriptions != 0 {
		t.Errorf("%+v", s)
	}
	third := view(track, 7000)
	track.Close()
	p.send(0, []byte{4})
	third.want(t)
	p.receiver.Close()
	p.send(0, []byte{5})
	p.receiver.Bind(SectionConfig{MID: "1", Track: track}).Close()
	p.receiver.Tick(1000 * ms)
}

func TestFormats(t *testing.T) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	only264 := view(track, 6000)
	only264.sub.SetFormats([]Format{{PayloadType: 122, Codec: h264}})
	p.frame(0, keyVP8())
	v.want(t, 1000)
	only264.want(t)
	v.sub.SetFormats([]Format{{PayloadType: 50, Codec: vp8}, {PayloadType: 51, Codec: h264}})
	p.frame(0, deltaVP8())
	if got := v.want(t, 1001); got[0].PayloadType != 50 {
		t.Errorf("payload type %d", got[0].PayloadType)
	}
	// The publisher changes its encoder: a viewer goes on at the keyframe.
	p.pt = 98
	p.frame(0, []byte{0x41, 0x80})
	v.want(t)
	p.frame(0, []byte{0x65, 0x80})
	if got := v.want(t, 1002); got[0].PayloadType != 51 {
		t.Errorf("payload type %d", got[0].PayloadType)
	}
	only264.want(t, 1003)
	if c, _ := track.Codec(); c.Name != "H264" {
		t.Errorf("Codec %v", c)
	}
	if s := only264.sub.Stats(); s.DroppedFormat != 2 {
		t.Errorf("%+v", s)
	}
}

func TestSinkRefuses(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	v.wire.refuses = true
	p.send(0, []byte{1})
	v.wire.refuses = false
	p.send(0, []byte{1})
	v.want(t, 1001)
	if s := v.sub.Stats(); s.DroppedSink != 1 || s.Packets != 1 {
		t.Errorf("%+v", s)
	}
}

// null is a Sink that takes everything.
type null struct{ room []byte }

func (n null) Fault(string, any)                        { panic("a fault") }
func (n null) Reserve(_ *egress.Batch, size int) []byte { return n.room[:size] }
func (null) Seal(*egress.Batch, []byte) bool            { return true }
func (null) WriteRTCP([]byte) bool                      { return true }
func (null) Begin() *egress.Batch                       { return nil }
func (null) End(*egress.Batch)                          {}

// audience makes a video track with many viewers, and its publisher.
func audience(t testing.TB, viewers int) (*publisher, []byte) {
	track := New(codec.Video)
	p := publish(t, track, 1000)
	ids := Extensions{MID: 1, AbsSendTime: 2, TransportCC: 3, VideoOrientation: 4}
	p.receiver.SetExtensions(ids)
	p.exts = []packet.Ext{{ID: 1, Data: []byte("0")}, {ID: 4, Data: []byte{1}}}
	for range viewers {
		s := NewSender(null{make([]byte, 2000)})
		s.SetExtensions(ids)
		s.Subscribe(SubscriptionConfig{Track: track, MID: "3", SSRC: 1, RTXSSRC: 2, Formats: videoFormats()})
		s.Start()
	}
	for range 3000 { // until the cache has grown
		p.frame(int64(p.seq)*ms, keyVP8(make([]byte, 1098)...))
	}
	return p, p.make(deltaVP8(make([]byte, 1098)...))
}

// sent counts the packets that all viewers got.
func (t *Track) sent() (n uint64) {
	for _, sub := range *t.subscriptions.Load() {
		n += sub.Stats().Packets
	}
	return n
}

// next makes a packet the one after it.
func next(b []byte) (now int64) {
	seq := uint16(b[2])<<8 | uint16(b[3]) + 1
	b[2], b[3] = byte(seq>>8), byte(seq)
	return int64(seq) * ms
}

// move has the audience go on with a source whose pictures are counted, and then
// with another one, so that they are counted on.
func move(t testing.TB, old *publisher) (p *publisher, next []byte) {
	t.Helper()
	track := old.input.track
	payload := func(pic picture) []byte {
		n := counts{picture: 500, tl0: 50}
		return form{pt: 96, bits: 15, tl0: true}.payload(pic, n, true, make([]byte, 1094))
	}
	for ssrc := range uint32(2) {
		p = publish(t, track, 2000+1000*ssrc)
		before := track.sent()
		p.frame(3000*ms, payload(picture{keyframe: true}))
		if n := track.sent() - before; n != uint64(len(*track.subscriptions.Load())) {
			t.Fatalf("%d viewers have moved", n)
		}
	}
	for range 3000 {
		p.frame(3000*ms+int64(p.seq)*ms, payload(picture{}))
	}
	return p, p.make(payload(picture{}))
}

func TestNoAllocation(t *testing.T) {
	for name, then := range map[string]func(testing.TB, *publisher) (*publisher, []byte){"moved": move, "first": nil} {
		t.Run(name, func(t *testing.T) {
			p, b := audience(t, 10)
			if then != nil {
				p, b = then(t, p)
			}
			before := p.input.track.sent()
			if n := testing.AllocsPerRun(1000, func() { feed(p.receiver, b, next(b)) }); n != 0 {
				t.Errorf("%v allocations per packet", n)
			}
			if n := p.input.track.sent() - before; n != 1001*10 {
				t.Errorf("%d packets were sent", n)
			}
		})
	}
}

func BenchmarkForward(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p, packet := audience(b, n)
			before := p.input.track.sent()
			b.ReportAllocs()
			for b.Loop() {
				feed(p.receiver, packet, next(packet))
			}
			if sent := p.input.track.sent() - before; sent != uint64(n)*uint64(b.N) {
				b.Fatalf("%d of %d packets were sent", sent, n*b.N)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/viewer")
		})
	}
}

// BenchmarkForwardMoved is BenchmarkForward/100 when the numbers in the payload
// have to be rewritten too.
func BenchmarkForwardMoved(b *testing.B) {
	p, _ := audience(b, 100)
	p, packet := move(b, p)
	b.ReportAllocs()
	for b.Loop() {
		feed(p.receiver, packet, next(packet))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/viewer")
}
