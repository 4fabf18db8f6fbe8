package transport

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// natted is the socket of a client that knows the server by another address
// than it has.
type natted struct {
	*net.UDPConn
	outer, inner net.IP
}

func (n natted) WriteTo(b []byte, to net.Addr) (int, error) {
	at := *to.(*net.UDPAddr)
	if !at.IP.Equal(n.outer) {
		return len(b), nil // there is nobody
	}
	at.IP = n.inner
	return n.UDPConn.WriteTo(b, &at)
}

func (n natted) ReadFrom(b []byte) (int, net.Addr, error) {
	size, from, err := n.UDPConn.ReadFrom(b)
	if err != nil {
		return size, from, err
	}
	at := *from.(*net.UDPAddr)
	at.IP = n.outer
	return size, &at, nil
}

// A server behind NAT 1:1 is reached at the address of the NAT, which it need
// not have.
func TestNAT(t *testing.T) {
	outer := netip.MustParseAddr("203.0.113.7")
	e := listenAt(t, Config{Listen: loopback.Listen, Addresses: []netip.Addr{outer}})
	l, err := e.conn.Local()
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Candidates) != 1 || !strings.Contains(l.Candidates[0], " 203.0.113.7 ") {
		t.Fatalf("%q is advertised", l.Candidates)
	}
	conn := natted{udp(t, net.IPv4(127, 0, 0, 1)), outer.AsSlice(), net.IPv4(127, 0, 0, 1)}
	p := peerOver(t, conn)
	meet(t, e, p, shape{})
	e.want(Connected)
	checkMedia(t, e, p)
}

// Both sides think that they control ICE, as when two offers cross.
func TestRoleConflict(t *testing.T) {
	for _, controlling := range []bool{true, false} {
		e := listenAt(t, loopback)
		p := newPeer(t)
		s := shape{clientOffers: controlling, setup: "active", clientOpens: true}
		if !controlling {
			s.setup = ""
		}
		if s.clientOffers {
			p.openChannel()
			offer := p.gathered(p.pc.CreateOffer(nil))
			p.hear(webrtc.SDPTypeAnswer, describe(t, e, s, s.setup, true))
			role := s.role()
			role.Controlling = true
			take(t, e, offer, role)
		} else {
			p.openChannel()
			p.hear(webrtc.SDPTypeOffer, describe(t, e, s, "actpass", true))
			role := s.role()
			role.Controlling = false
			take(t, e, p.gathered(p.pc.CreateAnswer(nil)), role)
		}
		e.want(Connected)
		checkMedia(t, e, p)
	}
}

// When the port is closed, its connections fail, and no new ones begin.
func TestEndpointCloses(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	connect(t, a, b)
	if err := a.on.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.on.Close(); err != nil {
		t.Errorf("closing once more: %v", err)
	}
	a.want(Failed)
	if a.conn.WriteRTCP([]byte{0x80, 201, 0, 1, 0, 0, 0, 1}) {
		t.Error("a packet is sent on a closed port")
	}
	if _, err := a.on.New(a); err == nil {
		t.Error("a connection is made on a closed port")
	}
	if err := a.conn.Restart(); err == nil {
		t.Error("a restart succeeds on a closed port")
	}
}

// All methods at once, at all times, do no harm.
func TestConcurrentUse(t *testing.T) {
	for range 10 {
		a, b := newEnd(t), newEnd(t)
		a.discard.Store(true)
		b.discard.Store(true)
		connect(t, a, b)
		remote := b.remote()
		var users sync.WaitGroup
		for _, use := range []func(){
			func() { writeRTP(a.conn, rtpPacket(0)) },
			func() { a.conn.WriteRTCP([]byte{0x80, 201, 0, 1, 0, 0, 0, 1}) },
			func() { _, _ = a.conn.Local() },
			func() { _ = a.conn.Start(remote, Role{Controlling: true}) },
			func() { _ = a.conn.Restart() },
			func() { a.conn.Restarts(remote) },
			func() { a.conn.Profile() },
		} {
			users.Go(func() {
				for range 20 {
					use()
				}
			})
		}
		users.Go(a.conn.Close)
		users.Go(a.conn.Close)
		users.Wait()
	}
}

// A handler that does not return is reported while Close waits for it.
func TestCloseTellsOfHandler(t *testing.T) {
	told := make(chan string, 1)
	on, err := Listen(Config{Listen: loopback.Listen, Logger: slog.New(errorsTo(told))})
	if err != nil {
		t.Fatal(err)
	}
	on.patience.closing = 20 * time.Millisecond
	a, b := endOn(t, on), newEnd(t)
	a.hold = make(chan struct{})
	connect(t, a, b)
	if err := get(t, b.open).Send([]byte("x")); err != nil {
		t.Fatal(err)
	}
	get(t, a.open)
	until(t, a.waiting.Load) // the handler has the message
	go func() {
		if got := get(t, told); !strings.Contains(got, "handler") {
			t.Errorf("%q is logged", got)
		}
		close(a.hold)
	}()
	a.conn.Close()
}

type errorsTo chan string

func (e errorsTo) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (e errorsTo) WithAttrs([]slog.Attr) slog.Handler           { return e }
func (e errorsTo) WithGroup(string) slog.Handler                { return e }
func (e errorsTo) Handle(_ context.Context, r slog.Record) error {
	e <- r.Message
	return nil
}
