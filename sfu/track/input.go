package track

import (
	"slices"
	"sync/atomic"

	"lectern/sfu/codec"
	"lectern/sfu/packet"
)

// SectionConfig tells what arrives on one m-line.
type SectionConfig struct {
	MID     string
	Kind    codec.Kind
	Formats []Format // that the publisher may send
	// Sources are the announced SSRCs. There may be none: then they are learned
	// from the mid extension, else from a payload type that only this section
	// has.
	Sources []Source
	Track   *Track // that is fed
	// OnFirst is called once, by the reader, when the first packet with a
	// payload arrives. It may be nil. It may call Bind and Close.
	OnFirst func()
}

// maxSources is how many announced SSRCs of one section are taken.
const maxSources = 16

// Input is a section that is bound to a track.
type Input struct {
	receiver *Receiver
	mid      string
	kind     codec.Kind
	formats  *formats
	track    *Track
	onFirst  func()
	ended    atomic.Bool

	// Guarded by Receiver.mu.
	flowing bool   // a packet has come
	latest  uint32 // the SSRC of the media that began last
}

// Bind has what arrives on a section feed a track. SSRCs that another section
// announced before are this one's from now on. Binding what is bound already
// begins a new source and so interrupts video until the next keyframe.
func (r *Receiver) Bind(c SectionConfig) *Input {
	in := &Input{
		receiver: r, mid: c.MID, kind: c.Kind, formats: newFormats(c.Formats), track: c.Track, onFirst: c.OnFirst,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		in.ended.Store(true)
		return in
	}
	r.inputs = append(r.inputs, in)
	for _, s := range c.Sources[:min(len(c.Sources), maxSources)] {
		if s.SSRC == 0 {
			continue
		}
		r.put(s.SSRC, &stream{input: in})
		if s.RTX != 0 && s.RTX != s.SSRC {
			r.put(s.RTX, &stream{input: in, repair: true, repairs: s.SSRC})
		}
	}
	return in
}

// Close unbinds the section: its packets are of nobody any more. The track has
// no input then, if this one was current, until another one's first keyframe.
func (in *Input) Close() {
	if in.ended.Swap(true) {
		return
	}
	r := in.receiver
	r.mu.Lock()
	r.inputs = slices.DeleteFunc(r.inputs, func(i *Input) bool { return i == in })
	for ssrc, st := range r.streams {
		if st.input == in {
			r.drop(ssrc, st)
		}
	}
	r.mu.Unlock()
	in.track.detach(in)
}

// put and drop keep the number of learned streams; r.mu is held.
func (r *Receiver) put(ssrc uint32, st *stream) {
	if old := r.streams[ssrc]; old != nil {
		r.drop(ssrc, old)
	}
	r.streams[ssrc] = st
	if st.learned {
		r.learned++
	}
}

func (r *Receiver) drop(ssrc uint32, st *stream) {
	delete(r.streams, ssrc)
	if st.learned {
		r.learned--
	}
}

// learn finds the section of an SSRC that nobody announced (RFC 8843 section
// 9.2): by the mid it carries, else by its payload type. It returns nil if there
// is none, or if there are too many SSRCs. r.mu is held.
func (r *Receiver) learn(b []byte, h *packet.Header, ids *Extensions, now int64) *stream {
	mid := h.Extension(b, ids.MID)
	in := r.inputOf(mid, h.PayloadType)
	if in == nil {
		return nil
	}
	if r.learned >= maxLearned && !r.dropIdle(now) {
		return nil
	}
	_, repair := in.formats.repaired(h.PayloadType)
	if _, media := in.formats.find(h.PayloadType); !media && !repair {
		return nil
	} else if media {
		repair = false
	}
	st := &stream{input: in, repair: repair, learned: true}
	r.put(h.SSRC, st)
	return st
}

// inputOf is the section with this mid, the one bound last, or, if the packet has
// none, the only one with this payload type.
func (r *Receiver) inputOf(mid []byte, pt uint8) (found *Input) {
	for _, in := range slices.Backward(r.inputs) {
		if mid != nil {
			if string(mid) == in.mid {
				return in
			}
			continue
		}
		_, media := in.formats.find(pt)
		_, repair := in.formats.repaired(pt)
		if !media && !repair {
			continue
		}
		if found != nil {
			return nil
		}
		found = in
	}
	return found
}

// dropIdle makes room for a new SSRC if the one that was silent longest is idle.
func (r *Receiver) dropIdle(now int64) bool {
	var oldest *stream
	var oldestSSRC uint32
	for ssrc, st := range r.streams {
		if st.learned && (oldest == nil || st.last < oldest.last) {
			oldest, oldestSSRC = st, ssrc
		}
	}
	if oldest == nil || now-oldest.last < idleAfter {
		return false
	}
	r.drop(oldestSSRC, oldest)
	return true
}
