package egress

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// A connection that is no socket of the system's gives and takes the same.
func TestPlain(t *testing.T) {
	open := func() *Socket {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := WrapPlain(conn)
		t.Cleanup(func() { s.Close() })
		return s
	}
	out, in := open(), open()
	to, b := in.LocalAddr(), out.NewBatch()
	var want [][]byte
	for i := range 20 {
		d := bytes.Repeat([]byte{byte(i)}, 500+i%3)
		copy(b.Reserve(to, 600), d)
		b.Commit(len(d))
		want = append(want, d)
	}
	b.Flush()
	last := []byte("the last one")
	if n, err := out.Send(last, to); n != len(last) || err != nil {
		t.Fatal(n, err)
	}
	list := []Datagram{{Buffer: make([]byte, 1500)}, {}}
	if err := in.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for i, d := range append(want, last) {
		n, err := in.Receive(list)
		if n != 1 || err != nil || !bytes.Equal(list[0].Data, d) || list[0].From != out.LocalAddr() {
			t.Fatalf("%d: %d, %v, %d bytes from %v", i, n, err, len(list[0].Data), list[0].From)
		}
	}
	if st := out.Stats(); st != (Stats{Sent: 21, SendCalls: 21}) {
		t.Errorf("%+v", st)
	}
	if st := in.Stats(); st.Received != 21 || st.GSO || st.Multi {
		t.Errorf("%+v", st)
	}
	if err := in.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if n, err := in.Receive(list); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(n, err)
	}
	if _, err := out.Send(last, netip.AddrPort{}); err == nil || out.Stats().Dropped != 1 {
		t.Error(err, out.Stats())
	}
}
