package track

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/interceptor/pkg/twcc"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
	"lectern/sfu/packet"
	"lectern/sfu/receive"
)

// maxLearned bounds the SSRCs of one connector that no description announced.
const maxLearned = 32

// idleAfter is how long, in ns, an SSRC must have been silent before a new one
// may take its place when there are too many.
const idleAfter = 5 * second

// dueAtOnce is how many lost packets are asked for with one NACK.
const dueAtOnce = 128

// Receiver is the receiving half of one connector. RTP, RTCP and Tick may be
// called from different goroutines; RTP, RTCP, Take and Flush are for one at a time,
// as a transport's Handler is called.
type Receiver struct {
	sink       Sink
	ssrc       uint32 // in what is sent to the publisher
	cname      string
	extensions atomic.Pointer[Extensions]
	plis       atomic.Uint64 // sent

	waiting []*Track // with packets laid by; owned by the caller of Take and Flush

	mu sync.Mutex
	// Guarded by mu.
	closed   bool
	inputs   []*Input
	streams  map[uint32]*stream
	learned  int // of streams
	recorder *twcc.Recorder
	lastTWCC int64 // when feedback was last sent
	lastRR   int64 // when reports were last sent
	due      [dueAtOnce]uint16
	stats    ReceiverStats
}

// stream is one SSRC of an input. Guarded by Receiver.mu.
type stream struct {
	input   *Input
	account receive.Stream
	source  *source // nil before the first packet, and for RTX
	clock   *senderClock
	repair  bool   // it carries retransmissions (RFC 4588)
	repairs uint32 // of this SSRC; 0: of the input's latest
	learned bool
	last    int64 // when its last packet arrived
}

// NewReceiver makes the receiving half of a connector. Its feedback goes to
// sink.
func NewReceiver(sink Sink) *Receiver {
	r := &Receiver{sink: sink, ssrc: randomSSRC(), cname: rand.Text()[:16], streams: make(map[uint32]*stream)}
	r.extensions.Store(&Extensions{})
	r.recorder = twcc.NewRecorder(r.ssrc)
	return r
}

// randomSSRC is never zero, which several implementations take for none.
func randomSSRC() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(binary.BigEndian.Uint32(b[:]), 1)
}

// SetExtensions says which header extensions were negotiated.
func (r *Receiver) SetExtensions(ids Extensions) { r.extensions.Store(&ids) }

// Close unbinds everything. Packets and reports that still come are ignored.
func (r *Receiver) Close() {
	r.mu.Lock()
	r.closed = true
	inputs := r.inputs
	r.inputs = nil
	r.mu.Unlock()
	for _, in := range inputs {
		in.Close()
	}
}

// arrival is what becomes of a packet once the Receiver has accounted for it.
type arrival struct {
	source    *source
	packet    []byte
	header    packet.Header
	recovered bool // by retransmission
	first     func()
	nack      []byte // to be sent
	lost      *Track // it needs a keyframe
	feedback  [][]byte
}

// Flush has what was taken sent with a batch. Part of a video frame may be kept
// back for its rest: then it reports true, and until when, on the clock of now,
// it is to be called again.
func (r *Receiver) Flush(into *egress.Batch, now int64) (held bool, until int64) {
	kept := r.waiting[:0]
	for _, t := range r.waiting {
		if wait, end := t.flush(into, now); wait {
			if !held || end < until {
				until = end
			}
			held = true
			kept = append(kept, t)
		}
	}
	clear(r.waiting[len(kept):])
	r.waiting = kept
	return held, until
}

// Take takes a packet, which may be changed in place, that arrived at a time. Flush
// is to be called after one or more.
func (r *Receiver) Take(b []byte, arrived int64) {
	var a arrival
	h, err := packet.Parse(b)
	ok := r.admit(&a, b, &h, arrived, err)
	for _, f := range a.feedback {
		r.sink.WriteRTCP(f)
	}
	if a.nack != nil {
		r.sink.WriteRTCP(a.nack)
	}
	if a.lost != nil {
		a.lost.keyframes.advance(arrived)
		a.lost.RequestKeyframe()
	}
	if a.first != nil {
		a.first()
	}
	if !ok {
		return
	}
	if t := a.source.input.track; t.take(a.source, a.packet, &a.header, arrived, a.recovered) && !slices.Contains(r.waiting, t) {
		r.waiting = append(r.waiting, t)
	}
}

// admit is take, of what may be no packet.
func (r *Receiver) admit(a *arrival, b []byte, h *packet.Header, arrived int64, invalid error) (ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if invalid != nil || len(b) > maxPacket {
		r.stats.Invalid++
		return false
	}
	return !r.closed && r.take(a, b, h, arrived)
}

// take accounts for a packet. ok says that it is to be forwarded. r.mu is held.
func (r *Receiver) take(a *arrival, b []byte, h *packet.Header, arrived int64) (ok bool) {
	r.stats.Packets++
	r.stats.Bytes += uint64(len(b))
	ids := r.extensions.Load()
	r.recordTransport(a, h, h.Extension(b, ids.TransportCC), arrived)
	st := r.streams[h.SSRC]
	if st == nil {
		if st = r.learn(b, h, ids, arrived); st == nil {
			r.stats.Unknown++
			return false
		}
	}
	st.last = arrived
	recovered := st.repair
	if recovered {
		if st, b, ok = r.unwrap(st, b, h); !ok {
			return false
		}
	}
	index, ok := st.input.formats.find(h.PayloadType)
	if !ok {
		r.stats.Format++
		return false
	}
	f := &st.input.formats.list[index]
	st.account.Rate, st.account.Nack = f.Codec.ClockRate, f.nack
	if !r.account(st, h, arrived, recovered) {
		return false
	}
	r.chase(a, st, arrived)
	if !st.input.flowing && h.PayloadEnd > h.PayloadStart {
		st.input.flowing = true
		a.first = st.input.onFirst
	}
	a.source, a.packet, a.header, a.recovered = st.source, b, *h, recovered
	return true
}

// account records a packet of a stream. It reports false if it is not new.
func (r *Receiver) account(st *stream, h *packet.Header, arrived int64, recovered bool) bool {
	switch st.account.Record(arrived, h.Sequence, h.Timestamp, recovered) {
	case receive.Duplicate:
		r.stats.Duplicates++
		return false
	case receive.Late:
		r.stats.Late++
		return false
	case receive.Restarted:
		r.stats.Restarts++
		st.source, st.clock = nil, nil
	}
	if recovered {
		r.stats.Recovered++
	}
	if st.source == nil {
		st.source = st.input.track.newSource(st.input, h.SSRC)
		st.source.clock.Store(st.clock)
		st.input.latest = h.SSRC
	}
	return true
}

// chase asks for what is due on a stream.
func (r *Receiver) chase(a *arrival, st *stream, now int64) {
	if st.source != nil && st.source.superseded.Load() {
		st.account.Forget()
		return
	}
	due, gaveUp := st.account.Due(now, r.due[:0])
	if len(due) > 0 {
		a.nack = r.nack(st.source.ssrc, due)
	}
	if gaveUp && st.input.kind == codec.Video {
		a.lost = st.input.track
	}
}

// unwrap turns a retransmission in place into the packet that it carries (RFC
// 4588 section 4) and finds its stream. ok is false for padding, with which
// senders probe for bandwidth, and for what repairs nothing known.
func (r *Receiver) unwrap(st *stream, b []byte, h *packet.Header) (of *stream, original []byte, ok bool) {
	if h.PayloadEnd-h.PayloadStart < rtxPrefix {
		r.stats.RTXPadding++
		return nil, nil, false
	}
	in, ssrc := st.input, st.repairs
	if ssrc == 0 {
		ssrc = in.latest
	}
	of = r.streams[ssrc]
	pt, known := in.formats.repaired(h.PayloadType)
	if of == nil || !known || of.repair || of.input != in {
		r.stats.Format++
		return nil, nil, false
	}
	seq := binary.BigEndian.Uint16(b[h.PayloadStart:])
	copy(b[rtxPrefix:], b[:h.PayloadStart])
	b = b[rtxPrefix:]
	b[1] = b[1]&0x80 | pt
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	h.PayloadType, h.Sequence, h.SSRC = pt, seq, ssrc
	h.PayloadEnd -= rtxPrefix
	return of, b, true
}
