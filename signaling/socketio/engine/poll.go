package engine

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"lectern/signaling/budget"
	"lectern/signaling/door"
)

// bodyTime is how long a client may take to send a POST's body, or to take the
// answer to a poll. Without a limit who never reads would hold a goroutine and
// the answer for ever.
const bodyTime = 30 * time.Second

// poll is a GET that waits.
type poll struct {
	woken chan struct{} // has room for one
	// Guarded by the session's mu.
	since  time.Time
	late   bool // it came during an upgrade
	noop   bool // release it with a noop
	refuse bool // the session upgraded although it waited
}

// wake lets the poll look for something to answer; s.mu is held.
func (p *poll) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// get answers a poll when there is something to say.
func (s *Session) get(w http.ResponseWriter, r *http.Request) {
	if s.overdue() {
		answerRefusal(w, refuse(codeSession))
		return
	}
	// The wait may be longer than an answer may take; answerPoll sets a deadline.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	p, no := s.beginPoll(r)
	if no != nil {
		answerRefusal(w, no)
		return
	}
	for {
		select {
		case <-p.woken:
		case <-r.Context().Done(): // the client gave the poll up
			s.dropPoll(p)
			return
		}
		body, done := s.pollBody(p)
		switch {
		case done && body == nil:
			answerRefusal(w, refuse(codeRequest))
			return
		case done:
			s.answerPoll(w, body)
			return
		}
	}
}

// beginPoll makes the GET the one that waits.
func (s *Session) beginPoll(r *http.Request) (*poll, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ws != nil:
		return nil, refuse(codeRequest)
	case s.ended && (s.poll != nil || s.farewell == 0):
		return nil, refuse(codeSession)
	case s.poll != nil: // two at once
		s.endLocked(false, 0)
		return nil, refuse(codeRequest)
	}
	p := &poll{woken: make(chan struct{}, 1), since: time.Now(), late: s.probing != nil}
	s.poll = p
	door.Of(r.Context()).Keep(s.member) // until it is answered
	if s.ended || len(s.queue) > 0 {
		p.wake()
	}
	return p, nil
}

// pollBody takes what the poll is to be answered with: nothing yet (false), or
// a body, nil for a refusal.
func (s *Session) pollBody(p *poll) (body []byte, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	packets := s.queue
	switch {
	case p.refuse:
		s.poll = nil
		return nil, true
	case s.ws != nil: // what is queued goes there
		s.poll = nil
		return []byte{packetNoop}, true
	case s.ended && len(packets) > 0 && s.farewell == packetClose:
		// The end comes with the next poll, as from the reference server: the
		// client deals with messages a moment later than with the end.
	case s.ended:
		packets = append(packets, budget.Frame{Head: []byte{s.farewell}})
		if s.linger.Stop() {
			s.handler.forget(s)
		}
	case len(packets) == 0 && p.noop:
		packets = []budget.Frame{{Head: []byte{packetNoop}}}
	case len(packets) == 0:
		return nil, false
	}
	s.poll = nil
	body = join(packets)
	s.dropQueue()
	return body, true
}

// dropPoll ends the session of a client that broke its poll off: what was sent
// may be lost (as the reference server does).
func (s *Session) dropPoll(p *poll) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poll == p {
		s.poll = nil
	}
	if s.ws == nil { // else the client has upgraded, and the poll had no use
		s.endLocked(false, 0)
	}
}

func (s *Session) answerPoll(w http.ResponseWriter, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=UTF-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(bodyTime)) // net/http lifts it after the answer
	s.account.Take(len(body))                              // until the client has taken it
	defer s.account.Take(-len(body))
	_, err := w.Write(body)
	if err == nil {
		err = control.Flush()
	}
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.end(false)
	}
}

// post takes packets from the client.
func (s *Session) post(w http.ResponseWriter, r *http.Request) {
	if s.overdue() {
		answerRefusal(w, refuse(codeSession))
		return
	}
	if !s.beginPost() {
		answerRefusal(w, refuse(codeRequest))
		return
	}
	defer s.endPost()
	limit := s.handler.options.MaxPayload
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTime)) // never lifted: what is left of the body has it too
	body, err := s.account.Read(http.MaxBytesReader(w, r.Body, int64(limit)), limit)
	defer body.Release()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		s.tooLarge()
		s.end(false)
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case err == nil:
		err = s.takeBody(body.Data)
	}
	if err != nil {
		s.end(false)
		answerRefusal(w, refuse(codeRequest))
		return
	}
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok"))
}

func (s *Session) takeBody(body []byte) error {
	var failed error
	split(body, func(packet []byte) bool {
		goesOn, err := s.take(packet)
		failed = err
		return goesOn
	})
	return failed
}

func (s *Session) beginPost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ws != nil, s.ended:
		return false
	case s.posting: // two at once
		s.endLocked(false, 0)
		return false
	}
	s.posting = true
	return true
}

func (s *Session) endPost() {
	s.mu.Lock()
	s.posting = false
	s.mu.Unlock()
}
