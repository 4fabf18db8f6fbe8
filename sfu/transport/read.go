package transport

import (
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"lectern/sfu/egress"
)

// read is the mux's goroutine.
func (m *mux) read() {
	defer close(m.ended)
	defer m.tellAll()
	for i := range m.packets {
		m.packets[i] = packets.Get().(*packet)
	}
	defer func() {
		for _, p := range m.packets {
			p.free()
		}
	}()
	armed := false
	for {
		for i, p := range m.packets {
			m.list[i].Buffer = p.buffer[:]
		}
		if m.held || armed {
			m.arm()
			armed = m.held
		}
		n, err := m.socket.Receive(m.list[:])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if !m.survives(err) {
				return
			}
			n = 0
		}
		m.takeAll(n, Now())
	}
}

// arm has reading end when what is held back is due.
func (m *mux) arm() {
	var at time.Time
	if m.held {
		at = epoch.Add(time.Duration(m.due))
	}
	_ = m.socket.SetReadDeadline(at)
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
func (m *mux) takeAll(n int, now int64) {
	for i := range n {
		d := &m.list[i]
		at := m.holder(i, d.Buffer)
		p := m.packets[at]
		p.data, p.from = d.Data, d.From
		if m.take(p, now) {
			m.packets[at] = packets.Get().(*packet)
		}
	}
	m.held = false
	kept := m.flushed[:0]
	for _, c := range m.flushed {
		held, until := c.flush(m.batch, now)
		if !held {
			continue
		}
		kept = append(kept, c)
		if !m.held || until < m.due {
			m.held, m.due = true, until
		}
	}
	clear(m.flushed[len(kept):])
	m.flushed = kept
	m.batch.Flush()
}

// holder finds the packet that has a buffer: the one at i, unless a datagram
// before it was too long and the socket exchanged them.
func (m *mux) holder(i int, buffer []byte) int {
	for at := range m.packets {
		if at = (i + at) % readAtOnce; &m.packets[at].buffer[0] == &buffer[0] {
			return at
		}
	}
	return i
}

// flush sends what came of a client's packets.
func (c *client) flush(into *egress.Batch, now int64) (held bool, until int64) {
	c.using.Lock()
	defer c.using.Unlock()
	if c.stopped {
		return false, 0
	}
	return c.media.flush(into, now)
}

// takeMedia gives a packet to its client.
func (m *mux) takeMedia(c *client, p *packet, now int64) {
	c.using.Lock()
	again := !c.stopped && c.media.takeMedia(p.data, now, m.batch)
	c.using.Unlock()
	if again && !slices.Contains(m.flushed, c) {
		m.flushed = append(m.flushed, c)
	}
}

// tellAll says to all transports that the port is gone.
func (m *mux) tellAll() {
	if !m.isClosed() {
		m.once.Do(func() { close(m.closed) })
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, r := range m.agents {
		go r.client.media.lostPort() // which takes locks that may be held while ours is waited for
	}
}
