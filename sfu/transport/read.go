package transport

import (
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"lectern/sfu/egress"
	"lectern/signaling/fault"
)

// reader reads one of the port's sockets, on a goroutine of its own, and deals with
// the media that comes there: to the batch that leaves when all is taken that was
// read together.
type reader struct {
	mux    *mux
	socket socket

	// Owned by the reader's goroutine.
	list    [readAtOnce]egress.Datagram
	packets [readAtOnce]*packet // the memory of list
	batch   *egress.Batch
	using   *client   // whose handler is called, and whose lock is held
	flushed []*client // with media that was not flushed yet, or not all of it
	held    bool      // of one of them, until due
	due     int64
}

// read is the reader's goroutine.
func (r *reader) read() {
	defer r.mux.tellAll()
	defer fault.Contain(r.mux.log, "reading the media port", nil)
	for i := range r.packets {
		r.packets[i] = packets.Get().(*packet)
	}
	defer func() {
		for _, p := range r.packets {
			p.free()
		}
	}()
	armed := false
	for {
		for i, p := range r.packets {
			r.list[i].Buffer = p.buffer[:]
		}
		if r.held || armed {
			r.arm()
			armed = r.held
		}
		n, err := r.socket.Receive(r.list[:])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if !r.mux.survives(err) {
				return
			}
			n = 0
		}
		r.takeAll(n, Now())
	}
}

// arm has reading end when what is held back is due.
func (r *reader) arm() {
	var at time.Time
	if r.held {
		at = epoch.Add(time.Duration(r.due))
	}
	_ = r.socket.SetReadDeadline(at)
}

// survives reports whether reading goes on after an error: such as a client's
// port unreachable, on some systems. Should it last, the pause keeps it from
// costing a core.
func (m *mux) survives(err error) bool {
	if m.isClosed() || errors.Is(err, net.ErrClosed) {
		return false
	}
	select {
	case <-m.closed:
		return false
	case <-time.After(readPause):
		return true
	}
}

// takeAll deals with the packets that were read together.
func (r *reader) takeAll(n int, now int64) {
	for next := 0; next < n; {
		next = r.takeFrom(next, n, now)
	}
	r.held = false
	kept := r.flushed[:0]
	for _, c := range r.flushed {
		held, until := c.flush(r.batch, now)
		if !held {
			continue
		}
		kept = append(kept, c)
		if !r.held || until < r.due {
			r.held, r.due = true, until
		}
	}
	clear(r.flushed[len(kept):])
	r.flushed = kept
	r.batch.Flush()
}

// takeFrom deals with packets from one on, and says which is the next: all of them,
// unless what one holds makes a handler panic. Then that client's connection ends,
// and reading goes on behind it.
func (r *reader) takeFrom(i, n int, now int64) (next int) {
	defer func() {
		if p := recover(); p != nil {
			r.broke(p)
		}
	}()
	for ; i < n; i++ {
		next = i + 1
		d := &r.list[i]
		at := r.holder(i, d.Buffer)
		p := r.packets[at]
		p.data, p.from = d.Data, d.From
		if r.take(p, now) {
			r.packets[at] = packets.Get().(*packet)
		}
	}
	return next
}

// broke ends the connection whose handler panicked.
func (r *reader) broke(panicked any) {
	c := r.using
	if c == nil {
		fault.Report(r.mux.log, "reading the media port", panicked)
		return
	}
	r.using = nil
	c.stopped = true
	c.using.Unlock()
	c.media.Fault("taking a client's media", panicked)
}

// holder finds the packet that has a buffer: the one at i, unless a datagram
// before it was too long and the socket exchanged them.
func (r *reader) holder(i int, buffer []byte) int {
	for at := range r.packets {
		if at = (i + at) % readAtOnce; &r.packets[at].buffer[0] == &buffer[0] {
			return at
		}
	}
	return i
}

// take reports whether it kept the packet. It tells the kinds apart by their
// first byte (RFC 7983 section 7).
func (r *reader) take(p *packet, now int64) bool {
	if len(p.data) == 0 {
		return false
	}
	first := p.data[0]
	if first < 4 {
		r.mux.takeSTUN(p)
		return false
	}
	c := r.mux.clientAt(p.from)
	switch {
	case c == nil:
		return false
	case first >= 20 && first <= 63:
		return r.mux.queue(c.secure, p)
	case first >= 128 && first <= 191:
		r.takeMedia(c, p, now)
	}
	return false
}

// takeMedia gives a packet to its client.
func (r *reader) takeMedia(c *client, p *packet, now int64) {
	c.using.Lock()
	r.using = c
	again := !c.stopped && c.media.takeMedia(p.data, now, r.batch)
	r.using = nil
	c.using.Unlock()
	if again && !slices.Contains(r.flushed, c) {
		r.flushed = append(r.flushed, c)
	}
}

// flush sends what came of a client's packets, whichever reader took them. Two
// that both have the client waiting, as its address changed in between, both ask
// until they hear that nothing is held any more.
func (c *client) flush(into *egress.Batch, now int64) (held bool, until int64) {
	c.using.Lock()
	defer c.using.Unlock()
	if c.stopped {
		return false, 0
	}
	defer func() {
		if p := recover(); p != nil {
			c.stopped = true
			c.media.Fault("forwarding a client's media", p)
		}
	}()
	return c.media.flush(into, now)
}

// tellAll says to all transports that the port is gone.
func (m *mux) tellAll() {
	m.once.Do(func() { close(m.closed) })
	m.told.Do(func() {
		m.mu.RLock()
		defer m.mu.RUnlock()
		for _, r := range m.agents {
			go r.client.media.fail(errNoPort)
		}
	})
}
