package transport

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lectern/sfu/egress"
	"lectern/sfu/ice"
)

// Sizes of what waits. A full queue drops: media is lost, as on a full link,
// and everything else is sent again.
const (
	// secureQueue is for DTLS packets of one client, and a little more than
	// what SCTP may have under way to us: its window is 1 MiB.
	secureQueue = 1024
	// maxSources is how many addresses of a client are known; the oldest gives
	// way.
	maxSources = 64
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

// mux gives what arrives on the socket to the transports.
//
// A STUN request is for the agent whose ufrag it names (RFC 8445 section 7.2.2),
// the answer to a check for the agent whose key its transaction has. All else is
// for the client that was proved to be at the address it comes from (package ice
// says what a proof is), and a packet from another address is dropped. DTLS is
// queued for the client's goroutine; the rest is dealt with at once, on the
// goroutine that read it, for which see reader.
type mux struct {
	socket  socket // where that leaves which no reader sends
	readers []*reader
	port    uint16
	once    sync.Once // closes closed
	closed  chan struct{}
	ended   sync.WaitGroup // the readers
	told    sync.Once      // that the port is gone
	dropped atomic.Uint64
	log     *slog.Logger // nil: nothing is logged

	mu sync.RWMutex
	// Guarded by mu.
	agents  map[string]*route // by local ufrag
	keys    map[uint32]*route
	sources map[netip.AddrPort]*route // proved
	born    uint64                    // routes until now
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
	// fail says that there will be nothing any more, and why. It takes locks that
	// may be held while the mux's are waited for.
	fail(why error)
	// Fault does, for what panicked. It waits for no lock.
	Fault(doing string, panicked any)
}

func newClient(media mediaTaker) *client {
	return &client{media: media, secure: make(chan *packet, secureQueue)}
}

// route leads to one ICE agent.
type route struct {
	ufrag  string
	key    uint32
	client *client
	agent  stunTaker

	// Guarded by mux.mu.
	born    uint64
	sources []netip.AddrPort // that are its, oldest first
}

// stunTaker takes STUN messages, which it may change, valid during the call.
type stunTaker interface {
	takeSTUN(message []byte, from netip.AddrPort)
}

// newMux begins to read sockets, one or more, that share a port.
func newMux(list []socket, port uint16, log *slog.Logger) *mux {
	m := &mux{
		log:    log,
		socket: list[0], port: port, closed: make(chan struct{}),
		agents: make(map[string]*route), keys: make(map[uint32]*route), sources: make(map[netip.AddrPort]*route),
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

// takeSTUN gives a message to its agent. It holds no lock during that.
func (m *mux) takeSTUN(p *packet) {
	if r := m.agentOf(p.data); r != nil {
		r.agent.takeSTUN(p.data, p.from)
	}
}

// agentOf is the way to the agent that a message is for; nil: none.
func (m *mux) agentOf(message []byte) *route {
	if len(message) < stunHeader {
		return nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if message[0] == 0 && message[1] == 1 { // a request
		return m.agents[ufragOf(message)]
	}
	key, _ := ice.KeyOf(message)
	return m.keys[key]
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

// connect makes the way to an ICE agent.
func (m *mux) connect(c *client, ufrag string, agent stunTaker) (*route, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.isClosed():
		return nil, errNoPort
	case c.gone:
		return nil, errClosed
	case m.agents[ufrag] != nil:
		return nil, errors.New("transport: two agents have one ufrag") // of 10 random letters
	}
	m.born++
	r := &route{ufrag: ufrag, key: rand.Uint32(), client: c, agent: agent, born: m.born}
	for m.keys[r.key] != nil {
		r.key = rand.Uint32()
	}
	m.agents[ufrag], m.keys[r.key] = r, r
	c.routes = append(c.routes, r)
	return r, nil
}

// prove gives a client the packets that come from an address: its agent has proved
// that the client is there. Of a client's agents the latest one has the address, so
// that the address does not go when an older agent ends.
func (m *mux) prove(r *route, at netip.AddrPort) {
	m.mu.Lock()
	defer m.mu.Unlock()
	holder := m.sources[at]
	switch {
	case m.agents[r.ufrag] != r, holder == r:
		return
	case holder != nil && holder.client == r.client && holder.born > r.born:
		return
	case holder != nil:
		holder.sources = without(holder.sources, at)
	}
	if len(r.sources) >= maxSources {
		delete(m.sources, r.sources[0])
		r.sources = slices.Delete(r.sources, 0, 1)
	}
	r.sources = append(r.sources, at)
	m.sources[at] = r
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
func (m *mux) remove(r *route) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.agents[r.ufrag] == r {
		m.drop(r)
		r.client.routes = without(r.client.routes, r)
	}
}

// drop takes a route's entries away; mu is held.
func (m *mux) drop(r *route) {
	delete(m.agents, r.ufrag)
	delete(m.keys, r.key)
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
