package door

import (
	"context"
	"net"
	"net/netip"
)

// standing is what a connection is worth.
type standing uint8

const (
	idle standing = iota
	working
	kept
	standings
)

// Conn is one connection that was let in. Its methods may be called
// concurrently, and those of a nil one do nothing.
type Conn struct {
	net.Conn
	door *Door

	// Guarded by door.mu.
	addr       netip.Addr // for whom it counts
	standing   standing
	inside     bool // it is counted
	prev, next *Conn
}

// Of is the connection that a request came over, as http.Server hands its
// context on; nil if it came through no door.
func Of(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// Keep says whether the connection carries a member.
func (c *Conn) Keep(member bool) {
	if c == nil {
		return
	}
	s := working
	if member {
		s = kept
	}
	c.stand(s)
}

// stand gives the connection a standing. It then is the youngest of those.
func (c *Conn) stand(s standing) {
	d := c.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if !c.inside || c.standing == s {
		return
	}
	v := d.visitors[c.addr]
	v.queue[c.standing].remove(c)
	c.standing = s
	v.queue[s].push(c)
}

// Close ends the connection and gives its place back.
func (c *Conn) Close() error {
	c.door.mu.Lock()
	c.door.leave(c)
	c.door.mu.Unlock()
	return c.Conn.Close()
}

// countFor has the connection of a proxy count for a client. It reports false
// if that client has too many.
func (c *Conn) countFor(addr netip.Addr) bool {
	d := c.door
	d.mu.Lock()
	var victim *Conn
	ok := true
	if addr = group(addr); c.inside && c.addr != addr {
		from, s := c.addr, c.standing
		d.leave(c)
		c.addr = addr
		if victim, ok = d.place(c, s); !ok {
			c.addr = from
			d.enter(c, s) // until it is closed
		}
	}
	d.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
	return ok
}

// queue is connections of one standing, oldest first.
type queue struct {
	first, last *Conn
	n           int
}

func (q *queue) push(c *Conn) {
	c.prev, c.next = q.last, nil
	if q.last != nil {
		q.last.next = c
	} else {
		q.first = c
	}
	q.last = c
	q.n++
}

func (q *queue) remove(c *Conn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		q.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		q.last = c.prev
	}
	c.prev, c.next = nil, nil
	q.n--
}
