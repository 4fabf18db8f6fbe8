package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// hosts are sockets of a third party, which say nothing.
type hosts struct {
	t     *testing.T
	conns []*net.UDPConn
}

func newHosts(t *testing.T, n int) *hosts {
	h := &hosts{t: t}
	for range n {
		h.conns = append(h.conns, udp(t, net.IPv4(127, 0, 0, 1)))
	}
	return h
}

func (h *hosts) at(i int) netip.AddrPort { return h.conns[i].LocalAddr().(*net.UDPAddr).AddrPort() }

// got is what came to a host until now.
func (h *hosts) got(i int) (packets [][]byte) {
	h.t.Helper()
	for {
		b := make([]byte, 2048)
		// What was sent on loopback is there.
		if err := h.conns[i].SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			h.t.Fatal(err)
		}
		n, err := h.conns[i].Read(b)
		if err != nil {
			return packets
		}
		packets = append(packets, b[:n])
	}
}

// forge has a packet come as from an address.
func forge(on *Endpoint, data []byte, from netip.AddrPort) {
	r := on.mux.readers[0]
	p := packets.Get().(*packet)
	p.data, p.from = p.buffer[:copy(p.buffer[:], data)], from
	if !(&reader{mux: r.mux, socket: r.socket, batch: r.socket.NewBatch()}).take(p, Now()) {
		p.free()
	}
}

// clientHello is the first packet of DTLS, as far as a mux looks.
var clientHello = append([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1}, make([]byte, 60)...)

// A client whose requests come as from a victim's address, of this connection and
// after each ICE restart, has it sent less than it sends itself; DTLS from there is
// not even looked at.
func TestForgedSourceIsNoWeapon(t *testing.T) {
	h := newHosts(t, 1)
	a, b := newEnd(t), newEnd(t)
	if err := a.conn.Start(b.remote(), Role{Controlling: true, OpenChannel: true}); err != nil {
		t.Fatal(err)
	}
	in, checks := 0, 0
	for restart := range 50 {
		for range 20 {
			data := firstCheck(a.remote(), b.remote())
			in += len(data) + len(clientHello)
			forge(a.on, data, h.at(0))
			forge(a.on, clientHello, h.at(0))
		}
		remote := b.remote()
		remote.Ufrag += string(rune('a' + restart%26))
		if err := a.conn.Restart(); err != nil {
			t.Fatal(err)
		}
		if err := a.conn.Start(remote, Role{Controlling: true}); err != nil {
			t.Fatal(err)
		}
	}
	out := 0
	for _, data := range h.got(0) {
		if out += len(data); !stun.IsMessage(data) {
			t.Errorf("the victim is sent %x", data)
		}
		if data[0] == 0 {
			checks++
		}
	}
	if out > in || checks == 0 || checks > connectionLimits.Each+10 {
		t.Errorf("%d bytes draw %d, and %d checks", in, out, checks)
	}
	if n := len(a.conn.client.secure); n > 0 {
		t.Errorf("%d packets of DTLS are taken", n)
	}
}

// A publisher keeps its address, whatever another client, also one of another room,
// sends as from there.
func TestForgedSourceSilencesNobody(t *testing.T) {
	server, publisher := newEnd(t), newEnd(t)
	connect(t, server, publisher)
	at := netip.AddrPortFrom(loopback.Listen, publisher.on.mux.port)
	attacked := endOn(t, server.on)
	attacker := newEnd(t)
	if err := attacked.conn.Start(attacker.remote(), Role{Controlling: true}); err != nil {
		t.Fatal(err)
	}
	for seq := range uint16(200) {
		forge(server.on, firstCheck(attacked.remote(), attacker.remote()), at)
		forge(server.on, clientHello, at)
		if !writeRTP(publisher.conn, rtpPacket(seq)) {
			t.Fatal("not sent")
		}
		get(t, server.rtp)
	}
	if n := len(attacked.rtp); n > 0 {
		t.Errorf("the attacker's connection is given %d packets", n)
	}
	if to := server.conn.to.Load(); to == nil || *to != at {
		t.Errorf("the publisher is thought to be at %v", to)
	}
	if len(server.states) > 0 {
		t.Errorf("its connection is %v", <-server.states)
	}
}

// Of DTLS only a packet from a proved address reaches the library.
func TestDTLSOnlyFromProvedAddresses(t *testing.T) {
	h := newHosts(t, 2)
	a, b := newEnd(t), newEnd(t)
	if err := a.conn.Start(b.remote(), Role{Controlling: true, OpenChannel: true}); err != nil {
		t.Fatal(err)
	}
	// One host does nothing, the other does all that needs no answer.
	forge(a.on, firstCheck(a.remote(), b.remote()), h.at(1))
	for i := range h.conns {
		for range 10 {
			forge(a.on, clientHello, h.at(i))
		}
	}
	if n := len(a.conn.client.secure); n > 0 {
		t.Errorf("%d packets are taken", n)
	}
	for i, want := range []int{0, 2} { // the check, and the answer
		if got := h.got(i); len(got) != want {
			t.Errorf("host %d is sent %d packets, want %d", i, len(got), want)
		}
	}
}
