package sfu

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"

	"lectern/sfu/codec"
	"lectern/sfu/transport"
	"lectern/signaling/protocol"
)

// The payload types of pictures, here and in what the server offers.
const picturePT, repairPT = 96, 97

// lossy is a simulated network that delays all packets and loses a part of
// those of RTP and RTCP, both ways. What loss does to a handshake is tested in
// package transport. The server is 10.0.0.1, its clients 10.0.0.2 and on.
type lossy struct {
	router *vnet.Router

	mu sync.Mutex
	// Guarded by mu.
	random   *mathrand.Rand
	up, down [8]traffic // by the last byte of the client's address
}

// traffic counts the pictures that went one way, and those of them sent again.
type traffic struct{ sent, lost, repeats int }

func newLossy(t *testing.T, loss float64, delay time.Duration) *lossy {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/24", MinDelay: delay, QueueSize: 4096, LoggerFactory: silence{},
	})
	try(t, err)
	n := &lossy{router: router, random: mathrand.New(mathrand.NewPCG(1, 2))}
	router.AddChunkFilter(func(c vnet.Chunk) bool { return n.passes(c, loss) })
	t.Cleanup(func() { _ = router.Stop() })
	return n
}

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// isMedia tells RTP and RTCP from the rest (RFC 7983 section 7).
func isMedia(b []byte) bool { return len(b) > 1 && b[0] >= 128 && b[0] <= 191 }

func (n *lossy) passes(c vnet.Chunk, loss float64) bool {
	b := c.UserData()
	if !isMedia(b) {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	pass := n.random.Float64() >= loss
	w := &n.up[c.SourceAddr().(*net.UDPAddr).IP.To4()[3]]
	if to := c.DestinationAddr().(*net.UDPAddr).IP.To4()[3]; to != 1 {
		w = &n.down[to]
	}
	switch b[1] & 0x7f {
	case picturePT:
		w.sent++
		if !pass {
			w.lost++
		}
	case repairPT:
		w.repeats++
	}
	return pass
}

func (n *lossy) host(t *testing.T, last byte) *vnet.Net {
	t.Helper()
	host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{net.IPv4(10, 0, 0, last).String()}})
	try(t, err)
	try(t, n.router.AddNet(host))
	return host
}

// room is a room whose server is in the network.
func (n *lossy) room(t *testing.T) *room {
	t.Helper()
	conn, err := n.host(t, 1).ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 3478})
	try(t, err)
	e, err := transport.Listen(transport.Config{Conn: &overtaking{PacketConn: conn, random: mathrand.New(mathrand.NewPCG(3, 4))}})
	try(t, err)
	s := &Server{endpoint: e, clock: startClock(), log: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() { _ = s.Close() })
	r := &room{
		t: t, server: s, plane: s.NewPlane(slog.New(slog.DiscardHandler)),
		calls: make(chan func()), done: make(chan struct{}), ended: make(chan struct{}),
		members: map[protocol.MemberID]func(protocol.Outgoing){},
	}
	go r.run()
	t.Cleanup(r.close)
	return r
}

// overtaking lets one packet of media in ten that the server sends be overtaken
// by the next, which the simulated network does not do.
type overtaking struct {
	net.PacketConn

	mu sync.Mutex
	// Guarded by mu.
	random *mathrand.Rand
	held   []byte
	heldTo net.Addr
}

func (o *overtaking) WriteTo(b []byte, to net.Addr) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held == nil && isMedia(b) && o.random.IntN(10) == 0 {
		o.held, o.heldTo = bytes.Clone(b), to
		return len(b), nil
	}
	n, err := o.PacketConn.WriteTo(b, to)
	if o.held != nil {
		_, _ = o.PacketConn.WriteTo(o.held, o.heldTo)
		o.held = nil
	}
	return n, err
}

// distant is a client in the network, with NACK and RTX as browsers have it.
// It sends nothing but the pictures it is told to.
type distant struct {
	*client
	host *vnet.Net

	mu sync.Mutex
	// Guarded by mu.
	first, last uint32 // numbers of the first keyframe, 0 before it, and of the newest picture
	plain, rtx  map[uint32]int
}

func newDistant(r *room, id protocol.MemberID, host *vnet.Net) *distant {
	r.t.Helper()
	d := &distant{client: &client{
		t: r.t, room: r, id: id, loop: newQueue(), done: make(chan struct{}),
		legs: map[protocol.ConnectorID]*leg{}, talk: map[protocol.MemberID][]string{},
	}, host: host, plain: map[uint32]int{}, rtx: map[uint32]int{}}
	for k, mime := range map[codec.Kind]string{codec.Audio: webrtc.MimeTypeOpus, codec.Video: webrtc.MimeTypeVP8} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, k.String(), string(id))
		try(r.t, err)
		d.tracks[k] = track
	}
	d.loops.Go(d.run)
	r.t.Cleanup(d.close)
	return d
}

func (d *distant) take(m protocol.Outgoing) {
	switch m := m.(type) {
	case *protocol.GetOffer:
		d.offerFirst(d.newLeg(m.Member))
	case *protocol.RelayedOffer:
		l := d.newLeg(m.Member)
		l.remote = m.Remote
		l.pc.OnDataChannel(l.use)
		if answer, ok := d.answer(l, m.Offer); ok {
			d.signal(&protocol.Answer{Remote: l.remote, Connector: l.id, Answer: answer, Member: l.member, StreamType: m.StreamType})
		}
	default:
		d.client.take(m)
	}
}

// noMux stands for the socket of its own that a leg on loopback has.
type noMux struct{ ice.UDPMux }

func (noMux) Close() error { return nil }

func (d *distant) newLeg(member protocol.MemberID) *leg {
	l := &leg{client: d.client, id: protocol.ConnectorID(rand.Text()), member: member, mux: noMux{}, open: make(chan struct{})}
	var settings webrtc.SettingEngine
	settings.LoggerFactory = silence{}
	settings.SetNet(d.host)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	var media webrtc.MediaEngine
	add := func(k webrtc.RTPCodecType, pt webrtc.PayloadType, c webrtc.RTPCodecCapability) {
		d.must(media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: pt}, k))
	}
	add(webrtc.RTPCodecTypeVideo, picturePT, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000})
	add(webrtc.RTPCodecTypeVideo, repairPT, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"})
	add(webrtc.RTPCodecTypeAudio, 111, webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"})
	var registry interceptor.Registry
	registry.Add(&tally{leg: l})
	// Pion's generator does not see what comes as RTX, and would ask for ever.
	d.must(webrtc.ConfigureNackWithOptions(&media, &registry, []nack.GeneratorOption{nack.GeneratorMaxNacksPerPacket(6)}))
	var err error
	l.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(&media),
		webrtc.WithInterceptorRegistry(&registry)).NewPeerConnection(webrtc.Configuration{})
	if !d.must(err) {
		panic(err) // on the client's goroutine, where a test cannot be failed
	}
	l.watch()
	l.pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { d.read(l, r) })
	d.legs[l.id] = l
	d.client.mu.Lock()
	d.all = append(d.all, l)
	d.client.mu.Unlock()
	return l
}

// pictures sends numbered ones until the client ends, each of one packet. One
// in ten is overtaken by the next.
func (d *distant) pictures() {
	beat := time.NewTicker(4 * time.Millisecond)
	defer beat.Stop()
	for i := uint32(2); ; i++ {
		select {
		case <-beat.C:
		case <-d.done:
			return
		}
		n := i
		switch i % 10 {
		case 0:
			n = i + 1
		case 1:
			n = i - 1
		}
		payload := make([]byte, 300)
		payload[0], payload[1] = 0x10, 1
		if d.key.Swap(false) {
			payload[1] = 0
		}
		binary.BigEndian.PutUint32(payload[100:], n)
		header := rtp.Header{Version: 2, Marker: true, SequenceNumber: uint16(n), Timestamp: 360 * n} //nolint:gosec // wraps around
		_ = d.tracks[codec.Video].WriteRTP(&rtp.Packet{Header: header, Payload: payload})
	}
}

// read notes the pictures that come, until the connection ends. Without the
// first keyframe it asks for another, as a browser's decoder does.
func (d *distant) read(l *leg, r *webrtc.TrackRemote) {
	for {
		p, attributes, err := r.ReadRTP()
		if err != nil {
			return
		}
		n := binary.BigEndian.Uint32(p.Payload[100:])
		d.mu.Lock()
		if d.first == 0 && isKeyframe(p.Payload) {
			d.first = n
		}
		if attributes.Get(webrtc.AttributeRtxSsrc) != nil {
			d.rtx[n]++
		} else {
			d.plain[n]++
		}
		d.last = max(d.last, n)
		blind := d.first == 0 && n%50 == 0
		d.mu.Unlock()
		if blind {
			_ = l.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(r.SSRC())}})
		}
	}
}

// Over a network that loses, delays and reorders packets viewers get the whole
// picture, which they do not without retransmission on both legs.
func TestLossyNetwork(t *testing.T) {
	t.Parallel()
	n := newLossy(t, 0.05, 20*time.Millisecond)
	r := n.room(t)
	var all []*distant
	for i := range byte(3) {
		all = append(all, newDistant(r, protocol.MemberID('a'+rune(i)), n.host(t, 2+i)))
	}
	try(t, n.router.Start())
	all[0].loops.Go(all[0].pictures)
	for _, d := range all {
		r.join(d.id, func(m protocol.Outgoing) { d.loop.put(func() { d.take(m) }) })
	}
	// The pictures after those that count are time for the repair of the last.
	const count, after = 600, 200
	for _, v := range all[1:] {
		eventually(t, "the pictures come", func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return v.first > 0 && v.last >= v.first+count+after
		}, v.state, all[0].state)
	}
	for _, v := range all[1:] {
		v.check(t, count)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, w := range map[string]traffic{"up": n.up[2], "down to b": n.down[3], "down to c": n.down[4]} {
		t.Logf("%s: %+v", name, w)
		if share := float64(w.lost) / float64(w.sent); share < 0.015 || share > 0.09 || w.repeats == 0 {
			t.Errorf("%s: of %d packets %d were lost and %d sent as RTX, want 5 %% and some", name, w.sent, w.lost, w.repeats)
		}
	}
}

// check looks at the pictures from the first keyframe on.
func (d *distant) check(t *testing.T, count uint32) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var got, plain uint32
	for i := d.first; i < d.first+count; i++ {
		if d.plain[i] > 1 {
			t.Errorf("%s got picture %d twice other than as RTX", d.id, i)
		}
		if d.plain[i] > 0 {
			plain++
		}
		if d.plain[i]+d.rtx[i] > 0 {
			got++
		}
	}
	t.Logf("%s got %d of %d pictures, %d of them not as RTX", d.id, got, count, plain)
	if got*1000 < count*995 {
		t.Errorf("%s got %d of %d pictures, want 99.5 %%", d.id, got, count)
	}
	if plain*1000 >= count*990 {
		t.Errorf("%s got %d of %d pictures without RTX: nothing was tested", d.id, plain, count)
	}
	if f := d.faults(); len(f) > 0 {
		t.Errorf("%s: %v", d.id, f)
	}
}
