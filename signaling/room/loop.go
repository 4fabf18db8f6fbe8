package room

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"lectern/signaling/fault"
	"lectern/signaling/protocol"
)

// Outbox is a socket as a room sees it. Its methods never block and may be
// called by any goroutine.
type Outbox interface {
	// Socket names the connection.
	Socket() SocketID
	// Put queues an event with its data, complete JSON that is shared with
	// other sockets and must not be changed. It reports false if the queue is
	// full or the socket closed. seq is the number of the event for a client
	// that counts, 0 if it has none.
	Put(event string, data []byte, seq uint64) bool
	// Tell queues an error event in the language of the client. If it does
	// not fit the connection is closed, and its client comes back. seq is as
	// in Put.
	Tell(e *protocol.Error, seq uint64)
	// Probe sends a ping at once; done is called exactly once, from any
	// goroutine, with whether it was answered within the timeout.
	Probe(timeout time.Duration, done func(alive bool))
	// Close ends the connection; its client comes back by itself.
	Close(reason string)
	// Kick ends the connection; its client stays away.
	Kick(reason string)
}

// ErrClosed is the end of a loop: the room failed or the server is closing.
var ErrClosed = errors.New("room: closed")

// Loop runs one room: it owns the Room and is the only one to touch it.
type Loop struct {
	hub   *Hub
	name  string
	log   *slog.Logger
	inbox chan request
	poke  chan struct{} // a reference was given back; capacity 1
	done  chan struct{} // closed when run has ended

	// Guarded by hub.mu.
	refs int

	// Owned by run.
	room    *Room
	sockets map[SocketID]Outbox       // of members and of those who wait for a verdict
	waiting map[SocketID]chan Verdict // capacity 1 each
	closed  bool                      // by the operator: nobody gets in any more
}

// request is a piece of work for the loop. reply, if not nil, is closed when
// it is done.
type request struct {
	work  func(now time.Time)
	reply chan struct{}
}

func newLoop(h *Hub, name string, c created) *Loop {
	return &Loop{
		hub: h, name: name,
		log:     h.log.With("room", name),
		inbox:   make(chan request),
		poke:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		room:    New(name, h.settings, c.policy, c.at),
		sockets: map[SocketID]Outbox{},
		waiting: map[SocketID]chan Verdict{},
	}
}

// run is the room's goroutine. It ends when the room is empty and nobody
// refers to it, when the room panics, or when ctx ends.
func (l *Loop) run(ctx context.Context) {
	defer l.hub.ended(l)
	defer close(l.done)
	defer l.end()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if d := l.room.Deadline(); !d.IsZero() {
			timer.Reset(time.Until(d))
			due = timer.C
		}
		select {
		case req := <-l.inbox:
			req.work(time.Now())
			l.settle()
			if req.reply != nil {
				close(req.reply)
			}
		case <-l.room.Ready():
			l.room.Pump(time.Now())
			l.settle()
		case <-due:
			l.room.Tick(time.Now())
			l.settle()
		case <-l.poke:
		case <-ctx.Done():
			return
		}
		if l.room.Empty() && l.hub.retire(l) {
			return
		}
	}
}

// end closes what is left. A panic of the room ends this room only: its
// sockets are closed, and their clients come back to a new one.
func (l *Loop) end() {
	if p := recover(); p != nil {
		fault.Report(l.log, "a room", p)
		for _, o := range l.sockets {
			o.Close("the room failed")
		}
	}
	for _, reply := range l.waiting {
		reply <- Verdict{Err: ErrClosed}
	}
	l.waiting = nil
	defer fault.Contain(l.log, "closing a room", nil)
	l.changed(l.room.memberChanges())
	if err := l.room.Close(); err != nil {
		l.log.Error("closing the room's media", "err", err)
	}
}

// changed tells the hub and the log who came and went.
func (l *Loop) changed(changes []UserChange) {
	for _, c := range changes {
		if c.Delta > 0 {
			l.log.Info("member joined", "member", c.Member)
		} else {
			l.log.Info("member left", "member", c.Member)
		}
	}
	l.hub.applyChanges(l.name, changes)
}

// settle does what the room wants done. Doing it may make more to do.
func (l *Loop) settle() {
	l.changed(l.room.Changes())
	for out := l.room.Drain(); len(out) > 0; out = l.room.Drain() {
		cache := encoded{}
		for _, o := range out {
			l.perform(o, &cache)
		}
		l.changed(l.room.Changes())
	}
}

// encoded is the last message encoded: what goes to many is encoded once.
type encoded struct {
	msg  protocol.Outgoing
	data []byte
}

func (l *Loop) perform(o Outbound, cache *encoded) {
	switch {
	case o.Note != nil:
		l.log.Log(context.Background(), o.Note.Level, o.Note.Text, o.Note.Args...)
		return
	case o.Verdict != nil: // also for a socket that has been ended meanwhile
		if reply := l.waiting[o.Socket]; reply != nil {
			delete(l.waiting, o.Socket)
			reply <- *o.Verdict
		}
		return
	}
	box := l.sockets[o.Socket]
	if box == nil {
		return
	}
	switch {
	case o.Msg != nil:
		l.put(box, o, cache)
	case o.Err != nil:
		box.Tell(o.Err, o.Seq)
	case o.Close != "":
		delete(l.sockets, o.Socket)
		box.Close(o.Close)
	case o.Kick != "":
		delete(l.sockets, o.Socket)
		box.Kick(o.Kick)
	case o.Probe > 0:
		s := o.Socket
		box.Probe(o.Probe, func(alive bool) {
			// In a goroutine of its own, which ends when the loop takes it
			// or ends itself: Probe may call back before it returns.
			go l.post(func(now time.Time) { l.room.Probed(now, s, alive) })
		})
	}
}

// put sends a message. A socket that does not keep up is closed, and its
// member's grace period begins.
func (l *Loop) put(box Outbox, o Outbound, cache *encoded) {
	msg := o.Msg
	if cache.msg != msg {
		data, err := protocol.Encode(msg)
		if err != nil {
			l.log.Error("encoding a message", "err", err)
			return
		}
		cache.msg, cache.data = msg, data
	}
	if box.Put(msg.EventName(), cache.data, o.Seq) {
		return
	}
	delete(l.sockets, box.Socket())
	box.Close("too slow")
	l.room.Gone(time.Now(), box.Socket())
}

// do has the loop work and waits until it has.
func (l *Loop) do(work func(now time.Time)) error {
	req := request{work: work, reply: make(chan struct{})}
	select {
	case l.inbox <- req:
	case <-l.done:
		return ErrClosed
	}
	select {
	case <-req.reply:
		return nil
	case <-l.done:
		return ErrClosed
	}
}

// ask is do for a caller who does not wait for ever: after an error of ctx the
// work may still be done.
func (l *Loop) ask(ctx context.Context, work func(now time.Time)) error {
	req := request{work: work, reply: make(chan struct{})}
	select {
	case l.inbox <- req:
	case <-l.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-req.reply:
		return nil
	case <-l.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post has the loop work, and waits only until it has begun.
func (l *Loop) post(work func(now time.Time)) {
	select {
	case l.inbox <- request{work: work}:
	case <-l.done:
	}
}

// enter lets a socket in and waits for the verdict.
func (l *Loop) enter(box Outbox, e Entry) Verdict {
	reply := make(chan Verdict, 1)
	err := l.do(func(now time.Time) {
		l.sockets[e.Socket] = box
		l.waiting[e.Socket] = reply
		if l.closed {
			l.room.refuseClosed(e.Socket)
			return
		}
		l.room.Enter(now, e)
	})
	if err != nil {
		return Verdict{Err: err}
	}
	select {
	case v := <-reply:
		return v
	case <-l.done:
		return Verdict{Err: ErrClosed}
	}
}

// handle has the room take a message from a socket.
func (l *Loop) handle(s SocketID, msg protocol.Message) error {
	var refused error
	if err := l.do(func(now time.Time) { refused = l.room.Handle(now, s, msg) }); err != nil {
		return err
	}
	return refused
}

// gone tells the room that a socket is no more.
func (l *Loop) gone(s SocketID) {
	_ = l.do(func(now time.Time) {
		delete(l.sockets, s)
		delete(l.waiting, s)
		l.room.Gone(now, s)
	})
}

// forget drops a socket that is no member's: it was refused or has left.
func (l *Loop) forget(s SocketID) {
	_ = l.do(func(time.Time) {
		if !l.room.Holds(s) {
			delete(l.sockets, s)
			delete(l.waiting, s)
		}
	})
}
