package transport

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"
	"go.uber.org/goleak"

	"lectern/sfu/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testTime = time.Minute

// end is one end of a connection and what it hears.
type end struct {
	t       testing.TB
	on      *Endpoint
	conn    *Transport
	states  chan State
	rtp     chan []byte
	rtcp    chan []byte
	open    chan *Channel
	message chan string
	hold    chan struct{} // nil, or Message waits for it
	shut    chan struct{}
	discard atomic.Bool // of RTP and RTCP packets
	waiting atomic.Bool // Message waits
}

func (e *end) StateChanged(s State) { e.states <- s }
func (e *end) RTP(packet []byte, _ int64) {
	if e.discard.Load() {
		return
	}
	select {
	case e.rtp <- bytes.Clone(packet):
	default:
	}
}
func (e *end) Flush(*egress.Batch, int64) (held bool, until int64) { return false, 0 }

func (e *end) RTCP(packet []byte, _ int64, _ *egress.Batch) {
	if !e.discard.Load() {
		e.rtcp <- bytes.Clone(packet)
	}
}
func (e *end) Open(c *Channel) { e.open <- c }
func (e *end) Message(data []byte, isText bool) {
	if e.hold != nil {
		e.waiting.Store(true)
		<-e.hold
	}
	if !isText {
		data = append([]byte("binary: "), data...)
	}
	e.message <- string(data)
}
func (e *end) Shut() { close(e.shut) }

func newEnd(t testing.TB) *end {
	t.Helper()
	return listenAt(t, loopback)
}

// endOn makes an end on an endpoint, which is closed with the test.
func endOn(t testing.TB, on *Endpoint) *end {
	t.Helper()
	t.Cleanup(func() { _ = on.Close() })
	return endKept(t, on)
}

// endKept makes an end on an endpoint that outlives it.
func endKept(t testing.TB, on *Endpoint) *end {
	t.Helper()
	e := &end{
		t: t, on: on, states: make(chan State, 64), rtp: make(chan []byte, 1024), rtcp: make(chan []byte, 16),
		open: make(chan *Channel, 1), message: make(chan string, 1024), shut: make(chan struct{}),
	}
	var err error
	if e.conn, err = on.New(e); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.conn.Close)
	return e
}

func (e *end) remote() Remote {
	e.t.Helper()
	l, err := e.conn.Local()
	if err != nil {
		e.t.Fatal(err)
	}
	return Remote{Ufrag: l.Ufrag, Password: l.Password, FingerprintHash: "sha-256",
		Fingerprint: e.on.Fingerprint(), MaxMessageSize: MaxMessage}
}

// connect makes a connection as the SFU does: the first end is the server and
// makes the offer.
func connect(t testing.TB, a, b *end) {
	t.Helper()
	if err := a.conn.Start(b.remote(), Role{Controlling: true, OpenChannel: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.conn.Start(a.remote(), Role{DTLSClient: true}); err != nil {
		t.Fatal(err)
	}
	knock(t, b, a)
	a.want(Connected)
	b.want(Connected)
}

// knock sends the first check, as a client does: neither end would.
func knock(t testing.TB, from, to *end) {
	t.Helper()
	sendRaw(t, from.on, firstCheck(to.remote(), from.remote()), netip.AddrPortFrom(loopback.Listen, to.on.mux.port))
}

// firstCheck is a client's request to an end.
func firstCheck(to, from Remote) []byte {
	m := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(to.Ufrag+":"+from.Ufrag))
	m.Add(stun.AttrPriority, []byte{110, 0, 0, 1})
	_ = stun.NewShortTermIntegrity(to.Password).AddTo(m)
	_ = stun.Fingerprint.AddTo(m)
	return m.Raw
}

// sendRaw sends bytes from an endpoint's socket.
func sendRaw(t testing.TB, from *Endpoint, data []byte, to netip.AddrPort) {
	t.Helper()
	if _, err := from.mux.socket.Send(data, to); err != nil {
		t.Fatal(err)
	}
}

func (e *end) want(s State) {
	e.t.Helper()
	if got := get(e.t, e.states); got != s {
		e.t.Fatalf("state %v, want %v", got, s)
	}
}

func get[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testTime):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func rtpPacket(seq uint16) []byte {
	p := make([]byte, 12, 1200)
	p[0], p[1] = 0x80, 96
	binary.BigEndian.PutUint16(p[2:], seq)
	binary.BigEndian.PutUint32(p[8:], 0x1234)
	return append(p, "payload of some length"...)
}

// writeRTP sends one packet, alone. It reports false if the connection is not ready.
func writeRTP(to *Transport, packet []byte) bool {
	into := to.Begin()
	defer to.End(into)
	slot := to.Reserve(into, len(packet))
	return slot != nil && to.Seal(into, slot[:copy(slot, packet)])
}

func TestMediaAndMessages(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	connect(t, a, b)
	for seq := range uint16(100) {
		if !writeRTP(a.conn, rtpPacket(seq)) {
			t.Fatal("not sent")
		}
		if got := get(t, b.rtp); !bytes.Equal(got, rtpPacket(seq)) {
			t.Fatalf("%x arrives as %x", rtpPacket(seq), got)
		}
	}
	pli, err := (&rtcp.PictureLossIndication{MediaSSRC: 0x1234}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b.conn.WriteRTCP(pli)
	if got := get(t, a.rtcp); !bytes.Equal(got, pli) {
		t.Errorf("%x arrives as %x", pli, got)
	}

	there, back := get(t, a.open), get(t, b.open)
	large := strings.Repeat("0123456789abcdef", 246_000/16)
	for range 3 {
		for _, m := range []string{"hello", large, ""} {
			if err := there.Send([]byte(m)); err != nil {
				t.Fatal(err)
			}
			if got := get(t, b.message); got != m {
				t.Errorf("a message of %d bytes arrives as one of %d", len(m), len(got))
			}
		}
	}
	if err := back.Send([]byte(large)); err != nil {
		t.Fatal(err)
	}
	if got := get(t, a.message); got != large {
		t.Error("a large message does not arrive in the other direction")
	}
	if err := back.Send(make([]byte, MaxMessage+1)); err != ErrTooLarge {
		t.Errorf("a message over the limit: %v", err)
	}
}

// A client that does not read makes Send wait, and its end makes it return.
func TestBackPressure(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	b.hold = make(chan struct{})
	connect(t, a, b)
	c := get(t, a.open)
	sent := make(chan int, 1)
	go func() {
		n := 0
		for ; n < 1000; n++ {
			if c.Send(make([]byte, 100_000)) != nil {
				break
			}
			if c.stream.BufferedAmount() > fullAt+200_000 {
				break
			}
		}
		sent <- n
	}()
	b.hold <- struct{}{} // one is taken, so they flow
	a.conn.Close()
	if n := get(t, sent); n > 100 {
		t.Errorf("%d messages of 100 kB were taken for a client that reads none", n)
	}
	close(b.hold)
}

func TestRestart(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	connect(t, a, b)
	before := a.remote()
	if err := a.conn.Restart(); err != nil {
		t.Fatal(err)
	}
	if a.remote().Ufrag == before.Ufrag {
		t.Error("a restart keeps the credentials")
	}
	if err := b.conn.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := a.conn.Start(b.remote(), Role{Controlling: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.conn.Start(a.remote(), Role{}); err != nil {
		t.Fatal(err)
	}
	knock(t, b, a)
	for seq := uint16(0); ; seq++ { // until packets flow again
		writeRTP(a.conn, rtpPacket(seq))
		select {
		case <-b.rtp:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if seq > 500 {
			t.Fatal("no packet arrives after the restart")
		}
	}
}

func TestWrongFingerprint(t *testing.T) {
	a, b := newEnd(t), newEnd(t)
	remote := b.remote()
	remote.Fingerprint = strings.Repeat("00:", 31) + "00"
	if err := a.conn.Start(remote, Role{Controlling: true, OpenChannel: true}); err != nil {
		t.Fatal(err)
	}
	if err := b.conn.Start(a.remote(), Role{DTLSClient: true}); err != nil {
		t.Fatal(err)
	}
	knock(t, b, a)
	a.want(Failed)
}

// Closing before, while and after connecting leaves nothing behind, which
// TestMain checks.
func TestClose(t *testing.T) {
	newEnd(t).conn.Close()
	a, b := newEnd(t), newEnd(t)
	if err := a.conn.Start(b.remote(), Role{Controlling: true, OpenChannel: true}); err != nil {
		t.Fatal(err)
	}
	a.conn.Close()
	a.conn.Close()
	if err := a.conn.Start(b.remote(), Role{}); err == nil {
		t.Error("a closed connection starts")
	}
}
