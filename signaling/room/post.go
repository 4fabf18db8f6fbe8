package room

import (
	"slices"
	"time"

	"lectern/signaling/protocol"
)

// What is kept for a member until it is known to have arrived. A socket can be
// dead long before the server notices, and its end, however orderly, says
// nothing of what was written to it. So there are two proofs only: a client with
// the capability "resume" says how far it has come; to the others everything
// is sent again that is younger than a dead socket can be old, unless the
// client has answered it.
const (
	// maxKept is how many bytes are kept for one member. What is older then is
	// dropped, and a member that may have missed it starts afresh when it comes
	// back (Room.beginAgain).
	maxKept = 2 << 20
	// defaultSilence covers the default heartbeat, 25 s and 20 s.
	defaultSilence = 45 * time.Second
	// returnTime is how long a client may need to connect again after it has
	// noticed the loss itself, while its old socket still looks alive.
	returnTime = 15 * time.Second
	// sweepPause is the time between two looks for what is too old to be kept.
	sweepPause = time.Second
	// maxRefusals is how many refusals of numbered messages are remembered.
	maxRefusals = 32
)

// letter is a message that may have to be sent again.
type letter struct {
	seq  uint64
	at   time.Time // when it was sent last, or written while the member was absent
	msg  protocol.Outgoing
	err  *protocol.Error // instead of msg
	size int
}

// post is what was sent to one member, and taken from it, as far as it matters
// when the member comes back.
type post struct {
	last    uint64   // the number of the newest letter
	letters []letter // oldest first
	bytes   int
	counted int    // of bytes, by Kept
	dropped letter // the newest of those that were too many; zero: none were
	swept   time.Time

	taken    uint64    // the number of the client's last message that was dealt with
	refusals []refusal // of the client's last messages, oldest first
}

// refusal is what became of a numbered message, for when it comes again.
type refusal struct {
	seq uint64
	err error
}

// add keeps a letter and gives it its number.
func (p *post) add(l letter) letter {
	p.last++
	l.seq, l.size = p.last, size(l.msg)
	p.letters = append(p.letters, l)
	p.bytes += l.size
	p.shrink(maxKept)
	return l
}

// shrink forgets the oldest letters over a bound.
func (p *post) shrink(most int) {
	for p.bytes > most {
		p.dropped = p.letters[0]
		p.drop(1)
	}
}

// drop forgets the oldest letters.
func (p *post) drop(n int) {
	for i := range p.letters[:n] {
		p.bytes -= p.letters[i].size
		p.letters[i] = letter{}
	}
	p.letters = p.letters[n:]
	if len(p.letters) == 0 {
		p.letters = nil
	}
}

// seen forgets what the client says it has. whole is false if it misses more
// than is kept.
func (p *post) seen(seq uint64) (whole bool) {
	n := 0
	for n < len(p.letters) && p.letters[n].seq <= seq {
		n++
	}
	p.drop(n)
	return seq >= p.dropped.seq && seq <= p.last
}

// older forgets what was sent before a time, but for offers: an answer to them
// may have been lost. whole is false if something that was sent later is not
// kept any more.
func (p *post) older(than time.Time) (whole bool) {
	p.letters = slices.DeleteFunc(p.letters, func(l letter) bool {
		_, offer := l.msg.(*protocol.RelayedOffer)
		if offer || !l.at.Before(than) {
			return false
		}
		p.bytes -= l.size
		return true
	})
	if len(p.letters) == 0 {
		p.letters = nil
	}
	return p.dropped.seq == 0 || p.dropped.at.Before(than)
}

// sweep is older now and then: it looks at all that is kept, so that doing it
// for each message would cost the square of their number.
func (p *post) sweep(now time.Time, dead time.Duration) {
	if now.Sub(p.swept) >= sweepPause {
		p.swept = now
		p.older(now.Add(-dead))
	}
}

// answered forgets the offer that a message of the client answers.
func (p *post) answered(msg protocol.Message) {
	switch m := msg.(type) {
	case *protocol.Answer:
		p.forget(func(o protocol.Outgoing) bool {
			offer, is := o.(*protocol.RelayedOffer)
			return is && offer.Remote == m.Remote
		})
	case *protocol.ReconnectWork:
		answers := map[string]string{protocol.EventAnswer: protocol.EventOffer, protocol.EventOffer: protocol.EventGetOffer}[m.Type]
		p.forget(func(o protocol.Outgoing) bool {
			again, is := o.(*protocol.Renegotiate)
			return is && again.Type == answers && again.Connector == m.Connector
		})
	}
}

// ended forgets what was said of a connector of the client's that is gone: an
// old client fails at a renegotiation of one that it does not have.
func (p *post) ended(id protocol.ConnectorID) {
	p.forget(func(o protocol.Outgoing) bool {
		switch o := o.(type) {
		case *protocol.RelayedAnswer:
			return o.Connector == id
		case *protocol.RelayedCandidate:
			return o.Connector == id
		case *protocol.Renegotiate:
			return o.Connector == id
		}
		return false
	})
}

func (p *post) forget(is func(protocol.Outgoing) bool) {
	p.letters = slices.DeleteFunc(p.letters, func(l letter) bool {
		if l.msg == nil || !is(l.msg) {
			return false
		}
		p.bytes -= l.size
		return true
	})
}

// again reports whether a numbered message of the client was dealt with
// before, and what was said to it then.
func (p *post) again(seq uint64) (is bool, err error) {
	if seq > p.taken {
		return false, nil
	}
	for _, r := range p.refusals {
		if r.seq == seq {
			return true, r.err
		}
	}
	return true, nil
}

// took notes what became of a numbered message of the client.
func (p *post) took(seq uint64, err error) {
	p.taken = seq
	if err == nil {
		return
	}
	if len(p.refusals) == maxRefusals {
		p.refusals = slices.Delete(p.refusals, 0, 1)
	}
	p.refusals = append(p.refusals, refusal{seq, err})
}

// remade reports whether a return makes a message good by itself: joined tells
// the state of the room, and the plane finds out who has no connection.
func remade(msg protocol.Outgoing) bool {
	switch msg.(type) {
	case *protocol.GetOffer, *protocol.Joined, *protocol.Member, *protocol.MemberGone, *protocol.Audience,
		*protocol.Hands, *protocol.Locked, *protocol.RoleChanged, *protocol.ModeChanged, *protocol.RemovedList:
		return true
	}
	return false
}

// size is roughly what a kept message holds in memory, in bytes.
func size(msg protocol.Outgoing) int {
	const fixed = 256
	switch msg := msg.(type) {
	case *protocol.RelayedOffer:
		return fixed + len(msg.Offer.SDP)
	case *protocol.RelayedAnswer:
		return fixed + len(msg.Answer.SDP)
	case *protocol.RelayedCandidate:
		return fixed + len(msg.Candidate)
	case *protocol.Renegotiate:
		return fixed + len(msg.Data)
	case *protocol.ChatLine:
		return fixed + len(msg.Text)
	case *protocol.History:
		n := fixed
		for i := range msg.Messages {
			n += fixed + len(msg.Messages[i].Text)
		}
		return n
	}
	return fixed
}

// send gives a message to a member's socket, and keeps it until it is known to
// have arrived.
func (r *Room) send(now time.Time, m *member, msg protocol.Outgoing) {
	if remade(msg) {
		if m.socket != "" {
			r.out = append(r.out, Outbound{Socket: m.socket, Msg: msg})
		}
		return
	}
	r.post(now, m, letter{at: now, msg: msg})
}

// tell gives an error to a member's socket, as send does a message. A client
// that does not count is told it once.
func (r *Room) tell(now time.Time, m *member, e *protocol.Error) {
	l := letter{at: now, err: e}
	if m.socket != "" && !m.resumes {
		r.out = append(r.out, m.outbound(l))
		return
	}
	r.post(now, m, l)
}

func (r *Room) post(now time.Time, m *member, l letter) {
	if m.parted {
		return // its page is told everything anew
	}
	if !m.resumes {
		if m.socket != "" {
			m.post.sweep(now, r.deadTime())
		}
		if gone, is := l.msg.(*protocol.ConnectorGone); is {
			m.post.ended(gone.Connector)
		}
	}
	l = m.post.add(l)
	r.settings.Kept.makeRoom(&m.post)
	r.settings.Kept.count(&m.post)
	if m.socket != "" {
		r.out = append(r.out, m.outbound(l))
	}
}

// outbound is a letter for the member's socket. Only a client that counts them
// is told its number.
func (m *member) outbound(l letter) Outbound {
	o := Outbound{Socket: m.socket, Msg: l.msg, Err: l.err}
	if m.resumes {
		o.Seq = l.seq
	}
	return o
}

// deadTime is how old may be what a socket took and its client never got.
func (r *Room) deadTime() time.Duration {
	silence := r.settings.Silence
	if silence <= 0 {
		silence = defaultSilence
	}
	return silence + returnTime
}

// missed forgets what the member has got by all that is known when it comes
// back, so that what is left has to be sent again. whole is false if that is
// not all: then the member has to start afresh.
func (r *Room) missed(now time.Time, m *member, back *protocol.Reconnect) (whole bool) {
	switch {
	case m.capable && !m.hasToken(back.ResumeToken):
		return false // it has not even heard that it is a new member
	case m.resumes:
		return back.Seen != nil && m.post.seen(*back.Seen)
	}
	ended := now
	if m.socket == "" {
		ended = m.dropped
	}
	return m.post.older(ended.Add(-r.deadTime()))
}

// repeat sends again what is left, without the offers to a client that does
// not count of members who are gone.
func (r *Room) repeat(now time.Time, m *member) {
	for i := range m.post.letters {
		l := &m.post.letters[i]
		if offer, is := l.msg.(*protocol.RelayedOffer); is && !m.resumes && r.hasLeft(offer.Member) {
			continue
		}
		l.at = now
		r.out = append(r.out, m.outbound(*l))
	}
}

// hasLeft reports whether an id is that of a socket, but of no member.
func (r *Room) hasLeft(id protocol.MemberID) bool {
	return r.byID[id] == nil && id != protocol.ServerMember && id != protocol.AudienceMember
}

// Seen takes in how far a client has come, and says how far the room has come
// with what the client sent. ok is false of a client that does not count.
func (r *Room) Seen(s SocketID, seen *uint64) (taken uint64, ok bool) {
	m := r.sockets[s]
	if m == nil || !m.resumes {
		return 0, false
	}
	if seen != nil {
		m.post.seen(*seen)
		r.settings.Kept.count(&m.post)
	}
	return m.post.taken, true
}
