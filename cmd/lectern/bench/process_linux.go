package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU times in /proc, USER_HZ (proc_pid_stat(5)).
const tick = time.Second / 100

// takeUsage looks at a process.
func takeUsage(pid int) (u usage, err error) {
	if u, err = glance(pid); err != nil {
		return u, err
	}
	u.dropped = dropsOf(fmt.Sprintf("/proc/%d", pid))
	u.busy, u.all, u.processors = machineTime()
	return u, nil
}

// glance looks at what costs little to look at: CPU time and memory.
func glance(pid int) (u usage, err error) {
	folder := fmt.Sprintf("/proc/%d", pid)
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return u, err
	}
	u.at = time.Now()
	// The second field is a name in brackets, which may have anything in it.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	const state, utime, stime = 0, 14 - 3, 15 - 3
	if len(fields) <= stime || fields[state] == "Z" {
		return u, fmt.Errorf("process %d has ended", pid)
	}
	u.cpu = time.Duration(number(fields[utime])+number(fields[stime])) * tick
	u.memory = memoryOf(folder)
	return u, nil
}

// memoryOf is the memory of a process that is resident, without mapped files: how
// much of these is resident, the program's own for one, says nothing of a load.
func memoryOf(folder string) (bytes int64) {
	status, err := os.ReadFile(folder + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name == "RssAnon" || name == "RssShmem" {
			kib, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			bytes += number(kib) << 10
		}
	}
	return bytes
}

// maxFiles is how many files this process may have open; 0: not known. Go has
// raised it to what the system allows.
func maxFiles() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return l.Cur
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // what is none is 0
	return n
}

// machineTime is the first line of /proc/stat: user, nice, system, idle, iowait
// and so on. Guests are in user already. A line for each processor follows; a
// process may be allowed fewer.
func machineTime() (busy, all int64, cores int) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, 0
	}
	line, rest, _ := strings.Cut(string(b), "\n")
	const idle, iowait, guest = 3, 4, 8
	for i, f := range strings.Fields(line)[1:] {
		if i >= guest {
			break
		}
		all += number(f)
		if i != idle && i != iowait {
			busy += number(f)
		}
	}
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "cpu") {
			cores++
		}
	}
	return busy, all, cores
}

// dropsOf adds up what the UDP sockets of a process dropped, as the kernel
// lists it with the sockets.
func dropsOf(folder string) (n int64) {
	own := socketsOf(folder)
	for _, table := range []string{"/net/udp", "/net/udp6"} {
		eachSocket(folder+table, func(fields []string) {
			const inode, drops = 9, 12
			if len(fields) > drops && own[fields[inode]] {
				n += number(fields[drops])
			}
		})
	}
	return n
}

// socketsOf are the inodes of a process's sockets.
func socketsOf(folder string) map[string]bool {
	list, err := os.ReadDir(folder + "/fd")
	if err != nil {
		return nil
	}
	own := map[string]bool{}
	for _, f := range list {
		link, err := os.Readlink(folder + "/fd/" + f.Name())
		if inode, ok := strings.CutPrefix(link, "socket:["); err == nil && ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return own
}

// eachSocket reads a table of the kernel's sockets.
func eachSocket(file string, f func(fields []string)) {
	r, err := os.Open(file)
	if err != nil {
		return
	}
	defer func() { _ = r.Close() }()
	lines := bufio.NewScanner(r)
	lines.Scan() // the head
	for lines.Scan() {
		f(strings.Fields(lines.Text()))
	}
}

// listenerOf is the process that listens on a TCP port, 0 if none is seen.
func listenerOf(port int) int {
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		eachSocket(table, func(fields []string) {
			const local, state, inode, listen = 1, 3, 9, "0A"
			if len(fields) > inode && fields[state] == listen && strings.HasSuffix(fields[local], fmt.Sprintf(":%04X", port)) {
				inodes[fields[inode]] = true
			}
		})
	}
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, folder := range folders {
		for inode := range socketsOf(folder) {
			if inodes[inode] {
				return int(number(filepath.Base(folder)))
			}
		}
	}
	return 0
}
