package door

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Options bound a Door. Each zero value means no bound.
type Options struct {
	Max        int            // connections in all
	PerAddress int            // connections of one address
	Proxies    []netip.Prefix // whose word for a client's address is taken
	Logger     *slog.Logger   // nil: nothing is logged
}

// Door counts the connections of one server. Its methods may be called
// concurrently.
type Door struct {
	options Options
	log     *slog.Logger

	mu sync.Mutex
	// Guarded by mu.
	total    int
	visitors map[netip.Addr]*visitor
	refused  int // since it was last logged
	loggedAt time.Time
}

// visitor is the connections of one address.
type visitor struct {
	total int
	queue [standings]queue // of idle and working ones; oldest first
}

// open is how many connections the door may end.
func (v *visitor) open() int { return v.queue[idle].n + v.queue[working].n }

// New makes a door.
func New(o Options) *Door {
	d := &Door{options: o, log: o.Logger, visitors: map[netip.Addr]*visitor{}}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d
}

// Limits are the most connections, in all and of one address.
func (d *Door) Limits() (all, perAddress int) { return d.options.Max, d.options.PerAddress }

// Listen has the door stand before a listener.
func (d *Door) Listen(l net.Listener) net.Listener { return &listener{Listener: l, door: d} }

type listener struct {
	net.Listener
	door *Door
}

// acceptPause lets connections end when there are no descriptors left.
const acceptPause = 10 * time.Millisecond

// Accept gives the next connection that is let in.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil:
			if admitted := l.door.admit(c); admitted != nil {
				return admitted, nil
			}
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			l.door.makeRoom()
			time.Sleep(acceptPause)
		case errors.Is(err, syscall.ECONNABORTED):
		default:
			return nil, err
		}
	}
}

// admit counts a connection in. It returns nil if it was refused, and closed.
func (d *Door) admit(nc net.Conn) *Conn {
	c := &Conn{Conn: nc, door: d, addr: addressOf(nc.RemoteAddr())}
	d.mu.Lock()
	victim, ok := d.place(c, working)
	d.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
	if !ok {
		_ = nc.Close()
		return nil
	}
	return c
}

// place counts c for its address, and says which connection has to go for it.
// It reports false if none can. d.mu is held.
func (d *Door) place(c *Conn, s standing) (victim *Conn, ok bool) {
	v := d.visitors[c.addr]
	switch {
	case v != nil && d.options.PerAddress > 0 && v.total >= d.options.PerAddress:
		victim = v.oldest()
	case d.options.Max > 0 && d.total >= d.options.Max:
		victim = d.crowd().oldest()
	default:
		d.enter(c, s)
		return nil, true
	}
	if victim == nil {
		d.refuse(c.addr)
		return nil, false
	}
	d.leave(victim)
	d.enter(c, s)
	return victim, true
}

// crowd is the visitor with the most connections that may be ended, nil if
// there is none. d.mu is held.
func (d *Door) crowd() *visitor {
	var most *visitor
	for _, v := range d.visitors {
		if v.open() > 0 && (most == nil || v.open() > most.open()) {
			most = v
		}
	}
	return most
}

// oldest is the connection of a visitor that goes first, nil if none may.
func (v *visitor) oldest() *Conn {
	switch {
	case v == nil:
		return nil
	case v.queue[idle].first != nil:
		return v.queue[idle].first
	default:
		return v.queue[working].first
	}
}

// makeRoom ends a connection, because the process has no descriptor left.
func (d *Door) makeRoom() {
	d.mu.Lock()
	victim := d.crowd().oldest()
	if victim != nil {
		d.leave(victim)
	}
	d.mu.Unlock()
	if victim != nil {
		_ = victim.Close()
	}
}

// enter puts c on the list of its visitor. d.mu is held.
func (d *Door) enter(c *Conn, s standing) {
	v := d.visitors[c.addr]
	if v == nil {
		v = &visitor{}
		d.visitors[c.addr] = v
	}
	v.total++
	d.total++
	c.inside, c.standing = true, s
	v.queue[s].push(c)
}

// leave takes c off. It may be called again. d.mu is held.
func (d *Door) leave(c *Conn) {
	if !c.inside {
		return
	}
	c.inside = false
	v := d.visitors[c.addr]
	v.queue[c.standing].remove(c)
	v.total--
	d.total--
	if v.total == 0 {
		delete(d.visitors, c.addr)
	}
}

// logPause is the least time between two lines about refused connections.
const logPause = 10 * time.Second

// refuse takes down that a connection was refused. d.mu is held.
func (d *Door) refuse(addr netip.Addr) {
	d.refused++
	if now := time.Now(); now.Sub(d.loggedAt) >= logPause {
		d.log.Warn("connections are refused, because as many members are connected as may be",
			"last", addr, "refused", d.refused, "connections", d.total)
		d.refused, d.loggedAt = 0, now
	}
}

// Len is the number of connections.
func (d *Door) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.total
}

// connKey finds the Conn in the context of its requests.
type connKey struct{}

// ConnContext is http.Server's hook.
func (d *Door) ConnContext(ctx context.Context, c net.Conn) context.Context {
	if found := find(c); found != nil {
		return context.WithValue(ctx, connKey{}, found)
	}
	return ctx
}

// ConnState is http.Server's hook: it says whether a request is being answered.
func (d *Door) ConnState(c net.Conn, s http.ConnState) {
	found := find(c)
	if found == nil {
		return
	}
	switch s {
	case http.StateIdle:
		found.stand(idle)
	case http.StateActive, http.StateHijacked:
		found.stand(working)
	}
}

// find gives the Conn under what TLS and others have wrapped it in.
func find(c net.Conn) *Conn {
	for {
		switch is := c.(type) {
		case *Conn:
			return is
		case interface{ NetConn() net.Conn }:
			c = is.NetConn()
		default:
			return nil
		}
	}
}

// addressOf is for whom a connection from there counts.
func addressOf(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return group(ap.Addr())
}

// group is the address itself, or the /64 that an IPv6 address is in.
func group(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // it has that many bits
		return p.Addr()
	}
	return a
}
