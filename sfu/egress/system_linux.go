package egress

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// system is what the kernel is asked for. Tests have one that refuses.
//
// The calls never wait. Those for several messages say how many were dealt
// with, and only if it is none why.
//
// They are raw: the scheduler of Go is not told, as it would be of a call that may
// block. To be told wakes its monitor (sysmon), which then looks around every 20 µs
// until all is idle again: a sixth of the CPU time of 100 viewers. The price is that
// the goroutine keeps its core for as long as a call takes, as it does while it
// encrypts: 64 KiB are sent in some 0.2 ms.
type system interface {
	sendmmsg(fd uintptr, list []unix.Mmsghdr) (int, unix.Errno)
	sendmsg(fd uintptr, m *unix.Msghdr) unix.Errno
	recvmmsg(fd uintptr, list []unix.Mmsghdr) (int, unix.Errno)
	recvmsg(fd uintptr, m *unix.Msghdr) (int, unix.Errno)
	segment(fd uintptr) error // nil: UDP_SEGMENT is known
}

type kernel struct{}

func (kernel) sendmmsg(fd uintptr, list []unix.Mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(list))), uintptr(len(list)), unix.MSG_DONTWAIT, 0, 0)
	return count(n, errno)
}

func (kernel) sendmsg(fd uintptr, m *unix.Msghdr) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(m)), unix.MSG_DONTWAIT)
	return errno
}

func (kernel) recvmmsg(fd uintptr, list []unix.Mmsghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(list))), uintptr(len(list)), unix.MSG_DONTWAIT, 0, 0)
	return count(n, errno)
}

func (kernel) recvmsg(fd uintptr, m *unix.Msghdr) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(m)), unix.MSG_DONTWAIT)
	return count(n, errno)
}

// A kernel from before 4.18 ignores the control message and would send a run
// as one datagram, so it has to be asked.
func (kernel) segment(fd uintptr) error {
	_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	return err
}

func count(n uintptr, errno unix.Errno) (int, unix.Errno) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
