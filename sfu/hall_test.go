//go:build unix

package sfu_test

import (
	"errors"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/pion/stun/v4"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
	"lectern/sfu/packet"
	"lectern/sfu/track"
	"lectern/sfu/transport"
)

const (
	burst       = 6    // packets of a frame
	payloadSize = 1150 // bytes
	publicSSRC  = 1000
	// ahead is how many packets may be in the viewers' sockets when the next burst
	// is sent. They may all be in one, which usually holds 90.
	ahead = 64
	// growth is how many bursts it takes until the cache has its full size.
	growth = 700
)

// side is one end of a connection: a handler that may be given functions, before
// it is started.
type side struct {
	conn  *transport.Transport
	on    *transport.Endpoint
	up    chan struct{} // closed when it is connected
	once  sync.Once
	rtp   func(packet []byte, arrived int64)
	flush func(into *egress.Batch, now int64) (held bool, until int64)
}

func (s *side) StateChanged(state transport.State) {
	if state == transport.Connected {
		s.once.Do(func() { close(s.up) })
	}
}
func (s *side) RTP(b []byte, arrived int64)       { s.rtp(b, arrived) }
func (s *side) RTCP([]byte, int64, *egress.Batch) {}
func (s *side) Flush(into *egress.Batch, now int64) (held bool, until int64) {
	return s.flush(into, now)
}
func (s *side) Open(*transport.Channel) {}
func (s *side) Message([]byte, bool)    {}
func (s *side) Shut()                   {}

// hush has the connections of an endpoint that are made from now on not look after
// each other, which takes memory.
func hush(on *transport.Endpoint) {
	patience := reflect.ValueOf(on).Elem().FieldByName("patience")
	for _, name := range []string{"disconnected", "failed", "keepalive"} {
		*(*time.Duration)(unsafe.Pointer(patience.FieldByName(name).UnsafeAddr())) = time.Hour //nolint:gosec // a test's look inside
	}
}

func newSide(tb testing.TB, on *transport.Endpoint) *side {
	s := &side{
		on: on, up: make(chan struct{}), rtp: func([]byte, int64) {},
		flush: func(*egress.Batch, int64) (bool, int64) { return false, 0 },
	}
	var err error
	if s.conn, err = on.New(s); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.conn.Close)
	return s
}

// dial begins to connect the server's side and a client's.
func dial(tb testing.TB, server, client *side) {
	for _, end := range []struct {
		s, other *side
		role     transport.Role
	}{
		{server, client, transport.Role{Controlling: true, NoChannel: true}},
		{client, server, transport.Role{DTLSClient: true, NoChannel: true}},
	} {
		l, err := end.other.conn.Local()
		if err != nil {
			tb.Fatal(err)
		}
		err = end.s.conn.Start(transport.Remote{
			Ufrag: l.Ufrag, Password: l.Password, FingerprintHash: "sha-256", Fingerprint: end.other.on.Fingerprint(),
		}, end.role)
		if err != nil {
			tb.Fatal(err)
		}
	}
	knock(tb, client, server)
}

// knock sends a client's first check, without which the server would not know where
// it is.
func knock(tb testing.TB, client, server *side) {
	ours, err := server.conn.Local()
	if err != nil {
		tb.Fatal(err)
	}
	theirs, err := client.conn.Local()
	if err != nil {
		tb.Fatal(err)
	}
	m := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(ours.Ufrag+":"+theirs.Ufrag))
	m.Add(stun.AttrPriority, []byte{110, 0, 0, 1})
	_ = stun.NewShortTermIntegrity(ours.Password).AddTo(m)
	_ = stun.Fingerprint.AddTo(m)
	into := client.conn.Begin()
	defer client.conn.End(into)
	to := netip.AddrPortFrom(server.on.Addresses()[0], uint16(server.on.Port())) //nolint:gosec // it is a port
	into.Commit(copy(into.Reserve(to, len(m.Raw)), m.Raw))
}

func listen(tb testing.TB, c transport.Config, hushed bool) *transport.Endpoint {
	c.Listen = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	on, err := transport.Listen(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = on.Close() })
	if hushed {
		hush(on)
	}
	return on
}

// house is a server for halls.
type house struct {
	tb     testing.TB
	hushed bool // for counting what is allocated
	deaf   bool // viewers read nothing once they were shown the first frame
	on     *transport.Endpoint
	fan    *track.Fanout
}

// build begins a house whose port has a number of sockets.
func build(tb testing.TB, sockets int, hushed bool) *house {
	server := listen(tb, transport.Config{Sockets: sockets}, hushed)
	if server.Sockets() != sockets {
		tb.Skip("no port has several sockets here")
	}
	h := &house{tb: tb, hushed: hushed, on: server, fan: track.NewFanout(server.NewBatch)}
	tb.Cleanup(func() {
		_ = server.Close() // the readers, which feed the tracks, end before the workers
		h.fan.Close()
	})
	return h
}

// seat is a viewer's socket. Media is taken from it and, once the viewer has shown
// that it can decrypt it, thrown away: a viewer is to cost little here.
type seat struct {
	*net.UDPConn
	hall   *hall
	socket *egress.Socket

	once   sync.Once
	closed chan struct{}

	// Owned by the reader.
	list       [2 * burst]egress.Datagram
	next, have int
}

// Close ends reading.
func (s *seat) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.UDPConn.Close()
}

// ReadFrom gives what is no media.
func (s *seat) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if s.hall.house.deaf && s.hall.started.Load() {
			<-s.closed
			return 0, nil, net.ErrClosed
		}
		media := 0
		for s.next < s.have {
			d := &s.list[s.next]
			s.next++
			if first := d.Data[0]; s.hall.started.Load() && first >= 128 && first <= 191 {
				media++
				continue
			}
			s.hall.arrive(media)
			return copy(b, d.Data), net.UDPAddrFromAddrPort(d.From), nil
		}
		s.hall.arrive(media)
		var err error
		s.next = 0
		if s.have, err = s.socket.Receive(s.list[:]); err != nil {
			s.have = 0
			return 0, nil, err
		}
	}
}

// hall is a publisher, the server, and viewers: connections over the loopback
// with all there is to them, but for the descriptions and the clock's reports.
type hall struct {
	house    *house
	tb       testing.TB
	from     *side
	batch    *egress.Batch // the publisher's
	receiver *track.Receiver
	senders  []*track.Sender
	taken    int           // of the burst; owned by the publisher's reader
	flushed  chan struct{} // the server has handed a burst on
	timer    *time.Timer

	started atomic.Bool  // viewers throw media away
	arrived atomic.Int64 // packets at viewers
	awaited atomic.Int64 // how many the benchmark waits for
	there   chan struct{}

	// Owned by the benchmark.
	seq  uint16
	ts   uint32
	sent int64 // packets that are to arrive
}

func (h *hall) arrive(n int) {
	if n == 0 {
		return
	}
	if h.arrived.Add(int64(n)) >= h.awaited.Load() {
		select {
		case h.there <- struct{}{}:
		default:
		}
	}
}

// open is a hall in a house of its own, whose port has one socket.
func open(tb testing.TB, viewers int, hushed bool) *hall { return build(tb, 1, hushed).open(viewers) }

// open connects everybody, and shows the first frame.
func (in *house) open(viewers int) *hall {
	tb, server := in.tb, in.on
	h := &hall{
		house: in, tb: tb, flushed: make(chan struct{}, 1), there: make(chan struct{}, 1), timer: time.NewTimer(time.Hour),
	}
	video := in.fan.New(codec.Video)
	formats := []track.Format{{PayloadType: 96, RTX: 97, Codec: codec.Preferred()[0]}}
	ids := track.Extensions{MID: 1, AbsSendTime: 2}

	h.from = newSide(tb, listen(tb, transport.Config{}, in.hushed))
	h.batch = h.from.on.NewBatch()
	at := newSide(tb, server)
	h.receiver = track.NewReceiver(at.conn)
	h.receiver.SetExtensions(ids)
	h.receiver.Bind(track.SectionConfig{
		MID: "0", Kind: codec.Video, Formats: formats, Sources: []track.Source{{SSRC: publicSSRC, RTX: publicSSRC + 1}}, Track: video,
	})
	at.rtp, at.flush = h.take, h.flush
	dial(tb, at, h.from)
	wait(tb, at.up)
	wait(tb, h.from.up)
	for i := range growth {
		h.send(i == 0)
	}

	var list []*side
	for range viewers {
		out := newSide(tb, server)
		viewer := h.seat()
		sender := track.NewSender(out.conn)
		sender.SetExtensions(ids)
		sender.Subscribe(track.SubscriptionConfig{Track: video, MID: "0", SSRC: 5000, RTXSSRC: 5001, CNAME: "c", Formats: formats})
		h.senders = append(h.senders, sender)
		dial(tb, out, viewer)
		list = append(list, out, viewer)
	}
	for _, s := range list {
		wait(tb, s.up)
	}
	for _, s := range h.senders {
		s.Start()
	}
	if h.send(true); !h.await(h.sent) {
		tb.Fatalf("%d packets of %d arrived, and could be decrypted", h.arrived.Load(), h.sent)
	}
	h.started.Store(true)
	return h
}

// seat makes a viewer, which counts what it can decrypt.
func (h *hall) seat() *side {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		h.tb.Fatal(err)
	}
	_ = conn.SetReadBuffer(1 << 20)
	at := &seat{UDPConn: conn, hall: h, socket: egress.Wrap(conn, egress.Options{}), closed: make(chan struct{})}
	for i := range at.list {
		at.list[i].Buffer = make([]byte, 1500)
	}
	s := newSide(h.tb, listen(h.tb, transport.Config{Conn: at}, h.house.hushed))
	s.rtp = func([]byte, int64) { h.arrive(1) }
	return s
}

func wait(tb testing.TB, c <-chan struct{}) {
	select {
	case <-c:
	case <-time.After(60 * time.Second):
		tb.Fatal("nothing came for a minute")
	}
}

// take and flush are the server's handler.
func (h *hall) take(b []byte, arrived int64) {
	h.receiver.Take(b, arrived)
	h.taken++
}

func (h *hall) flush(into *egress.Batch, now int64) (held bool, until int64) {
	held, until = h.receiver.Flush(into, now)
	if !held && h.taken >= burst {
		h.taken -= burst
		select {
		case h.flushed <- struct{}{}:
		default: // nobody waits any more
		}
	}
	return held, until
}

// send has the publisher send a frame, and waits until the server has forwarded
// it.
func (h *hall) send(keyframe bool) {
	h.tb.Helper()
	if err := h.try(keyframe); err != nil {
		h.tb.Fatal(err)
	}
}

// try is send for a goroutine that cannot fail the test.
func (h *hall) try(keyframe bool) error {
	var room [payloadSize]byte // VP8 (RFC 7741 section 4.2)
	payload := room[:]
	if payload[0] = 0x10; !keyframe {
		payload[1] = 0x01
	}
	h.ts += 3000
	for i := range burst {
		slot := h.from.conn.Reserve(h.batch, payloadSize+12)
		b := packet.Build(slot[:0], i == burst-1, 96, h.seq, h.ts, publicSSRC, nil, payload)
		if !h.from.conn.Seal(h.batch, b) {
			return errors.New("the publisher cannot send")
		}
		h.seq++
		payload[0] &^= 0x10 // it begins no partition
	}
	h.batch.Flush()
	h.sent += int64(burst * len(h.senders))
	h.timer.Reset(10 * time.Second)
	select {
	case <-h.flushed:
		return nil
	case <-h.timer.C:
		return errors.New("the server does not forward a burst")
	}
}

// await waits until that many packets have arrived; not for ever, as one may be
// lost.
func (h *hall) await(n int64) bool {
	h.awaited.Store(n)
	h.timer.Reset(10 * time.Second)
	for h.arrived.Load() < n {
		select {
		case <-h.there:
		case <-h.timer.C:
			return false
		}
	}
	return true
}
