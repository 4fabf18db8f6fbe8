package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lectern/cmd/lectern/bench"
)

// The network of TestNetem, in each direction.
const (
	netemLoss  = 0.03
	netemDelay = 50 * time.Millisecond

	netemServer = "10.77.1.1"
	netemClient = "10.77.2.1"
)

// TestNetem holds that video flows over a network that loses 3 % of all packets
// and takes 50 ms, both ways: lost ones are sent again, by the publisher and by
// the server. Sound, for which nothing is sent again, loses what the network does,
// and no more. The server and lectern bench have a network namespace each, so it
// needs root; LECTERN_NETEM is the program. make netem runs it.
func TestNetem(t *testing.T) {
	program := os.Getenv("LECTERN_NETEM")
	if program == "" {
		t.Skip("LECTERN_NETEM is not set")
	}
	if os.Getuid() != 0 {
		t.Skip("network namespaces with addresses need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no ip(8):", err)
	}
	n := newNetwork(t)
	n.serve(program)
	t.Run("video", func(t *testing.T) {
		r := n.bench(t, program, "--audio=false")
		if r.Packets.LostPercent > 0.1 {
			t.Errorf("%.2f %% of the video never came", r.Packets.LostPercent)
		}
		if r.LongestGap.Video > 1000 {
			t.Errorf("no picture for %.0f ms", r.LongestGap.Video)
		}
		// The network loses 3 % on each leg; here only the second one is seen.
		if again := float64(r.Repair.Retransmitted) / float64(r.Packets.Expected); again < netemLoss/2 || again > 3*netemLoss {
			t.Errorf("%.1f %% of the packets came again", 100*again)
		}
		if r.Latency.P50 < 2*ms(netemDelay) {
			t.Errorf("half of the packets take less than %.1f ms: that is another network", r.Latency.P50)
		}
	})
	t.Run("video and audio", func(t *testing.T) {
		r := n.bench(t, program)
		// A fourth of the packets are sound.
		if r.Packets.LostPercent > 3 {
			t.Errorf("%.1f %% never came", r.Packets.LostPercent)
		}
		if r.LongestGap.Video > 1000 || r.LongestGap.Audio > 250 {
			t.Errorf("no picture for %.0f ms, no sound for %.0f", r.LongestGap.Video, r.LongestGap.Audio)
		}
	})
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// network is two namespaces with a bad link between them.
type network struct {
	t              *testing.T
	server, client string // namespaces
}

// newNetwork makes the link of veth pairs with tc-netem(8) in a namespace between
// them, as a router, so that it sees single packets and not the server's runs.
// Where the kernel has no netem, the link is a goroutine between two TUN devices.
func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, server: unique("server"), client: unique("client")}
	n.add(n.server)
	n.add(n.client)
	if err := n.router(); err != nil {
		t.Logf("a link of our own, as tc says: %v", err)
		n.tunnel()
	}
	return n
}

// unique is a namespace's name that no other run has.
func unique(what string) string { return fmt.Sprintf("lectern-%s-%d", what, os.Getpid()) }

// ip runs ip(8).
func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// must runs lines of ip(8)'s.
func (n *network) must(lines ...string) {
	n.t.Helper()
	for _, l := range lines {
		if err := ip(strings.Fields(l)...); err != nil {
			n.t.Fatal(err)
		}
	}
}

func (n *network) add(namespace string) {
	n.t.Helper()
	n.must("netns add " + namespace)
	n.t.Cleanup(func() { _ = ip("netns", "del", namespace) })
	n.must("-n " + namespace + " link set lo up")
}

// router makes the link with netem. It leaves nothing if that is refused.
func (n *network) router() error {
	n.t.Helper()
	router := unique("router")
	n.must("netns add " + router)
	for i, end := range []struct{ namespace, address, gateway string }{
		{n.server, netemServer, "10.77.1.2"}, {n.client, netemClient, "10.77.2.2"},
	} {
		port := fmt.Sprintf("port%d", i)
		n.must(
			"-n "+router+" link add "+port+" type veth peer name up0 netns "+end.namespace,
			"-n "+end.namespace+" addr add "+end.address+"/24 dev up0",
			"-n "+end.namespace+" link set up0 gso_max_segs 1 up", // runs are cut here
			"-n "+router+" addr add "+end.gateway+"/24 dev "+port,
			"-n "+router+" link set "+port+" up",
			"-n "+end.namespace+" route add default via "+end.gateway,
		)
		err := ip(strings.Fields(fmt.Sprintf("netns exec %s tc qdisc add dev %s root netem limit 20000 loss %g%% delay %dms",
			router, port, 100*netemLoss, netemDelay.Milliseconds()))...)
		if err != nil {
			n.must("netns del " + router)
			_ = ip("-n", n.server, "link", "del", "up0") // the namespace's end takes a moment
			_ = ip("-n", n.client, "link", "del", "up0")
			return err
		}
	}
	n.t.Cleanup(func() { _ = ip("netns", "del", router) })
	if err := ip("netns", "exec", router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"); err != nil {
		n.t.Fatal(err)
	}
	return nil
}

// tunnel makes the link without netem.
func (n *network) tunnel() {
	n.t.Helper()
	var ends [2]*os.File
	for i, end := range []struct{ namespace, address string }{{n.server, netemServer}, {n.client, netemClient}} {
		name := fmt.Sprintf("lectern%d", i)
		f, err := openTUN(name)
		if err != nil {
			n.t.Skip("neither netem nor TUN:", err)
		}
		ends[i] = f
		n.must(
			"link set "+name+" netns "+end.namespace,
			"-n "+end.namespace+" addr add "+end.address+"/24 dev "+name,
			"-n "+end.namespace+" link set "+name+" txqueuelen 5000 up",
			"-n "+end.namespace+" route add default dev "+name,
		)
	}
	var running sync.WaitGroup
	carry(&running, ends[0], ends[1])
	carry(&running, ends[1], ends[0])
	n.t.Cleanup(func() {
		for _, f := range ends {
			_ = f.Close()
		}
		running.Wait()
	})
}

// openTUN makes a network device whose packets are read and written here.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	r, err := unix.NewIfreq(name)
	if err == nil {
		// The virtio header, which is handed on, has the kernel leave checksums
		// open; without them it takes no runs (EIO).
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// carry loses and delays what goes one way, until from is closed.
func carry(running *sync.WaitGroup, from, to *os.File) {
	type datagram struct {
		data []byte
		due  time.Time
	}
	queue := make(chan datagram, 20_000)
	running.Go(func() {
		defer close(queue)
		for {
			b := make([]byte, 2000)
			n, err := from.Read(b)
			if err != nil {
				return
			}
			if rand.Float64() >= netemLoss {
				queue <- datagram{b[:n], time.Now().Add(netemDelay)}
			}
		}
	})
	running.Go(func() {
		for d := range queue {
			time.Sleep(time.Until(d.due)) // the way is long
			_, _ = to.Write(d.data)
		}
	})
}

// serve starts the server, until the test ends.
func (n *network) serve(program string) {
	n.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", n.server, program, "--listen", netemServer+":3000", "--mode", "sfu",
		"--rtc-port", "3478", "--rtc-ip", netemServer, "--log-level", "warn")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	var reading sync.WaitGroup
	ready := make(chan struct{})
	reading.Go(func() {
		var once sync.Once
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if strings.Contains(lines.Text(), "http") {
				once.Do(func() { close(ready) })
			}
		}
	})
	n.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		reading.Wait()
		if err := cmd.Wait(); err != nil {
			n.t.Errorf("the server: %v", err)
		}
	})
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		n.t.Fatal("the server does not start")
	}
}

// bench has 10 viewers watch one who sends.
func (n *network) bench(t *testing.T, program string, args ...string) *bench.Report {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", append([]string{
		"netns", "exec", n.client, program, "bench", "--url", "http://" + netemServer + ":3000", "--viewers", "10",
		"--jitter-sizes", "--warmup", "2s", "--duration", "6s", "--pid", "none", "--json", file,
	}, args...)...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := new(bench.Report)
	if err := json.Unmarshal(b, r); err != nil {
		t.Fatal(err)
	}
	if !r.OK || r.Packets.Expected == 0 || r.Repair == nil {
		t.Fatalf("bench did not measure: %q", r.Failures)
	}
	return r
}
