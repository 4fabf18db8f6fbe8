package transport

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"lectern/sfu/egress"
)

// Sizes of what waits. A full queue drops: media is lost, as on a full link,
// and everything else is sent again.
const (
	checksQueue = 32 // STUN messages of one ICE agent and address family
	// secureQueue is for DTLS packets of one client, and a little more than
	// what SCTP may have under way to us: its window is 1 MiB.
	secureQueue = 1024
	// maxSources is how many addresses one client may send from, while it is
	// being found out which of them work.
	maxSources = 128
)

const stunHeader = 20 // bytes (RFC 8489 section 5)

// readPause is the time between two failures to read.
const readPause = 5 * time.Millisecond

// readAtOnce is how many packets are read with one system call.
const readAtOnce = 32

// socket is the port, or one of several that share it: an *egress.Socket.
type socket interface {
	Receive([]egress.Datagram) (int, error)
	SetReadDeadline(time.Time) error
	Send([]byte, netip.AddrPort) (int, error)
	NewBatch() *egress.Batch
	Close() error
}

// packet is one datagram on its way from the socket to who takes it.
type packet struct {
	data   []byte // a part of buffer
	from   netip.AddrPort
	buffer [maxPacket]byte
}

var packets = sync.Pool{New: func() any { return new(packet) }}

func (p *packet) free() { packets.Put(p) }

// mux gives what arrives on the socket to the transports. It is not pion's
// own, which queues without a bound, 8 KiB for each packet, from before the
// client has proved anything; lets a client take over the address of another
// one by naming it as a candidate; and sends the checks of an ICE restart to
// the agent before it.
//
// A STUN request is for the agent whose ufrag it names (RFC 8445 section
// 7.2.2). All else is for the client that proved to be at that address. Checks
// and DTLS are queued for the client's goroutines; media is dealt with at once,
// on the goroutine that read it, for which see reader.
type mux struct {
	socket  socket // where that leaves which no reader sends
	readers []*reader
	port    uint16
	once    sync.Once // closes closed
	closed  chan struct{}
	ended   sync.WaitGroup // the readers
	told    sync.Once      // that the port is gone
	dropped atomic.Uint64

	mu sync.RWMutex
	// Guarded by mu.
	agents  map[string]*route // by local ufrag
	sources map[netip.AddrPort]*route
	born    uint64 // routes until now
}

// client is a transport as the mux sees it.
type client struct {
	secure chan *packet // DTLS
	media  mediaTaker

	// using is held by a reader while it gives media: all comes by one of them,
	// until the client's address changes, and then for a moment by two. Nothing
	// of the mux's is waited for under it. Media comes no more once stopped is set.
	using   sync.Mutex
	stopped bool

	// Guarded by mux.mu.
	routes []*route
	gone   bool
}

// mediaTaker takes SRTP and SRTCP. takeMedia and flush are called by one goroutine
// at a time.
type mediaTaker interface {
	// takeMedia takes a packet, which it may change, valid during the call. It
	// reports whether flush is to be called after the last one.
	takeMedia(packet []byte, now int64, into *egress.Batch) bool
	// flush sends what came of it. Part may be held back: then it is called
	// again at the time given.
	flush(into *egress.Batch, now int64) (held bool, until int64)
	// lostPort says that there will be nothing any more.
	lostPort()
}

func newClient(media mediaTaker) *client {
	return &client{media: media, secure: make(chan *packet, secureQueue)}
}

// route leads to one ICE agent.
type route struct {
	ufrag  string
	client *client
	born   uint64

	// Guarded by mux.mu.
	conns   [2]*agentConn // IPv4, IPv6
	sources []netip.AddrPort
}

// newMux begins to read sockets, one or more, that share a port.
func newMux(list []socket, port uint16) *mux {
	m := &mux{
		socket: list[0], port: port, closed: make(chan struct{}),
		agents: make(map[string]*route), sources: make(map[netip.AddrPort]*route),
	}
	for _, s := range list {
		m.readers = append(m.readers, &reader{mux: m, socket: s, batch: s.NewBatch()})
	}
	for _, r := range m.readers {
		m.ended.Go(r.read) // until Close
	}
	return m
}

// Close ends the readers and waits for them. The transports hear that their port
// is gone.
func (m *mux) Close() error {
	m.once.Do(func() { close(m.closed) })
	var failed error
	for _, r := range m.readers {
		if err := r.socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			failed = err
		}
	}
	m.ended.Wait()
	return failed
}

func (m *mux) isClosed() bool {
	select {
	case <-m.closed:
		return true
	default:
		return false
	}
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// clientAt is who proved to be at an address; nil: nobody.
func (m *mux) clientAt(from netip.AddrPort) *client {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if r := m.sources[from]; r != nil {
		return r.client
	}
	return nil
}

func (m *mux) queue(to chan *packet, p *packet) bool {
	select {
	case to <- p:
		return true
	default:
		m.dropped.Add(1)
		return false
	}
}

func (m *mux) takeSTUN(p *packet) bool {
	if len(p.data) < stunHeader {
		return false
	}
	family := familyOf(p.from.Addr())
	if p.data[0] != 0 || p.data[1] != 1 {
		return m.takeResponse(p, family)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := m.agents[ufragOf(p.data)]
	if r == nil || r.conns[family] == nil {
		return false
	}
	if holder := m.sources[p.from]; len(r.sources) >= maxSources && (holder == nil || holder.client != r.client) {
		return false
	}
	return m.queue(r.conns[family].checks, p)
}

// takeResponse gives what is no request to the agents of the client at that
// address: two during an ICE restart, of which only one knows the transaction.
func (m *mux) takeResponse(p *packet, family int) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	holder := m.sources[p.from]
	if holder == nil {
		return false
	}
	var last *agentConn
	for _, r := range holder.client.routes {
		conn := r.conns[family]
		switch {
		case conn == nil:
			continue
		case last != nil:
			other := packets.Get().(*packet)
			other.data, other.from = other.buffer[:copy(other.buffer[:], p.data)], p.from
			if !m.queue(last.checks, other) {
				other.free()
			}
		}
		last = conn
	}
	return last != nil && m.queue(last.checks, p)
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// ufragOf is the first half of a request's USERNAME, which names its receiver,
// or "" (RFC 8445 section 7.2.2, RFC 8489 section 5).
func ufragOf(message []byte) string {
	const username = 6
	if len(message) < stunHeader {
		return ""
	}
	for rest := message[stunHeader:]; len(rest) >= 4; {
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if rest = rest[4:]; size > len(rest) {
			return ""
		}
		if kind == username {
			for i, c := range rest[:size] {
				if c == ':' {
					return string(rest[:i])
				}
			}
			return ""
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return ""
}

// expect has packets from an address go to a client. A client proves that it
// is there by a request with the right password; an address that somebody only
// named is his while it is nobody's. Of a client's agents the latest has the
// address, so that it does not go with an older one.
func (m *mux) expect(r *route, at netip.AddrPort, proved bool) {
	at = unmapped(at)
	m.mu.RLock()
	move := m.moves(r, at, proved)
	m.mu.RUnlock()
	if !move {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.moves(r, at, proved) {
		return
	}
	if holder := m.sources[at]; holder != nil {
		holder.sources = without(holder.sources, at)
	}
	r.sources = append(r.sources, at)
	m.sources[at] = r
}

// moves reports whether an address becomes a route's; mu is held.
func (m *mux) moves(r *route, at netip.AddrPort, proved bool) bool {
	holder := m.sources[at]
	switch {
	case holder == r || m.agents[r.ufrag] != r || len(r.sources) >= maxSources:
		return false
	case holder == nil:
		return true
	case holder.client == r.client:
		return holder.born < r.born
	}
	return proved
}

func without[T comparable](list []T, v T) []T {
	kept := list[:0]
	for _, x := range list {
		if x != v {
			kept = append(kept, x)
		}
	}
	return kept
}

// remove ends the way to an agent.
func (m *mux) remove(ufrag string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.agents[ufrag]; r != nil {
		m.drop(r)
		r.client.routes = without(r.client.routes, r)
	}
}

// drop takes a route's entries away; mu is held.
func (m *mux) drop(r *route) {
	delete(m.agents, r.ufrag)
	for _, at := range r.sources {
		delete(m.sources, at)
	}
	r.sources = nil
}

// forget ends the way to a client; it is given no media once it has returned.
func (m *mux) forget(c *client) {
	c.using.Lock()
	c.stopped = true
	c.using.Unlock()
	m.mu.Lock()
	c.gone = true
	for _, r := range c.routes {
		m.drop(r)
	}
	c.routes = nil
	m.mu.Unlock()
	for {
		select {
		case p := <-c.secure:
			p.free()
		default:
			return
		}
	}
}
