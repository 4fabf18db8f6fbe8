package transport

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/transport/v5/vnet"
	"github.com/pion/webrtc/v4"
)

// network is a simulated one: 10.0.0.1 is the server, 10.0.0.2 and on are
// clients.
type network struct {
	t      *testing.T
	router *vnet.Router
	hosts  int
}

// newNetwork loses a part of all packets, and delays the others by a time
// between two.
func newNetwork(t *testing.T, loss float64, delay, jitter time.Duration) *network {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR: "10.0.0.0/24", MinDelay: delay, MaxJitter: jitter, QueueSize: 4096, LoggerFactory: quiet{},
	})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2))
	router.AddChunkFilter(func(vnet.Chunk) bool {
		mu.Lock()
		defer mu.Unlock()
		return random.Float64() >= loss
	})
	t.Cleanup(func() { _ = router.Stop() })
	return &network{t: t, router: router}
}

func (n *network) host() *vnet.Net {
	n.t.Helper()
	n.hosts++
	host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{fmt.Sprintf("10.0.0.%d", n.hosts)}})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.router.AddNet(host); err != nil {
		n.t.Fatal(err)
	}
	return host
}

// server is an endpoint in the network.
func (n *network) server() *Endpoint {
	n.t.Helper()
	conn, err := n.host().ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 3478})
	if err != nil {
		n.t.Fatal(err)
	}
	on, err := Listen(Config{Conn: conn})
	if err != nil {
		n.t.Fatal(err)
	}
	return on
}

// peer is a client on a host.
func (n *network) peer(host *vnet.Net) *peer {
	n.t.Helper()
	return peerWith(n.t, func(s *webrtc.SettingEngine) {
		s.SetNet(host)
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	})
}

// Over a bad network connections are made in reasonable time, messages arrive
// complete and in order, and media as far as it is not lost.
func TestLossAndDelay(t *testing.T) {
	n := newNetwork(t, 0.05, 20*time.Millisecond, 5*time.Millisecond)
	on := n.server()
	const clients = 2
	var hosts []*vnet.Net
	for range clients {
		hosts = append(hosts, n.host())
	}
	if err := n.router.Start(); err != nil {
		t.Fatal(err)
	}
	if on.Addresses()[0].String() != "10.0.0.1" {
		t.Fatalf("%v is advertised", on.Addresses())
	}
	var times []time.Duration
	for _, host := range hosts {
		e, p := endOn(t, on), n.peer(host)
		begun := time.Now()
		meet(t, e, p, shape{})
		e.want(Connected)
		times = append(times, time.Since(begun))
		checkMedia(t, e, p)
		c, theirs := get(t, e.open), get(t, p.channel)
		large := string(bytes.Repeat([]byte("x"), 20_000))
		for i := range 3 {
			if err := c.Send(fmt.Appendf(nil, "%d%s", i, large)); err != nil {
				t.Fatal(err)
			}
			if err := theirs.SendText(fmt.Sprintf("%d%s", i, large)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 3 {
			want := fmt.Sprintf("%d%s", i, large)
			if got := get(t, p.message); string(got.Data) != want {
				t.Errorf("message %d arrives as one of %d bytes", i, len(got.Data))
			}
			if got := get(t, e.message); got != want {
				t.Errorf("the client's message %d arrives as one of %d bytes", i, len(got))
			}
		}
	}
	slices.Sort(times)
	t.Logf("round trip 40 to 50 ms, 5 %% lost: connected after %v", times)
	if times[clients/2] > 3*time.Second {
		t.Error("that is too long")
	}
}
