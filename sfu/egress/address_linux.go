package egress

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// put writes an address as a socket of this family wants it, and gives its
// length; 0 if the socket cannot send there.
func (s *Socket) put(name *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	addr := to.Addr()
	switch {
	case !addr.IsValid():
		return 0
	case s.family == unix.AF_INET6:
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: addr.As16()}
		if zone := addr.Zone(); zone != "" {
			if name.Scope_id = s.zones.id(zone); name.Scope_id == 0 {
				return 0
			}
		}
		putPort(&name.Port, to.Port())
		return unix.SizeofSockaddrInet6
	case addr.Unmap().Is4():
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.As4()}
		putPort(&v4.Port, to.Port())
		return unix.SizeofSockaddrInet4
	}
	return 0
}

// get is the address the kernel wrote.
func (s *Socket) get(name *unix.RawSockaddrInet6) netip.AddrPort {
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), getPort(&v4.Port))
	}
	addr := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 && addr.Is6() {
		addr = addr.WithZone(s.zones.name(name.Scope_id))
	}
	return netip.AddrPortFrom(addr, getPort(&name.Port))
}

// Ports are in network byte order.
func putPort(to *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(to))[:], port)
}

func getPort(from *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(from))[:])
}

const (
	maxZones = 64
	zonesAge = time.Minute // as of package net: interfaces come and go
)

// zones are the interfaces' names and numbers as far as they were asked for
// (RFC 4007 section 11): only link-local addresses have them.
type zones struct {
	mu sync.Mutex
	// Guarded by mu.
	ids   map[string]uint32 // 0: there is none
	names map[uint32]string
	born  time.Time
}

// fresh forgets what is old or too much; mu is held.
func (z *zones) fresh() {
	if z.ids == nil || len(z.ids) >= maxZones || len(z.names) >= maxZones || time.Since(z.born) > zonesAge {
		z.ids, z.names, z.born = make(map[string]uint32), make(map[uint32]string), time.Now()
	}
}

func (z *zones) id(name string) uint32 {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.fresh()
	id, known := z.ids[name]
	if known {
		return id
	}
	if i, err := net.InterfaceByName(name); err == nil {
		id = uint32(i.Index)
	} else if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		id = uint32(n)
	}
	z.ids[name] = id
	return id
}

func (z *zones) name(id uint32) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.fresh()
	name, known := z.names[id]
	if known {
		return name
	}
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		name = i.Name
	} else {
		name = strconv.FormatUint(uint64(id), 10)
	}
	z.names[id] = name
	return name
}
