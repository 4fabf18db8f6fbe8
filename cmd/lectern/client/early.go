package client

import (
	"encoding/binary"
	"net"
	"sync"

	"lectern/sfu/description"
	"lectern/sfu/packet"
)

// declared are the SSRCs of which the clients of an engine were told, and whose
// connectors are open. Its methods may be called concurrently.
type declared struct{ ssrcs sync.Map }

// note takes in a description that a connector has applied, and gives what it
// declares.
func (d *declared) note(list []uint32, sections []description.Section) []uint32 {
	for _, s := range sections {
		for _, source := range s.Sources {
			for _, ssrc := range []uint32{source.SSRC, source.RTX} {
				if _, known := d.ssrcs.Swap(ssrc, struct{}{}); !known {
					list = append(list, ssrc)
				}
			}
		}
	}
	return list
}

// forget drops what a connector that has ended had noted.
func (d *declared) forget(list []uint32) {
	for _, ssrc := range list {
		d.ssrcs.Delete(ssrc)
	}
}

func (d *declared) has(ssrc uint32) bool {
	_, known := d.ssrcs.Load(ssrc)
	return known
}

// declaredOnly is the socket of a connector. It loses media of SSRCs that were not
// declared yet, as media may come before the answer that declares it. Pion would
// look at such a packet on one goroutine while another one reads that stream.
type declaredOnly struct {
	*net.UDPConn
	known *declared
}

func (c declaredOnly) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFrom(b)
		if err != nil || n < packet.HeaderSize || b[0]>>6 != 2 || packet.IsRTCP(b[:n]) || c.known.has(binary.BigEndian.Uint32(b[8:])) {
			return n, from, err
		}
	}
}
