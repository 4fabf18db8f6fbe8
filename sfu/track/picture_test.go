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

// form is which running numbers the payloads of a source have.
type form struct {
	pt       uint8
	bits     int // of the picture id: 0, 7 or 15
	tl0, key bool
	flexible bool // VP9
}

var forms = []form{
	{pt: 96}, {pt: 96, bits: 7}, {pt: 96, bits: 15}, {pt: 96, tl0: true}, {pt: 96, bits: 15, tl0: true},
	{pt: 96, bits: 7, tl0: true, key: true}, {pt: 96, bits: 15, key: true}, {pt: 96, bits: 15, tl0: true, key: true},
	{pt: 100}, {pt: 100, bits: 7, tl0: true}, {pt: 100, bits: 15, tl0: true}, {pt: 100, bits: 15, flexible: true},
}

// counts are the running numbers of a picture. They are not cut to their widths.
type counts struct{ picture, tl0, key int }

// picture is one of a source's.
type picture struct {
	counts
	layer    int // temporal
	keyframe bool
}

// payload writes one packet of a picture: RFC 7741 and RFC 9628, section 4.2 of
// both.
func (f form) payload(p picture, n counts, first bool, body []byte) (b []byte) {
	id := binary.BigEndian.AppendUint16(nil, uint16(n.picture)|0x8000)
	if f.bits == 7 {
		id = []byte{byte(n.picture) & 0x7f}
	}
	if f.pt == 100 {
		layers := f.tl0 || f.flexible
		b = []byte{bit(f.bits > 0, 0x80) | bit(!p.keyframe, 0x40) | bit(layers, 0x20) | bit(f.flexible, 0x10) | bit(first, 0x08)}
		if f.bits > 0 {
			b = append(b, id...)
		}
		if layers {
			b = append(b, byte(p.layer<<5))
		}
		if f.tl0 {
			b = append(b, byte(n.tl0))
		}
		if f.flexible && !p.keyframe {
			b = append(b, 1<<1) // it refers to the picture before it
		}
		return append(b, body...)
	}
	b = []byte{bit(first, 0x10)}
	if f.bits > 0 || f.tl0 || f.key {
		b[0] |= 0x80
		b = append(b, bit(f.bits > 0, 0x80)|bit(f.tl0, 0x60)|bit(f.key, 0x10))
		if f.bits > 0 {
			b = append(b, id...)
		}
		if f.tl0 {
			b = append(b, byte(n.tl0))
		}
		if f.tl0 || f.key {
			b = append(b, bit(f.tl0, byte(p.layer<<6))|bit(f.key, byte(n.key)&0x1f))
		}
	}
	b = append(b, bit(!p.keyframe, 0x01))
	return append(b, body...)
}

func bit(set bool, b byte) byte {
	if set {
		return b
	}
	return 0
}

// shot is a packet of a film.
type shot struct {
	picture
	first bool
	body  []byte // the source's number, and the packet's in it
	bytes []byte
	at    float64
}

// film is what one source sends.
type film struct {
	form
	shots []shot
}

func (f *film) find(body []byte) *shot { return &f.shots[binary.BigEndian.Uint16(body[1:])] }

// shoot makes 60 pictures, and tells in which order their packets come.
func shoot(r *rand.Rand, f form, number int, p *publisher) (made *film, came []*shot) {
	made = &film{form: f}
	p.pt = f.pt
	pic := picture{counts: counts{picture: r.IntN(1 << 15), tl0: r.IntN(256), key: r.IntN(32)}}
	for n := range 60 {
		pic.picture++
		pic.layer, pic.keyframe = r.IntN(3), n == 0 || r.IntN(25) == 0
		if pic.keyframe {
			pic.layer = 0
			pic.key++
		}
		if pic.layer == 0 {
			pic.tl0++
		}
		p.ts += 3000
		packets := 1 + r.IntN(4)
		for i := range packets {
			s := shot{picture: pic, first: i == 0, body: []byte{byte(number), 0, 0}, at: float64(len(made.shots))}
			binary.BigEndian.PutUint16(s.body[1:], uint16(len(made.shots)))
			s.bytes = packet.Build(nil, i == packets-1, p.pt, p.seq, p.ts, p.ssrc, nil, f.payload(pic, pic.counts, i == 0, s.body))
			p.seq++
			made.shots = append(made.shots, s)
		}
	}
	for i := range made.shots {
		s := &made.shots[i]
		if i > 0 && r.IntN(20) == 0 {
			continue // lost
		}
		if i > 0 && r.IntN(6) == 0 {
			s.at += 6 * r.Float64()
		}
		came = append(came, s)
		if r.IntN(15) == 0 {
			came = append(came, s)
		}
	}
	slices.SortStableFunc(came, func(a, b *shot) int { return cmp.Compare(a.at, b.at) })
	return made, came
}

// spectator looks at the running numbers that a viewer gets.
type spectator struct {
	*viewer
	t        *testing.T
	films    []*film
	shown    map[uint16][]byte // payload by sequence number
	repaired int
	began    map[string]bool // numbers that were given, by name

	film   *film // nil: what comes next is the first of a source
	number byte  // of the film
	from   counts
	to     counts
	seq    uint16 // the newest
	last   counts // of that
}

// look looks at what was sent since the last time.
func (s *spectator) look() {
	s.t.Helper()
	for _, g := range s.wire.takeRTP(s.t) {
		body := g.payload[len(g.payload)-3:]
		f := s.films[body[0]]
		shot := f.find(body)
		if s.film != f {
			if body[0] < s.number {
				s.t.Fatalf("packet %x is sent after the switch", body)
			}
			s.begin(f, shot)
			s.number, s.seq = body[0], g.Sequence-1
		}
		want := s.numbers(shot)
		if payload := f.payload(shot.picture, want, shot.first, body); !bytes.Equal(g.payload, payload) {
			s.t.Fatalf("packet %x of %+v is sent with %x, want %x", body, f.form, g.payload, payload)
		}
		if packet.SequenceNewer(g.Sequence, s.seq) {
			s.seq = g.Sequence
			s.remember(f.form, want)
		}
		s.shown[g.Sequence] = g.payload
	}
}

// begin is what the first packet of a source gets: what follows the last number.
func (s *spectator) begin(f *film, first *shot) {
	s.film, s.from = f, first.counts
	s.to = first.counts
	if s.began["picture"] {
		s.to.picture = s.last.picture + 1
	}
	if s.began["tl0"] {
		s.to.tl0 = s.last.tl0 + 1
	}
	if s.began["key"] {
		s.to.key = s.last.key + 1
	}
}

// numbers are as far from those of the source's first packet as the source has
// them.
func (s *spectator) numbers(shot *shot) counts {
	return counts{
		picture: s.to.picture + shot.picture.picture - s.from.picture,
		tl0:     s.to.tl0 + shot.tl0 - s.from.tl0,
		key:     s.to.key + shot.key - s.from.key,
	}
}

// remember keeps what the newest packet had.
func (s *spectator) remember(f form, n counts) {
	if f.bits > 0 {
		s.last.picture = n.picture & (1<<f.bits - 1)
		s.began["picture"] = true
	}
	if f.tl0 {
		s.last.tl0, s.began["tl0"] = n.tl0, true
	}
	if f.key {
		s.last.key, s.began["key"] = n.key, true
	}
}

// ask asks for some of what was sent, and holds that it comes as it was.
func (s *spectator) ask(r *rand.Rand, now int64) {
	s.t.Helper()
	s.look()
	var lost []uint16
	for back := range uint16(12) {
		if s.shown[s.seq-back] != nil && r.IntN(2) == 0 {
			lost = append(lost, s.seq-back)
		}
	}
	s.nack(s.t, now, lost...)
	for _, g := range s.wire.takeRTP(s.t) {
		if of := binary.BigEndian.Uint16(g.payload); !bytes.Equal(g.payload[rtxPrefix:], s.shown[of]) {
			s.t.Fatalf("packet %d is sent again with %x, it was %x", of, g.payload[rtxPrefix:], s.shown[of])
		}
		s.repaired++
	}
}

func newSpectator(t *testing.T, track *Track, ssrc uint32) *spectator {
	return &spectator{viewer: view(track, ssrc), t: t, shown: map[uint16][]byte{}, began: map[string]bool{}}
}

// TestPictures moves viewers over sources of all forms, and holds what they get
// against RFC 7741 and RFC 9628: the numbers of pictures go on over a switch, and
// within a source have the source's distances, whatever is lost, late, or comes
// twice. What is sent again, and to those that come later, is the same. One of
// the viewers pauses now and then.
func TestPictures(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 17))
			track := New(codec.Video)
			viewers := []*spectator{newSpectator(t, track, 5000), newSpectator(t, track, 6000)}
			now := int64(0)
			var late []*shot // of the source before
			var before *publisher
			for number := range 5 {
				p := publish(t, track, 1000*uint32(number+1))
				p.seq, p.ts = uint16(r.Uint32()), r.Uint32()
				made, came := shoot(r, forms[r.IntN(len(forms))], number, p)
				for _, v := range viewers {
					v.films = append(v.films, made)
				}
				held := came[len(came)-10:]
				for i, s := range came[:len(came)-10] {
					now += 10 * ms
					p.receiver.Take(bytes.Clone(s.bytes), now)
					if r.IntN(2) == 0 {
						p.receiver.Flush(nil, now)
					}
					if i < len(late) {
						feed(before.receiver, bytes.Clone(late[i].bytes), now)
					}
					disturb(r, track, viewers, now)
				}
				p.receiver.Flush(nil, now+gatherTime)
				for _, v := range viewers {
					v.look()
				}
				before, late = p, held
			}
			for i, v := range viewers {
				if len(v.shown) < 100 || v.repaired == 0 {
					t.Errorf("viewer %d was sent %d packets, and %d again", i, len(v.shown), v.repaired)
				}
			}
		})
	}
}

// disturb does now and then what viewers do: they ask for packets, the second one
// pauses and goes on, and somebody comes for a moment.
func disturb(r *rand.Rand, track *Track, viewers []*spectator, now int64) {
	second := viewers[1]
	switch r.IntN(40) {
	case 0:
		for _, v := range viewers {
			v.ask(r, now)
		}
	case 1:
		second.look()
		second.sub.Pause()
		second.film = nil
	case 2:
		second.sub.Resume()
	case 3:
		guest := newSpectator(second.t, track, 7000)
		guest.films = second.films
		guest.ask(r, now)
		guest.sender.Close()
	}
}

// TestPictureThatIsNotSent: its numbers are not given to another one, as it is sent
// when the viewer asks for it.
func TestPictureThatIsNotSent(t *testing.T) {
	track := New(codec.Video)
	f := form{pt: 96, bits: 15, tl0: true}
	send := func(p *publisher, pic picture) { p.frame(0, f.payload(pic, pic.counts, true, nil)) }
	p := publish(t, track, 1000)
	v := view(track, 5000)
	send(p, picture{counts{10, 20, 0}, 0, true})
	v.want(t, 1000)
	v.wire.full = true
	send(p, picture{counts{11, 21, 0}, 0, false})
	v.wire.full = false
	v.nack(t, 0, 1001)
	again := v.wire.takeRTP(t)
	if len(again) != 1 || !bytes.Equal(again[0].payload[rtxPrefix:], f.payload(picture{}, counts{11, 21, 0}, true, nil)) {
		t.Errorf("sent again: %+v", again)
	}
	send(publish(t, track, 2000), picture{counts{500, 60, 0}, 0, true})
	if got := v.want(t, 1002)[0].payload; !bytes.Equal(got, f.payload(picture{keyframe: true}, counts{12, 22, 0}, true, nil)) {
		t.Errorf("the next source begins with %x", got)
	}
}
