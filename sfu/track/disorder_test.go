package track

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
)

const (
	// disorderPackets are of each source: more than the mapping remembers.
	disorderPackets = 1200
	overtaken       = 8 // by how many packets one may be
	packetTime      = 8 * ms
)

// flight is a packet of a publisher's on its way.
type flight struct {
	bytes   []byte
	index   int
	ts      uint32
	marker  bool
	padding bool // it has no payload
	key     bool // a viewer may begin with it
	at      float64
	taken   int64 // when it came first; 0: it has not
}

// disordered is what comes of a source's packets: some are lost, some overtaken,
// some come twice.
func disordered(r *rand.Rand, p *publisher, video bool) (all []flight, came []int) {
	p.seq, p.ts = uint16(r.Uint32()), r.Uint32()
	if r.IntN(2) == 0 { // they begin anew soon
		p.seq, p.ts = -uint16(r.IntN(disorderPackets)), -uint32(r.IntN(disorderPackets*750))
	}
	frame := 0
	var order []flight
	for i := range disorderPackets {
		f := flight{index: i, ts: p.ts, marker: r.IntN(4) == 0, padding: i > 0 && r.IntN(12) == 0, key: !video || frame%20 == 0}
		payload := deltaVP8()
		if f.key {
			payload = keyVP8()
		}
		f.bytes = packet.Build(nil, f.marker, p.pt, p.seq, p.ts, p.ssrc, nil, binary.BigEndian.AppendUint32(payload, uint32(i)))
		if f.padding {
			f.bytes = append(packet.Build(nil, f.marker, p.pt, p.seq, p.ts, p.ssrc, nil, nil), 0, 0, 0, 4)
			f.bytes[0] |= 0x20
		}
		if p.seq++; f.marker {
			p.ts += 3000
			frame++
		}
		all = append(all, f)
		if r.IntN(20) == 0 {
			continue // lost
		}
		f.at = float64(i)
		if r.IntN(8) == 0 {
			f.at += overtaken * r.Float64()
		}
		order = append(order, f)
		for r.IntN(20) == 0 {
			f.at += overtaken * r.Float64()
			order = append(order, f)
		}
	}
	slices.SortStableFunc(order, func(a, b flight) int { return cmp.Compare(a.at, b.at) })
	for _, f := range order {
		came = append(came, f.index)
	}
	return all, came
}

// expected is what of it a viewer is to get: what comes from the first packet on
// that it can begin with, once.
func expected(all []flight, came []int) (first int, got map[int]bool) {
	first, got = -1, map[int]bool{}
	before := map[int]bool{}
	for _, index := range came {
		f := all[index]
		if first < 0 && f.key && !f.padding {
			first = f.index
		}
		switch {
		case first < 0:
			before[f.index] = true // and is not taken for new again
		case f.index >= first && !before[f.index]:
			got[f.index] = true
		}
	}
	return first, got
}

// TestDisorder holds a viewer's stream against RFC 3550: thousands of packets of
// three sources that follow each other are lost, overtaken and come twice, some of
// them when the next source has begun.
//
//   - It has one SSRC (section 8), one payload type, and no packet twice.
//   - Sequence numbers count up by one for each packet (section 5.1). One is left
//     out for each that was lost on the way here, and for nothing else: not for
//     padding that is dropped, nor where another source takes over.
//   - Timestamps are the source's, all moved by the same (section 5.1), and grow
//     by the time that passed where another source takes over.
func TestDisorder(t *testing.T) {
	for _, kind := range []codec.Kind{codec.Video, codec.Audio} {
		for seed := range uint64(100) {
			t.Run(fmt.Sprintf("%v/%d", kind, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 11))
				track := New(kind)
				v := view(track, 5000)
				w := watcher{t: t, pt: 120, rate: 90000}
				if kind == codec.Audio {
					w.pt, w.rate = 109, 48000
				}
				burst := 1 + r.IntN(60) // packets that are taken at once, about
				now := int64(0)
				var before *publisher
				var late [][]byte // of the source before
				for ssrc := range uint32(3) {
					p := publish(t, track, 1000*(ssrc+1))
					all, came := disordered(r, p, kind == codec.Video)
					came, held := came[:len(came)-10], came[len(came)-10:]
					for _, index := range came {
						now += packetTime
						f := &all[index]
						if f.taken == 0 {
							f.taken = now
						}
						p.receiver.Take(bytes.Clone(f.bytes), now)
						if r.IntN(burst) == 0 {
							p.receiver.Flush(nil, now)
						}
						if len(late) > 0 && track.current.input == p.input {
							before.receiver.Take(late[0], now)
							late = late[1:]
						}
					}
					p.receiver.Flush(nil, now+gatherTime)
					w.check(all, came, v.wire.takeRTP(t))
					before = p
					for _, index := range held {
						late = append(late, all[index].bytes)
					}
				}
			})
		}
	}
}

// watcher is who looks at what the viewer gets.
type watcher struct {
	t       *testing.T
	pt      uint8
	rate    int64
	began   bool
	highest uint16 // sequence number, of the source before
	latest  uint32 // timestamp, likewise
	at      int64  // when latest came first
}

// check looks at what came of one source.
func (w *watcher) check(all []flight, came []int, got []sent) {
	w.t.Helper()
	first, want := expected(all, came)
	if first < 0 || len(got) == 0 {
		w.t.Fatalf("nothing came of %d packets", len(came))
	}
	begin := got[0].Sequence
	if w.began {
		ts := w.latest + uint32(max((all[first].taken-w.at)*w.rate/second, 1))
		if begin != w.highest+1 || got[0].Timestamp != ts {
			w.t.Errorf("begins with number %d at %d, want %d and %d", begin, got[0].Timestamp, w.highest+1, ts)
		}
	}
	shift := got[0].Timestamp - all[first].ts
	numbers := map[uint16]int{} // the packets' index, -1 for those without payload
	last, latest, at := begin, got[0].Timestamp, all[first].taken
	for _, g := range got {
		if g.SSRC != 5000 || g.PayloadType != w.pt {
			w.t.Fatalf("sent %+v", g.Header)
		}
		if _, twice := numbers[g.Sequence]; twice {
			w.t.Errorf("number %d is there twice", g.Sequence)
		}
		if packet.SequenceNewer(g.Sequence, last) {
			last = g.Sequence
		}
		if len(g.payload) == 0 {
			numbers[g.Sequence] = -1
			continue
		}
		index := int(binary.BigEndian.Uint32(g.payload[2:]))
		numbers[g.Sequence] = index
		if f := all[index]; g.Timestamp != f.ts+shift || g.Marker != f.marker {
			w.t.Errorf("packet %d has timestamp %d and marker %v, want %d and %v", index, g.Timestamp, g.Marker, f.ts+shift, f.marker)
		}
		if int32(g.Timestamp-latest) > 0 {
			latest, at = g.Timestamp, all[index].taken
		}
	}
	if numbers[begin] != first {
		w.t.Errorf("begins with packet %d, want %d", numbers[begin], first)
	}
	w.order(all, want, numbers, begin, last)
	w.began, w.highest, w.latest, w.at = true, last, latest, at
}

// order looks at all numbers, which are to be from the first to the last.
func (w *watcher) order(all []flight, want map[int]bool, numbers map[uint16]int, begin, last uint16) {
	w.t.Helper()
	index, holes, empty := numbers[begin], 0, 0 // since index
	seen := 1
	for n := begin + 1; n != last+1; n++ {
		at, ok := numbers[n]
		switch {
		case !ok:
			holes++
			continue
		case at < 0:
			empty++
			seen++
			continue
		case at <= index || !want[at]:
			w.t.Fatalf("packet %d follows packet %d", at, index)
		}
		lost, padding := w.between(all, want, index, at)
		if holes != lost || empty > padding {
			w.t.Errorf("between packets %d and %d %d numbers are left out and %d empty; %d packets were lost and %d were padding",
				index, at, holes, empty, lost, padding)
		}
		index, holes, empty = at, 0, 0
		seen++
	}
	if seen != len(numbers) {
		w.t.Errorf("%d numbers from %d to %d, %d in all", seen, begin, last, len(numbers))
	}
	if w.between(all, want, index, len(all)); holes+empty > 0 {
		w.t.Errorf("%d numbers after the last packet", holes+empty)
	}
}

// between counts what is not media between two packets; there is to be no media.
func (w *watcher) between(all []flight, want map[int]bool, from, to int) (lost, padding int) {
	w.t.Helper()
	for i := from + 1; i < to; i++ {
		switch {
		case !want[i]:
			lost++
		case all[i].padding:
			padding++
		default:
			w.t.Errorf("packet %d is missing", i)
		}
	}
	return lost, padding
}

// TestTooLate: a packet that is too old to tell whether it came before.
func TestTooLate(t *testing.T) {
	track := New(codec.Audio)
	p := publish(t, track, 1000)
	v := view(track, 5000)
	p.send(0, []byte{0})
	late := p.make([]byte{1})
	for range 2500 {
		p.send(0, []byte{2})
	}
	v.wire.takeRTP(t)
	feed(p.receiver, late, 0)
	v.want(t)
	if s := p.receiver.Stats(); s.Late != 1 || s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
}
