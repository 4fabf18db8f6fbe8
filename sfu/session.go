package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"lectern/sfu/egress"
	"lectern/sfu/track"
	"lectern/sfu/transport"
	"lectern/signaling/fault"
)

// session is the link of a real connector: a transport with the two halves of
// its media, and what waits for its data channel.
//
// Goroutines, besides the transport's: one that does what the plane wants, in
// order, and one that writes to the data channel. Each is there only while it
// has something to do; begin starts both, and the plane waits for them.
type session struct {
	// Set at construction.
	server  *Server
	events  events
	in      *outlet // nil where the client sends no files
	out     []*box  // what waits for the client, most urgent first
	running *sync.WaitGroup
	done    chan struct{} // closed by Close

	reachable atomic.Pointer[transport.Transport] // set when it is open; for Reached

	// Owned by the caller of Message, of which there is one.
	sending files

	// Owned by the goroutine that does what the plane wants; set before the
	// transport calls back.
	transport *transport.Transport
	receiver  *track.Receiver
	sender    *track.Sender
	inputs    map[string]*track.Input
	plays     map[string]*track.Subscription

	mu sync.Mutex
	// Guarded by mu.
	work    []func()
	working bool
	closed  bool
	channel *transport.Channel
	writing bool
	talk    [][]byte // negotiation that waits for the channel
}

var (
	_ link              = (*session)(nil)
	_ transport.Handler = (*session)(nil)
)

func (s *Server) newSession(e events, in *outlet, out []*box, running *sync.WaitGroup) *session {
	l := &session{
		server: s, events: e, in: in, out: out, running: running, done: make(chan struct{}),
		sending: files{}, inputs: map[string]*track.Input{}, plays: map[string]*track.Subscription{},
	}
	l.do(l.open)
	return l
}

// begin runs a goroutine of the session's; s.mu is held. If it panics the connection
// fails.
func (s *session) begin(doing string, run func()) {
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer fault.Contain(s.server.log, doing, s.fail)
		run()
	}()
}

// fail has the plane end the connection.
func (s *session) fail() { s.events.stateChanged(transport.Failed) }

// do has something done after all that was wanted before.
func (s *session) do(work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.work = append(s.work, work)
	s.workOn()
}

// workOn sees to it that what is wanted gets done; s.mu is held.
func (s *session) workOn() {
	if !s.working {
		s.working = true
		s.begin("what a room wants of a connection", s.run)
	}
}

func (s *session) run() {
	for work := s.nextWork(); work != nil; work = s.nextWork() {
		s.doOne(work)
	}
}

func (s *session) nextWork() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.work) == 0 {
		s.working = false
		return nil
	}
	work := s.work[0]
	s.work = s.work[1:]
	return work
}

// doOne has the connection fail if it panics. What is wanted afterwards is done all
// the same: it is, soon, that the session ends.
func (s *session) doOne(work func()) {
	defer fault.Contain(s.server.log, "what a room wants of a connection", s.fail)
	work()
}

func (s *session) open() {
	t, err := s.server.endpoint.New(s)
	if err != nil {
		s.events.opened(transport.Local{}, err)
		return
	}
	s.transport = t
	s.reachable.Store(t)
	s.receiver, s.sender = track.NewReceiver(t), track.NewSender(t)
	s.server.clock.add(s)
	s.tell()
}

// tell gives the plane this side of the connection.
func (s *session) tell() {
	local, err := s.transport.Local()
	s.events.opened(local, err)
}

// with does something with the transport, if there is one.
func (s *session) with(work func()) {
	s.do(func() {
		if s.transport != nil {
			work()
		}
	})
}

func (s *session) Start(r transport.Remote, role transport.Role) {
	s.with(func() {
		if err := s.transport.Start(r, role); err != nil {
			s.server.log.Debug("a media connection does not start", "err", err)
			s.events.stateChanged(transport.Failed)
		}
	})
}

func (s *session) Restart() {
	s.with(func() {
		if err := s.transport.Restart(); err != nil {
			s.server.log.Debug("a media connection does not restart", "err", err) // and goes on as it was
		}
		s.tell()
	})
}

func (s *session) SetExtensions(ids track.Extensions) {
	s.with(func() {
		s.receiver.SetExtensions(ids)
		s.sender.SetExtensions(ids)
	})
}

func (s *session) Receive(r receiving) {
	s.with(func() {
		old := s.inputs[r.mid]
		s.inputs[r.mid] = s.receiver.Bind(track.SectionConfig{
			MID: r.mid, Kind: r.kind, Formats: r.formats, Sources: r.sources, Track: r.track,
			OnFirst: func() { s.events.flowing(r.kind) },
		})
		if old != nil {
			old.Close()
		}
	})
}

func (s *session) StopReceiving(mid string) {
	s.with(func() {
		if in := s.inputs[mid]; in != nil {
			delete(s.inputs, mid)
			in.Close()
		}
	})
}

func (s *session) Play(p playing) {
	s.with(func() {
		if sub := s.plays[p.mid]; sub != nil {
			sub.SetFormats(p.formats)
			return
		}
		s.plays[p.mid] = s.sender.Subscribe(track.SubscriptionConfig{
			Track: p.track, MID: p.mid, SSRC: p.ssrc, RTXSSRC: p.rtx, CNAME: p.cname, Formats: p.formats,
			Paused: p.hidden, OnFirst: func() { s.events.began(p.mid) },
		})
	})
}

func (s *session) Pause(mid string, paused bool) {
	s.with(func() {
		switch sub := s.plays[mid]; {
		case sub == nil:
		case paused:
			sub.Pause()
		default:
			sub.Resume()
		}
	})
}

func (s *session) StopPlaying(mid string) {
	s.with(func() {
		if sub := s.plays[mid]; sub != nil {
			delete(s.plays, mid)
			sub.Close()
		}
	})
}

// Reached reports whether the client was ever reached.
func (s *session) Reached() bool {
	t := s.reachable.Load()
	return t != nil && t.Reached()
}

// Close ends the session. What is wanted and not done yet is forgotten.
func (s *session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.done)
	s.work = append(s.work[:0], s.shutDown)
	s.talk, s.channel = nil, nil
	s.workOn()
}

func (s *session) shutDown() {
	s.untake()
	if s.transport == nil {
		return
	}
	s.server.clock.remove(s)
	s.transport.Close()
	s.receiver.Close()
	s.sender.Close()
}

// tick is called by the server's clock.
func (s *session) tick(now int64) {
	defer fault.Contain(s.server.log, "a connection's reports", func() {
		s.server.clock.remove(s)
		s.fail()
	})
	s.receiver.Tick(now)
	s.sender.Tick(now)
}

// startAfter is how long packets wait when a connection has come about: the
// client has its keys a little later than the server, and what a viewer begins
// with must not come before.
const startAfter = 20 * time.Millisecond

// StateChanged is called by the transport, as all that follow.
func (s *session) StateChanged(state transport.State) {
	if state == transport.Connected {
		time.AfterFunc(startAfter, s.start)
	}
	s.events.stateChanged(state)
}

// start has what a viewer sees begin, unless the session is closed.
func (s *session) start() {
	defer fault.Contain(s.server.log, "the start of a connection's media", s.fail)
	s.sender.Start()
}

// RTP takes a packet from the client.
func (s *session) RTP(packet []byte, arrived int64) { s.receiver.Take(packet, arrived) }

// Flush sends to others what came of the client's packets.
func (s *session) Flush(into *egress.Batch, now int64) (held bool, until int64) {
	return s.receiver.Flush(into, now)
}

// RTCP takes a report from the client. Each half looks for what is its own.
func (s *session) RTCP(packet []byte, arrived int64, into *egress.Batch) {
	track.RTCP(s.receiver, s.sender, packet, arrived, into)
}
