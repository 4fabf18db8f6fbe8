package sfu

import (
	"encoding/binary"
	"net"
	"slices"
	"sync/atomic"

	"lectern/sfu/description"
	"lectern/sfu/packet"
)

// declared are the SSRCs that a client was told of.
type declared struct{ atomic.Pointer[[]uint32] }

// note takes a description that the client has applied.
func (d *declared) note(sections []description.Section) {
	var list []uint32
	if old := d.Load(); old != nil {
		list = slices.Clone(*old)
	}
	for _, s := range sections {
		for _, source := range s.Sources {
			list = append(list, source.SSRC, source.RTX)
		}
	}
	d.Store(&list)
}

// undeclared is a client's socket that loses media of SSRCs which the client was
// not told of yet, as it may come before the answer that tells. Pion would look at
// such a packet on one goroutine while another one already reads that stream.
type undeclared struct {
	net.PacketConn
	known *declared
}

func (u undeclared) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := u.PacketConn.ReadFrom(b)
		if err != nil || n < packet.HeaderSize || b[0]>>6 != 2 || packet.IsRTCP(b[:n]) {
			return n, from, err
		}
		if list := u.known.Load(); list != nil && slices.Contains(*list, binary.BigEndian.Uint32(b[8:])) {
			return n, from, nil
		}
	}
}
