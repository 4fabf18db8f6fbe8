package egress

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inside runs the rest of a test in a process of its own, with its own network
// and as its root. It reports whether this is that process.
func inside(t *testing.T) bool {
	const variable = "EGRESS_TEST_INSIDE"
	if os.Getenv(variable) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), variable+"=1")
	id := func(at int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: at, Size: 1}} }
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: id(os.Getuid()), GidMappings: id(os.Getgid()),
	}
	out, err := cmd.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skip("no network namespaces here:", err)
	}
	t.Logf("%s", out)
	switch {
	case strings.Contains(string(out), "--- SKIP"):
		t.Skip("inside")
	case err != nil:
		t.Error(err)
	}
	return false
}

// loopbackUp brings the new network's only interface up.
func loopbackUp(t *testing.T, mtu uint32) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint32(mtu)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFMTU, lo); err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
}

// forbid has this process's system calls of some kinds refused from now on.
func forbid(t *testing.T, why unix.Errno, calls ...uint32) {
	t.Helper()
	const load, equal, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{{Code: load, K: 0}} // the number of the call
	for i, call := range calls {
		filter = append(filter, unix.SockFilter{Code: equal, Jt: uint8(len(calls) - i), K: call})
	}
	filter = append(filter,
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ERRNO | uint32(why)})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Skip("prctl:", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		t.Skip("seccomp:", errno)
	}
}

// The kernel itself refuses runs of datagrams over the path's MTU, and sends
// single ones in fragments.
func TestSmallPath(t *testing.T) {
	if !inside(t) {
		return
	}
	loopbackUp(t, 1280)
	out, in := Wrap(listen(t, "[::]:0"), Options{}), Wrap(listen(t, "127.0.0.1:0"), Options{})
	to := in.LocalAddr()
	s := sendingOn(t, out)
	s.put(to, 1000)
	s.put(to, 1000)
	s.b.Flush()
	if st := out.Stats(); st.Runs != 1 || st.Refused != 0 {
		t.Errorf("small ones: %+v", st)
	}
	for range 20 {
		for range 5 {
			s.put(to, 1350)
		}
		s.put(to, 400)
		s.b.Flush()
	}
	if st := out.Stats(); st.Runs != 1 || st.Refused != 1 || st.Sent != 122 || st.Dropped != 0 {
		t.Errorf("large ones: %+v", st)
	}
	got, _ := gather(t, in, 122)
	same(t, to, got, s.sent[to])
}

// A sandbox refuses sendmmsg and recvmmsg.
func TestSandbox(t *testing.T) {
	if !inside(t) {
		return
	}
	loopbackUp(t, 65536)
	forbid(t, unix.EPERM, unix.SYS_SENDMMSG, unix.SYS_RECVMMSG)
	out, in := Wrap(listen(t, "[::]:0"), Options{}), Wrap(listen(t, "0.0.0.0:0"), Options{})
	s := sendingOn(t, out)
	var want [][]byte
	for range 5 {
		for i := range 10 {
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)}), in.LocalAddr().Port())
			s.put(to, 1000)
			s.put(to, 1000)
			s.put(to, 100)
			want = append(want, s.sent[to][len(s.sent[to])-3:]...)
		}
		s.b.Flush()
	}
	got, _ := gather(t, in, len(want))
	same(t, in.LocalAddr(), got, want)
	if st := out.Stats(); st.Multi || !st.GSO || st.Runs != 50 || st.Dropped != 0 || st.SendCalls > 52+manyRefusals {
		t.Errorf("%+v", st)
	}
	if !in.receiveMulti.off.Load() {
		t.Error("receiving has learnt nothing")
	}
}

// A link slower than what is sent: the send buffer really is full.
func TestSlowLink(t *testing.T) {
	if !inside(t) {
		return
	}
	loopbackUp(t, 1500)
	shape := exec.Command("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "100mbit", "burst", "16k", "latency", "1s")
	if out, err := shape.CombinedOutput(); err != nil {
		t.Skipf("tc: %v %s", err, out)
	}
	for _, o := range []Options{{}, {NoGSO: true}, {NoGSO: true, NoMulti: true}} {
		conn := listen(t, "127.0.0.1:0")
		if err := conn.SetWriteBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		out, in := Wrap(conn, o), Wrap(listen(t, "0.0.0.0:0"), o)
		s := sendingOn(t, out)
		for i := range 100 { // 0.4 ms of the link each
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)}), in.LocalAddr().Port())
			for range 5 {
				s.put(to, 1000)
			}
		}
		s.b.Flush()
		st := out.Stats()
		t.Logf("%+v: %+v", o, st)
		if st.Congested == 0 || st.Sent+st.Dropped != 500 || st.Sent < 20 || st.Refused != 0 {
			t.Errorf("%+v: %+v", o, st)
		}
		got, _ := gather(t, in, int(st.Sent))
		sent := make(map[string]bool)
		for _, list := range s.sent {
			for _, d := range list {
				sent[string(d)] = true
			}
		}
		last := ""
		for _, d := range got {
			if !sent[string(d)] || string(d) <= last { // they are numbered
				t.Fatalf("%.8x after %.8x", d, last)
			}
			last = string(d)
		}
	}
}
