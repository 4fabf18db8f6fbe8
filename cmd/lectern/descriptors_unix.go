//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// unknownInUse is assumed where the descriptors in use cannot be counted.
const unknownInUse = 64

// descriptors is how many the process may have, 0 if it is not known, and how
// many are in use.
func descriptors() (limit, inUse uint64) {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0, 0
	}
	inUse = unknownInUse
	if open, err := os.ReadDir("/dev/fd"); err == nil {
		inUse = uint64(len(open))
	}
	return uint64(r.Cur), inUse // Cur is signed on some systems
}
