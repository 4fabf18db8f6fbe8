package transport

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"

	"lectern/sfu/egress"
)

// All that is true of one socket is of several.
func TestSeveralSockets(t *testing.T) {
	loopback.Sockets = 4
	defer func() { loopback.Sockets = 0 }()
	on, err := Listen(loopback)
	if err != nil {
		t.Fatal(err)
	}
	_ = on.Close()
	if on.Sockets() != 4 {
		t.Skip("no port has several sockets here")
	}
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"MediaAndMessages", TestMediaAndMessages},
		{"Interop", TestInterop},
		{"NAT", TestNAT},
		{"RoleConflict", TestRoleConflict},
		{"TwoTransports", TestTwoTransports},
		{"HangUp", TestHangUp},
		{"Restart", TestRestart},
		{"RestartByServer", TestRestartByServer},
		{"RestartByClient", TestRestartByClient},
		{"FailedThenRestart", TestFailedThenRestart},
		{"EndpointCloses", TestEndpointCloses},
		{"CloseFromHandler", TestCloseFromHandler},
		{"ConcurrentUse", TestConcurrentUse},
		{"Soak", TestSoak},
		{"WriteAllocates", TestWriteAllocates},
	} {
		t.Run(c.name, c.test)
	}
}

// receivedBy is how many datagrams each reader got.
func (e *Endpoint) receivedBy() (list []uint64) {
	for _, r := range e.mux.readers {
		list = append(list, r.socket.(*egress.Socket).Stats().Received)
	}
	return list
}

// readerOf tells which reader gets what a socket sends. Nobody else may send.
func readerOf(t *testing.T, on *Endpoint, from *net.UDPConn) (reader int) {
	t.Helper()
	before := on.receivedBy()
	if _, err := from.WriteToUDPAddrPort([]byte{255}, netip.AddrPortFrom(loopback.Listen, on.mux.port)); err != nil {
		t.Fatal(err)
	}
	reader = -1
	until(t, func() bool {
		for i, n := range on.receivedBy() {
			if n != before[i] {
				reader = i
			}
		}
		return reader >= 0
	})
	return reader
}

// A client's packets come to another reader when its address changes: as a NAT
// gives it another port, without a word, and when it restarts ICE.
func TestClientChangesItsReader(t *testing.T) {
	c := loopback
	c.Sockets = 2
	e := listenAt(t, c)
	if e.on.Sockets() != 2 {
		t.Skip("no port has several sockets here")
	}
	first := udp(t, net.IPv4(127, 0, 0, 1))
	was := readerOf(t, e.on, first)
	second, is := first, was
	for tries := 0; is == was; tries++ {
		if tries == 100 {
			t.Fatalf("all addresses come to reader %d", is)
		}
		second = udp(t, net.IPv4(127, 0, 0, 1))
		is = readerOf(t, e.on, second)
	}
	network := roamingOver(t, first, second)
	p := peerOver(t, network, func(s *webrtc.SettingEngine) {
		s.SetICETimeouts(time.Hour, time.Hour, 50*time.Millisecond)
	})
	s := shape{clientOffers: true, setup: "active", clientOpens: true}
	meet(t, e, p, s)
	e.want(Connected)
	track := firstTrack(t, e, p)
	flows(t, e, p, track)

	before := e.on.receivedBy()
	network.now.Store(1)
	for range 20 {
		checkFromClient(t, e, p)
	}
	if after := e.on.receivedBy(); after[is] < before[is]+20 {
		t.Errorf("the readers received %v and then %v; the client moved from %d to %d", before, after, was, is)
	}

	network.now.Store(0)
	offer := p.gathered(p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true}))
	if err := e.conn.Restart(); err != nil {
		t.Fatal(err)
	}
	network.now.Store(1)
	p.hear(webrtc.SDPTypeAnswer, describe(t, e, s, s.setup, true))
	take(t, e, offer, s.role())
	wantEntries(t, e.on, 1)
	flows(t, e, p, track)
}

// Where the system will not share a port there is one socket, that works, and
// one line in the log.
func TestOneSocketIfRefused(t *testing.T) {
	var told strings.Builder
	c := loopback
	c.Sockets, c.Logger = 4, slog.New(slog.NewTextHandler(&told, nil))
	on, err := listen(c, func(*net.UDPConn, int) ([]*net.UDPConn, error) { return nil, errors.ErrUnsupported })
	if err != nil {
		t.Fatal(err)
	}
	if on.Sockets() != 1 || strings.Count(told.String(), "\n") != 1 || !strings.Contains(told.String(), "level=WARN") {
		t.Errorf("%d sockets, and the log says %q", on.Sockets(), told.String())
	}
	a, b := endOn(t, on), newEnd(t)
	connect(t, a, b)
	writeRTP(b.conn, rtpPacket(1))
	get(t, a.rtp)
}

// How many there are, and that a port which is in use is never shared: not with
// somebody else, and not with another server that would share as well.
func TestSocketsOfAPort(t *testing.T) {
	for _, c := range []struct{ asked, want int }{{-1, 1}, {0, 1}, {1, 1}, {3, 3}, {1000, maxSockets}} {
		on, err := Listen(Config{Sockets: c.asked, Listen: loopback.Listen})
		if err != nil {
			t.Fatal(err)
		}
		if got := on.Sockets(); got != c.want && c.want == 1 || got != c.want && got != 1 {
			t.Errorf("%d asked for: %d sockets, want %d", c.asked, got, c.want)
		}
		for i, r := range on.mux.readers {
			if at := r.socket.(*egress.Socket).LocalAddr(); int(at.Port()) != on.Port() {
				t.Errorf("socket %d is at %v, want port %d", i, at, on.Port())
			}
		}
		for _, sockets := range []int{1, 3} {
			second, err := Listen(Config{Sockets: sockets, Listen: loopback.Listen, Port: on.Port()})
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("a second server with %d sockets on a port with %d: %v", sockets, on.Sockets(), err)
				_ = second.Close()
			}
		}
		if err := on.Close(); err != nil {
			t.Error(err)
		}
	}
}

// wire is a connection on which a test puts what arrives. What is sent to it
// goes nowhere.
type wire struct {
	arrives  chan []byte
	deadline atomic.Pointer[chan struct{}] // closed when it is over
	closed   chan struct{}
	once     sync.Once
}

func newWire() *wire { return &wire{arrives: make(chan []byte), closed: make(chan struct{})} }

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	var over chan struct{} // nil: never
	if at := w.deadline.Load(); at != nil {
		over = *at
	}
	select {
	case data := <-w.arrives:
		return copy(b, data), net.UDPAddrFromAddrPort(somewhere), nil
	case <-over:
		return 0, nil, os.ErrDeadlineExceeded
	case <-w.closed:
		return 0, nil, net.ErrClosed
	}
}

// SetReadDeadline is called by the reader, between two reads.
func (w *wire) SetReadDeadline(at time.Time) error {
	if at.IsZero() {
		w.deadline.Store(nil)
		return nil
	}
	over := make(chan struct{})
	w.deadline.Store(&over)
	time.AfterFunc(time.Until(at), func() { close(over) })
	return nil
}

func (w *wire) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }
func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}
func (w *wire) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// gathering holds packets back until one ends the frame, or 1 ms is over.
type gathering struct {
	t      *testing.T
	inside atomic.Bool

	mu sync.Mutex
	// Guarded by mu, for the test's look.
	waiting []byte
	since   int64
	sent    []string
	asked   int // how often it was to flush
}

func (g *gathering) look() (sent []string, waiting string, asked int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.sent), string(g.waiting), g.asked
}

func (g *gathering) enter() func() {
	if g.inside.Swap(true) {
		g.t.Error("it is called twice at once")
	}
	g.mu.Lock()
	return func() {
		g.mu.Unlock()
		g.inside.Store(false)
	}
}

func (g *gathering) takeMedia(packet []byte, now int64, _ *egress.Batch) bool {
	defer g.enter()()
	if len(g.waiting) == 0 {
		g.since = now
	}
	g.waiting = append(g.waiting, packet[len(packet)-1])
	return true
}

func (g *gathering) flush(_ *egress.Batch, now int64) (held bool, until int64) {
	defer g.enter()()
	g.asked++
	n := len(g.waiting)
	if n == 0 {
		return false, 0
	}
	if until = g.since + int64(time.Millisecond); g.waiting[n-1] != '.' && now < until {
		return true, until
	}
	g.sent, g.waiting = append(g.sent, string(g.waiting)), nil
	return false, 0
}

func (g *gathering) fail(error)        {}
func (g *gathering) Fault(string, any) {}

// What one reader holds back of a client either sends, in order, when the rest comes
// by another one, and when it is due; and then neither asks any more.
func TestHeldBackAcrossReaders(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  string // by the first reader
		second string // then by the second
		sent   string
		after  time.Duration
	}{
		{"the second ends the frame", "ab", "c.", "abc.", 0},
		{"it is due", "ab", "c", "abc", time.Millisecond},
		{"it is due, of the first alone", "ab", "", "ab", time.Millisecond},
		{"back and forth", "a", "b", "ab", time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wires := []*wire{newWire(), newWire()}
				m := newMux([]socket{egress.WrapPlain(wires[0]), egress.WrapPlain(wires[1])}, 1, nil)
				defer func() { _ = m.Close() }()
				g := &gathering{t: t}
				client := newClient(g)
				m.prove(agentOn(t, m, client, "agent").route, somewhere)
				for i, text := range []string{c.first, c.second} {
					for _, b := range []byte(text) {
						wires[i].arrives <- append([]byte{0x80, 96, 0, 0}, b)
						synctest.Wait()
					}
				}
				if c.after > 0 {
					if sent, _, _ := g.look(); len(sent) > 0 {
						t.Errorf("%q is sent before it is due", sent)
					}
					time.Sleep(c.after)
					synctest.Wait()
				}
				if sent, _, _ := g.look(); len(sent) != 1 || sent[0] != c.sent {
					t.Errorf("%q is sent, want %q", sent, c.sent)
				}
				time.Sleep(10 * time.Millisecond) // the other reader finds nothing
				synctest.Wait()
				_, _, asked := g.look()
				time.Sleep(time.Second)
				synctest.Wait()
				if _, _, again := g.look(); again != asked || asked > len(c.first)+len(c.second)+2 {
					t.Errorf("it is asked to flush %d times, and %d times once it has", asked, again-asked)
				}
			})
		})
	}
}

// Two readers with one client never call it at once, and none of them does once it
// is forgotten.
func TestReadersTakeTurns(t *testing.T) {
	wires := []*wire{newWire(), newWire(), newWire()}
	var list []socket
	for _, w := range wires {
		list = append(list, egress.WrapPlain(w))
	}
	m := newMux(list, 1, nil)
	g := &gathering{t: t}
	client := newClient(g)
	m.prove(agentOn(t, m, client, "agent").route, somewhere)
	const each = 2000
	var writers sync.WaitGroup
	for _, w := range wires {
		writers.Go(func() {
			for range each {
				w.arrives <- []byte{0x80, 96, 0, '.'}
			}
		})
	}
	writers.Wait()
	m.forget(client)
	count := func() int {
		sent, waiting, _ := g.look()
		return len(strings.Join(sent, "") + waiting)
	}
	taken := count()
	if taken < len(wires)*each-len(wires) { // each reader has one in its hands
		t.Errorf("%d packets of %d", taken, len(wires)*each)
	}
	for _, w := range wires {
		w.arrives <- []byte{0x80, 96, 0, '.'}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if count() != taken {
		t.Error("a client that is forgotten is given media")
	}
}
