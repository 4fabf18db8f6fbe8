package track

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
	"lectern/sfu/packet"
)

// New makes a track whose bursts are never split.
func New(kind codec.Kind) *Track { return (*Fanout)(nil).New(kind) }

// wire is a Sink that keeps what it is given.
type wire struct {
	mu sync.Mutex
	// Guarded by mu.
	rtp, rtcp [][]byte
	refuses   bool
	faults    int
	full      bool // no room; owned by the test
}

// feed has a receiver take a packet and send on all that waits.
func feed(r *Receiver, b []byte, now int64) {
	r.Take(b, now)
	r.Flush(nil, now+gatherTime)
}

func (w *wire) Begin() *egress.Batch { return nil }
func (w *wire) End(*egress.Batch)    {}

func (w *wire) Fault(string, any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults++
}

func (w *wire) Reserve(_ *egress.Batch, size int) []byte {
	if w.full {
		return nil
	}
	return make([]byte, size)
}

func (w *wire) Seal(_ *egress.Batch, b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses {
		return false
	}
	w.rtp = append(w.rtp, bytes.Clone(b))
	return true
}

func (w *wire) WriteRTCP(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses {
		return false
	}
	w.rtcp = append(w.rtcp, bytes.Clone(b))
	return true
}

// sent is one RTP packet that a wire was given.
type sent struct {
	packet.Header
	bytes   []byte
	payload []byte
}

// takeRTP gives the RTP sent since the last call.
func (w *wire) takeRTP(t testing.TB) (list []sent) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.rtp {
		h, err := packet.Parse(b)
		if err != nil {
			t.Fatalf("sent %x: %v", b, err)
		}
		list = append(list, sent{h, b, h.Payload(b)})
	}
	w.rtp = nil
	return list
}

// takeRTCP gives the RTCP packets of one type sent since the last call, and
// forgets the others.
func takeRTCP[T rtcp.Packet](t testing.TB, w *wire) (list []T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.rtcp {
		packets, err := rtcp.Unmarshal(b)
		if err != nil {
			t.Fatalf("sent RTCP %x: %v", b, err)
		}
		for _, p := range packets {
			if p, ok := p.(T); ok {
				list = append(list, p)
			}
		}
	}
	w.rtcp = nil
	return list
}

var (
	vp8  = codec.Preferred()[0]
	h264 = codec.Preferred()[1]
	vp9  = codec.Preferred()[3]
	opus = codec.Preferred()[5]
	reds = codec.Preferred()[6]
)

func videoFormats() []Format {
	return []Format{
		{PayloadType: 96, RTX: 97, Codec: vp8}, {PayloadType: 98, RTX: 99, Codec: h264}, {PayloadType: 100, RTX: 101, Codec: vp9},
	}
}

func audioFormats() []Format { return []Format{{PayloadType: 111, Codec: opus}} }

// publisher sends one stream into an input.
type publisher struct {
	t        testing.TB
	wire     *wire
	receiver *Receiver
	input    *Input
	ssrc     uint32
	pt       uint8
	seq      uint16
	ts       uint32
	exts     []packet.Ext
}

// publish binds a section with one announced SSRC on a connector of its own.
func publish(t testing.TB, track *Track, ssrc uint32) *publisher {
	p := &publisher{t: t, wire: &wire{}, ssrc: ssrc, pt: 96, seq: uint16(ssrc), ts: ssrc * 1000}
	formats := videoFormats()
	if track.Kind() == codec.Audio {
		p.pt, formats = 111, audioFormats()
	}
	p.receiver = NewReceiver(p.wire)
	p.input = p.receiver.Bind(SectionConfig{
		MID: "0", Kind: track.Kind(), Formats: formats, Track: track,
		Sources: []Source{{SSRC: ssrc, RTX: ssrc + 1}},
	})
	return p
}

// keyVP8 and deltaVP8 are payloads of a VP8 frame's first packet.
func keyVP8(rest ...byte) []byte   { return append([]byte{0x10, 0x00}, rest...) }
func deltaVP8(rest ...byte) []byte { return append([]byte{0x10, 0x01}, rest...) }

// make builds the next packet and does not send it.
func (p *publisher) make(payload []byte) []byte {
	b := packet.Build(nil, true, p.pt, p.seq, p.ts, p.ssrc, p.exts, payload)
	p.seq++
	return b
}

// send sends the next packet.
func (p *publisher) send(now int64, payload []byte) { feed(p.receiver, p.make(payload), now) }

// frame sends the first packet of the next video frame, 1/30 s later.
func (p *publisher) frame(now int64, payload []byte) {
	p.ts += 3000
	p.send(now, payload)
}

// rtx wraps a packet as RFC 4588 says.
func rtx(b []byte, pt uint8, ssrc uint32, seq uint16) []byte {
	h, _ := packet.Parse(b)
	payload := append(binary.BigEndian.AppendUint16(nil, h.Sequence), h.Payload(b)...)
	return packet.Build(nil, h.Marker, pt, seq, h.Timestamp, ssrc, nil, payload)
}

// viewer is a connector with one subscription.
type viewer struct {
	wire   *wire
	sender *Sender
	sub    *Subscription
}

// view subscribes and starts.
func view(track *Track, ssrc uint32) *viewer {
	v := &viewer{wire: &wire{}}
	v.sender = NewSender(v.wire)
	formats := []Format{
		{PayloadType: 120, RTX: 121, Codec: vp8}, {PayloadType: 122, RTX: 123, Codec: h264}, {PayloadType: 124, RTX: 125, Codec: vp9},
	}
	if track.Kind() == codec.Audio {
		formats = []Format{{PayloadType: 109, Codec: opus}}
	}
	v.sub = v.sender.Subscribe(SubscriptionConfig{
		Track: track, MID: "7", SSRC: ssrc, RTXSSRC: ssrc + 1, CNAME: "someone", Formats: formats,
	})
	v.sender.Start()
	return v
}

// want fails unless exactly these sequence numbers were sent, and gives the
// packets.
func (v *viewer) want(t testing.TB, seqs ...uint16) []sent {
	t.Helper()
	got := v.wire.takeRTP(t)
	var numbers []uint16
	for _, s := range got {
		numbers = append(numbers, s.Sequence)
	}
	if len(numbers) != len(seqs) {
		t.Fatalf("sent %v, want %v", numbers, seqs)
	}
	for i := range seqs {
		if numbers[i] != seqs[i] {
			t.Fatalf("sent %v, want %v", numbers, seqs)
		}
	}
	return got
}

const ms = int64(millisecond)
