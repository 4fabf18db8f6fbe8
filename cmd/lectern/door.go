package main

import (
	"fmt"

	"lectern/signaling/door"
)

// The most connections. Where the process may have fewer descriptors, that
// decides (see connectionLimit).
const (
	// maxConnections is more than both transports take together.
	maxConnections = 50_000
	// maxPerAddress is high, because a school of a thousand is one address
	// behind NAT, and a browser opens six connections beside its socket to
	// load the page. The door ends idle ones first.
	maxPerAddress = 8_000
	// spareDescriptors are for what the server opens while it runs.
	spareDescriptors = 32
)

// connectionLimit is how many connections there may be, in all and of one
// address, when the process may have so many descriptors, some of which are in
// use. Other addresses always find place, even if one address holds its share
// with members. limit 0 means that there is no limit.
func connectionLimit(limit, inUse uint64) (all, perAddress int) {
	all = maxConnections
	if limit > 0 && limit < maxConnections {
		all = max(8, int(limit)-int(min(limit, inUse))-spareDescriptors)
	}
	return all, min(maxPerAddress, all*3/4)
}

// openDoor decides how many connections there may be. The server has opened
// its sockets for media by then.
func (s *server) openDoor() error {
	proxies, err := door.ParseProxies(s.cfg.TrustedProxies)
	if err != nil {
		return fmt.Errorf("trusted-proxies: %w", err)
	}
	all, perAddress := connectionLimit(descriptors())
	s.door = door.New(door.Options{Max: all, PerAddress: perAddress, Proxies: proxies, Logger: s.log})
	return nil
}

// tellDoor says that the operator may want more descriptors.
func (s *server) tellDoor() {
	if all, perAddress := s.door.Limits(); all < maxConnections {
		s.log.Info("the process may open few files, which bounds the connections", "connections", all, "per-address", perAddress)
	}
}
