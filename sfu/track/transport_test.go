package track_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"

	"lectern/sfu/codec"
	"lectern/sfu/egress"
	"lectern/sfu/packet"
	"lectern/sfu/track"
	"lectern/sfu/transport"
)

// end is one end of a connection; what comes goes to its functions.
type end struct {
	conn      *transport.Transport
	on        *transport.Endpoint
	connected chan struct{}
	once      sync.Once
	rtp       func(packet []byte, arrived int64)
	rtcp      func(packet []byte, arrived int64, into *egress.Batch)
	flush     func(into *egress.Batch, now int64) (held bool, until int64)
}

func (e *end) StateChanged(s transport.State) {
	if s == transport.Connected {
		e.once.Do(func() { close(e.connected) })
	}
}
func (e *end) RTP(b []byte, arrived int64)                      { e.rtp(b, arrived) }
func (e *end) RTCP(b []byte, arrived int64, into *egress.Batch) { e.rtcp(b, arrived, into) }
func (e *end) Flush(into *egress.Batch, now int64) (held bool, until int64) {
	return e.flush(into, now)
}
func (e *end) Open(*transport.Channel) {}
func (e *end) Message([]byte, bool)    {}
func (e *end) Shut()                   {}

func listen(t *testing.T) *transport.Endpoint {
	t.Helper()
	on, err := transport.Listen(transport.Config{Listen: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = on.Close() })
	return on
}

func newEnd(t *testing.T, on *transport.Endpoint) *end {
	t.Helper()
	e := &end{
		connected: make(chan struct{}), on: on, rtp: func([]byte, int64) {}, rtcp: func([]byte, int64, *egress.Batch) {},
		flush: func(*egress.Batch, int64) (bool, int64) { return false, 0 },
	}
	var err error
	if e.conn, err = on.New(e); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.conn.Close)
	return e
}

// connect joins the server's end and a client's.
func connect(t *testing.T, server, client *end) {
	t.Helper()
	start := func(e, other *end, role transport.Role) {
		l, err := other.conn.Local()
		if err != nil {
			t.Fatal(err)
		}
		role.NoChannel = true
		err = e.conn.Start(transport.Remote{Ufrag: l.Ufrag, Password: l.Password,
			FingerprintHash: "sha-256", Fingerprint: other.on.Fingerprint()}, role)
		if err != nil {
			t.Fatal(err)
		}
	}
	start(server, client, transport.Role{Controlling: true})
	start(client, server, transport.Role{DTLSClient: true})
	knock(t, client, server)
	wait(t, server.connected)
	wait(t, client.connected)
}

// knock sends a client's first check, without which the server would not know where
// it is.
func knock(t *testing.T, client, server *end) {
	t.Helper()
	ours, err := server.conn.Local()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := client.conn.Local()
	if err != nil {
		t.Fatal(err)
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

func wait(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing came")
	}
}

// camera is a publishing client: it sends on when the SFU has had a frame, and
// sends again what is asked for.
type camera struct {
	conn *transport.Transport

	mu sync.Mutex
	// Guarded by mu.
	sent  map[uint16][]byte
	next  uint16
	again uint16
}

const (
	cameraSSRC, cameraRTX = 1000, 1001
	viewerSSRC, viewerRTX = 5000, 5001
	packets               = 600
)

// send sends the next packet: each fifth begins a frame, each frame can be begun
// with.
func (c *camera) send(ts uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head := []byte{0x00, 0x00}
	if c.next%5 == 0 {
		head[0] = 0x10
	}
	b := packet.Build(nil, c.next%5 == 4, 96, c.next, ts, cameraSSRC, nil,
		binary.BigEndian.AppendUint16(append(head, make([]byte, 800)...), c.next))
	c.sent[c.next] = b
	c.next++
	c.write(b)
}

func (c *camera) write(b []byte) {
	into := c.conn.Begin()
	defer c.conn.End(into)
	if slot := c.conn.Reserve(into, len(b)); slot != nil {
		c.conn.Seal(into, slot[:copy(slot, b)])
	}
}

func (c *camera) feedback(b []byte, _ int64, _ *egress.Batch) {
	list, _ := rtcp.Unmarshal(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range list {
		nack, ok := p.(*rtcp.TransportLayerNack)
		if !ok {
			continue
		}
		for i := range nack.Nacks {
			for _, seq := range nack.Nacks[i].PacketList() {
				b, ok := c.sent[seq]
				if !ok {
					continue
				}
				h, _ := packet.Parse(b)
				c.again++
				c.write(packet.Build(nil, h.Marker, 97, c.again, h.Timestamp, cameraRTX, nil,
					append(binary.BigEndian.AppendUint16(nil, seq), h.Payload(b)...)))
			}
		}
	}
}

// screen is a viewing client that loses packets and asks for them.
type screen struct {
	t    *testing.T
	conn *transport.Transport
	all  chan struct{}

	// Owned by the reader.
	got     map[uint16]uint16 // what the camera numbered it
	seen    map[uint16]bool   // what the camera numbered so, of the first ones
	origin  uint16            // the number of the camera's 0
	highest uint16
	began   bool
	count   int
}

func (s *screen) take(b []byte, _ int64) {
	if s.count++; s.count%7 == 3 {
		return // lost on the way
	}
	h, err := packet.Parse(b)
	if err != nil {
		s.t.Error(err)
		return
	}
	payload, seq := h.Payload(b), h.Sequence
	if h.SSRC == viewerRTX {
		seq, payload = binary.BigEndian.Uint16(payload), payload[2:]
	}
	number := binary.BigEndian.Uint16(payload[len(payload)-2:])
	if !s.began {
		s.origin, s.highest, s.began = seq-number, seq, true
	}
	if packet.SequenceNewer(seq, s.highest) {
		s.highest = seq
	}
	s.got[seq] = number
	if number < packets {
		s.seen[number] = true
	}
	var missing []uint16
	for n := s.origin; n != s.origin+packets && n != s.highest; n++ {
		if _, ok := s.got[n]; !ok {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		b, err := (&rtcp.TransportLayerNack{MediaSSRC: viewerSSRC,
			Nacks: rtcp.NackPairsFromSequenceNumbers(missing)}).Marshal()
		if err == nil {
			s.conn.WriteRTCP(b)
		}
	}
	if len(s.seen) == packets {
		select {
		case <-s.all:
		default:
			close(s.all)
		}
	}
}

// tick is the clock of both halves until the function it returns is called.
func tick(r *track.Receiver, s *track.Sender) (stop func()) {
	end, ticking := make(chan struct{}), sync.WaitGroup{}
	ticking.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				r.Tick(transport.Now())
				s.Tick(transport.Now())
			}
		}
	})
	return func() {
		close(end)
		ticking.Wait()
	}
}

// TestOverTransports sends video from one client through the SFU to another one
// over real connections that lose packets on both ways. All of it arrives.
func TestOverTransports(t *testing.T) {
	server := listen(t)
	from, up, down, to := newEnd(t, listen(t)), newEnd(t, server), newEnd(t, server), newEnd(t, listen(t))
	vp8 := codec.Preferred()[0]
	video := track.New(codec.Video)
	receiver, sender := track.NewReceiver(up.conn), track.NewSender(down.conn)
	receiver.Bind(track.SectionConfig{
		MID: "0", Kind: codec.Video, Track: video, Sources: []track.Source{{SSRC: cameraSSRC, RTX: cameraRTX}},
		Formats: []track.Format{{PayloadType: 96, RTX: 97, Codec: vp8}},
	})
	sender.Subscribe(track.SubscriptionConfig{
		Track: video, MID: "0", SSRC: viewerSSRC, RTXSSRC: viewerRTX, CNAME: "c",
		Formats: []track.Format{{PayloadType: 100, RTX: 101, Codec: vp8}},
	})

	c := &camera{conn: from.conn, sent: map[uint16][]byte{}}
	s := &screen{t: t, conn: to.conn, all: make(chan struct{}), got: map[uint16]uint16{}, seen: map[uint16]bool{}}
	from.rtcp, to.rtp, down.rtcp, up.flush = c.feedback, s.take, sender.RTCP, receiver.Flush
	had := make(chan struct{}, packets)
	count := 0
	up.rtp = func(b []byte, arrived int64) {
		if h, err := packet.Parse(b); err == nil && h.SSRC == cameraSSRC {
			select {
			case had <- struct{}{}:
			default: // nobody waits any more
			}
		}
		if count++; count%10 != 9 { // else lost on the way
			receiver.Take(b, arrived)
		}
	}
	connect(t, up, from)
	connect(t, down, to)
	sender.Start()

	defer tick(receiver, sender)()
	for i := range uint32(packets) {
		c.send(i / 5 * 3000)
		wait(t, had)
	}
	// The last ones may be lost, and nothing behind them tells: go on.
	more := time.NewTicker(10 * time.Millisecond)
	defer more.Stop()
	deadline := time.After(2 * time.Minute)
	for done := false; !done; {
		select {
		case <-s.all:
			done = true
		case <-more.C:
			c.send(packets / 5 * 3000)
		case <-deadline:
			t.Errorf("not all packets arrived: %+v, %+v", receiver.Stats(), sender.Stats())
			done = true
		}
	}
	if in, out := receiver.Stats().Recovered, sender.Stats().Total.Repaired; in == 0 || out == 0 {
		t.Errorf("%d packets were recovered from the publisher, %d sent to the viewer again", in, out)
	}
}
