package transport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// Every way in which a client may come: as answerer and as offerer, beginning
// DTLS or not, opening the channel or not.
func TestInterop(t *testing.T) {
	for _, s := range []shape{
		{},
		{clientOpens: true},
		{setup: "active"},
		{clientOffers: true, setup: "active"},
		{clientOffers: true, setup: "passive", clientOpens: true},
		{clientOffers: true, setup: "active", clientOpens: true},
		{noChannel: true},
	} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			e := listenAt(t, loopback)
			var p *peer
			if s.setup == "active" && !s.clientOffers {
				p = newPeer(t, func(s *webrtc.SettingEngine) {
					if err := s.SetAnsweringDTLSRole(webrtc.DTLSRoleServer); err != nil {
						t.Fatal(err)
					}
				})
			} else {
				p = newPeer(t)
			}
			meet(t, e, p, s)
			e.want(Connected)
			if got := e.conn.Profile(); got != "SRTP_AEAD_AES_128_GCM" {
				t.Errorf("media is protected by %s", got)
			}
			checkMedia(t, e, p)
			if !s.noChannel {
				checkMessages(t, e, p)
			}
			if n := e.on.Dropped(); n > 0 {
				t.Errorf("%d packets were dropped", n)
			}
		})
	}
}

// checkMedia sends packets both ways.
func checkMedia(t *testing.T, e *end, p *peer) {
	t.Helper()
	packet := rtpPacket(0)
	seq := uint16(0)
	until(t, func() bool { // the client may not be ready yet
		seq++
		binary.BigEndian.PutUint16(packet[2:], seq)
		writeRTP(e.conn, packet)
		select {
		case r := <-p.remote:
			got, _, err := r.ReadRTP()
			if err != nil {
				t.Fatal(err)
			}
			if got.SSRC != 0x1234 || !bytes.Equal(got.Payload, packet[12:]) {
				t.Errorf("arrives as %v", got)
			}
			return true
		case <-time.After(10 * time.Millisecond):
			return false
		}
	})
	until(t, func() bool {
		_ = p.track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: clientSequence()}, Payload: []byte("from the client")})
		select {
		case got := <-e.rtp:
			var h rtp.Packet
			if err := h.Unmarshal(got); err != nil || string(h.Payload) != "from the client" {
				t.Errorf("%x arrives: %v", got, err)
			}
			return true
		case <-time.After(10 * time.Millisecond):
			return false
		}
	})
}

// until looks again and again until f reports true.
func until(t *testing.T, f func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for late := time.After(testTime); !f(); {
		select {
		case <-look.C:
		case <-late:
			t.Fatal("it does not happen")
		}
	}
}

// checkMessages sends messages of all sizes both ways.
func checkMessages(t *testing.T, e *end, p *peer) {
	t.Helper()
	ours, theirs := get(t, e.open), get(t, p.channel)
	if theirs.Label() != Label {
		t.Errorf("the channel is called %q", theirs.Label())
	}
	var want []string
	for i := range 4 {
		want = append(want, fmt.Sprint("small ", i), string(bytes.Repeat([]byte{'a' + byte(i)}, 246_000)))
	}
	go func() {
		for _, m := range want {
			if err := ours.Send([]byte(m)); err != nil {
				t.Error(err)
			}
		}
	}()
	go func() {
		for _, m := range want {
			if err := theirs.SendText(m); err != nil {
				t.Error(err)
			}
		}
		if err := theirs.Send([]byte("binary")); err != nil {
			t.Error(err)
		}
	}()
	for i, m := range want {
		if got := get(t, p.message); !got.IsString || string(got.Data) != m {
			t.Errorf("message %d of %d bytes arrives as one of %d, text: %v", i, len(m), len(got.Data), got.IsString)
		}
		if got := get(t, e.message); got != m {
			t.Errorf("the client's message %d of %d bytes arrives as one of %d", i, len(m), len(got))
		}
	}
	if got := get(t, e.message); got != "binary: binary" {
		t.Errorf("a binary message arrives as %q", got)
	}
}

// A client without GCM is taken as well.
func TestOnlyAESCM(t *testing.T) {
	e := listenAt(t, loopback)
	p := newPeer(t, func(s *webrtc.SettingEngine) {
		s.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	})
	meet(t, e, p, shape{})
	e.want(Connected)
	if got := e.conn.Profile(); got != "SRTP_AES128_CM_HMAC_SHA1_80" {
		t.Errorf("media is protected by %s", got)
	}
	checkMedia(t, e, p)
}

func TestIPv6(t *testing.T) {
	e := listenAt(t, Config{Listen: netip.IPv6Loopback()})
	p := peerOver(t, udp(t, net.IPv6loopback))
	meet(t, e, p, shape{})
	e.want(Connected)
	checkMedia(t, e, p)
	checkMessages(t, e, p)
}

// One client has several connections at once, all over the one port.
func TestTwoTransports(t *testing.T) {
	a := listenAt(t, loopback)
	b := endOn(t, a.on)
	p, q := newPeer(t), newPeer(t)
	meet(t, a, p, shape{})
	meet(t, b, q, shape{clientOffers: true, setup: "active", clientOpens: true})
	a.want(Connected)
	b.want(Connected)
	checkMedia(t, a, p)
	checkMedia(t, b, q)
	checkMessages(t, a, p)
	checkMessages(t, b, q)
}

// A client that reads nothing from its channel makes Send wait, costs a bounded
// amount and keeps nobody else waiting.
func TestClientThatDoesNotRead(t *testing.T) {
	a := listenAt(t, loopback)
	b := endOn(t, a.on)
	p, q := newPeer(t), newPeer(t)
	p.hold = make(chan struct{})
	t.Cleanup(func() { close(p.hold) })
	meet(t, a, p, shape{})
	meet(t, b, q, shape{})
	a.want(Connected)
	b.want(Connected)
	c := get(t, a.open)
	result := make(chan error, 1)
	go func() {
		for {
			if err := c.Send(make([]byte, 100_000)); err != nil {
				result <- err
				return
			}
		}
	}()
	waits := 0
	until(t, func() bool { // it waits
		select {
		case err := <-result:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
		queued := c.stream.BufferedAmount()
		if queued > fullAt+MaxMessage {
			t.Fatalf("%d bytes are queued", queued)
		}
		waits++
		if len(c.turn) == 0 || queued <= resumeAt {
			waits = 0
		}
		return waits > 20
	})
	checkMedia(t, a, p)
	checkMedia(t, b, q)
	checkMessages(t, b, q)
	a.conn.Close()
	if err := get(t, result); err == nil {
		t.Error("Send succeeds on a closed connection")
	}
}

// A client that closes its connection is known to be gone at once, and one that
// closes only the channel keeps its media.
func TestHangUp(t *testing.T) {
	for _, s := range []shape{{}, {noChannel: true}} {
		e := listenAt(t, loopback)
		p := newPeer(t)
		meet(t, e, p, s)
		e.want(Connected)
		checkMedia(t, e, p)
		if !s.noChannel {
			get(t, e.open)
			if err := get(t, p.channel).Close(); err != nil {
				t.Fatal(err)
			}
			get(t, e.shut)
			checkFromClient(t, e, p)
		}
		p.close()
		begun := time.Now()
		e.want(Failed)
		if err := e.conn.Err(); err != ErrHungUp {
			t.Errorf("because of %v", err)
		}
		if d := time.Since(begun); d > usualPatience.disconnected {
			t.Errorf("a client that hung up is missed after %v", d)
		}
	}
}
