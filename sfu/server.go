package sfu

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lectern/sfu/egress"
	"lectern/sfu/track"
	"lectern/sfu/transport"
)

// Config says where media comes in.
type Config struct {
	Port      int            // UDP; 0: an ephemeral one
	Listen    netip.Addr     // address to bind; the zero value is all
	Addresses []netip.Addr   // what clients are told instead of this machine's addresses
	Socket    egress.Options // what the kernel is not to be asked for
	Sockets   int            // that share the port, 1 to 64, see transport.Config; 0: by the number of cores
	// MaxBitrate is the most a client may send on one track, in bit/s; 0: no limit.
	// Its client is told, and of a track with more whole frames are left out.
	MaxBitrate int
	MaxFile    int64        // bytes of a file that a client may send to the others; 0: no limit
	Logger     *slog.Logger // nil: nothing is logged
}

// Server is what the SFU planes of all rooms share: the UDP port, the
// certificate and the clock. Its methods may be called concurrently.
type Server struct {
	endpoint *transport.Endpoint
	fan      *track.Fanout
	clock    *clock
	maxFile  int64
	bitrate  uint64
	log      *slog.Logger
	counters counters
}

// counters count what is not worth a line in the log each.
type counters struct {
	badMessages  atomic.Uint64 // of data channels, that are no JSON text
	lostMessages atomic.Uint64 // that their receiver did not take in time
}

// New opens the port. The server runs until Close.
func New(c Config) (*Server, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Sockets == 0 {
		c.Sockets = 1
		if egress.SharesPorts {
			c.Sockets = socketsFor(runtime.GOMAXPROCS(0))
		}
	}
	e, err := transport.Listen(transport.Config{
		Port: c.Port, Listen: c.Listen, Addresses: c.Addresses, Socket: c.Socket, Sockets: c.Sockets, Logger: c.Logger,
	})
	if err != nil {
		return nil, err
	}
	fan := track.NewFanout(e.NewBatch)
	fan.MaxBitrate = c.MaxBitrate
	return &Server{
		endpoint: e, fan: fan, clock: startClock(), maxFile: c.MaxFile, log: c.Logger,
		bitrate: uint64(max(c.MaxBitrate, 0)), //nolint:gosec // never negative
	}, nil
}

// socketsFor is how many sockets a machine's port has unless it is set:
// PERFORMANCE.md says why.
func socketsFor(cores int) int { return min(cores, 8) }

// Port is the UDP port.
func (s *Server) Port() int { return s.endpoint.Port() }

// Addresses are those that clients are told, most useful first.
func (s *Server) Addresses() []netip.Addr { return s.endpoint.Addresses() }

// NewPlane makes the plane of one room. log names the room.
func (s *Server) NewPlane(log *slog.Logger) *RoomPlane {
	r := &RoomPlane{}
	r.Plane = newPlane(log, identity{s.endpoint.Fingerprint(), s.bitrate}, func(e events, in *outlet, out []*box) link {
		return s.newSession(e, in, out, &r.running)
	})
	r.fan = s.fan
	return r
}

// Close closes the port, after the planes were closed.
func (s *Server) Close() error {
	s.clock.stop()
	err := s.endpoint.Close()
	s.fan.Close()
	return err
}

// RoomPlane is the plane of one room, with the goroutines of its connections.
type RoomPlane struct {
	*Plane
	running sync.WaitGroup
}

// closeTime bounds how long a room that ends waits for its connections to say
// goodbye.
const closeTime = 5 * time.Second

var errCloseTime = errors.New("sfu: connections do not end")

// Close ends all connectors and waits for their goroutines.
func (r *RoomPlane) Close() error {
	err := r.Plane.Close()
	ended := make(chan struct{})
	go func() { // ends with the sessions
		r.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return err
	case <-time.After(closeTime):
		return errCloseTime
	}
}

// tickEvery is how often reports, retransmission requests and feedback are
// looked after.
const tickEvery = 25 * time.Millisecond

// clock drives what sessions do by time: one goroutine for all of them. It rests
// while there are none.
type clock struct {
	ending chan struct{}
	ended  chan struct{}
	wake   chan struct{} // the first session came; capacity 1

	mu sync.Mutex
	// Guarded by mu.
	sessions []*session
	rests    bool // until wake
}

func startClock() *clock {
	c := &clock{ending: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	go c.run() // until stop
	return c
}

func (c *clock) run() {
	defer close(c.ended)
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	var now []*session
	for {
		select {
		case <-ticker.C:
		case <-c.wake:
			ticker.Reset(tickEvery)
		case <-c.ending:
			return
		}
		c.mu.Lock()
		now = append(now[:0], c.sessions...)
		c.rests = len(now) == 0
		c.mu.Unlock()
		if len(now) == 0 {
			ticker.Stop()
		}
		for _, s := range now {
			s.tick(transport.Now())
		}
		clear(now)
	}
}

func (c *clock) add(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions = append(c.sessions, s)
	if !c.rests {
		return
	}
	c.rests = false
	select {
	case c.wake <- struct{}{}:
	default: // it is about to wake
	}
}

func (c *clock) remove(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.sessions, s); i >= 0 {
		last := len(c.sessions) - 1
		c.sessions[i], c.sessions[last] = c.sessions[last], nil
		c.sessions = c.sessions[:last]
	}
}

func (c *clock) stop() {
	close(c.ending)
	<-c.ended
}
