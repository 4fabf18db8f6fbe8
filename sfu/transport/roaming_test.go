package transport

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// roaming is a client's socket whose network changes: it has two addresses of
// which one works.
type roaming struct {
	conns  []*net.UDPConn
	now    atomic.Int32 // -1: none
	got    chan datagram
	closed chan struct{}
	once   sync.Once
	ended  sync.WaitGroup
}

type datagram struct {
	data []byte
	from net.Addr
}

func newRoaming(t *testing.T) *roaming {
	return roamingOver(t, udp(t, net.IPv4(127, 0, 0, 1)), udp(t, net.IPv4(127, 0, 0, 1)))
}

func roamingOver(t *testing.T, conns ...*net.UDPConn) *roaming {
	r := &roaming{conns: conns, got: make(chan datagram, 1024), closed: make(chan struct{})}
	for i, c := range conns {
		r.ended.Go(func() {
			for {
				b := make([]byte, 2048)
				n, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				if int(r.now.Load()) == i {
					select {
					case r.got <- datagram{b[:n], from}:
					default:
					}
				}
			}
		})
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (r *roaming) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-r.got:
		return copy(b, d.data), d.from, nil
	case <-r.closed:
		return 0, nil, net.ErrClosed
	}
}

func (r *roaming) WriteTo(b []byte, to net.Addr) (int, error) {
	if i := r.now.Load(); i >= 0 {
		return r.conns[i].WriteTo(b, to)
	}
	return len(b), nil
}

func (r *roaming) Close() error {
	r.once.Do(func() {
		close(r.closed)
		for _, c := range r.conns {
			_ = c.Close()
		}
	})
	r.ended.Wait()
	return nil
}

func (r *roaming) LocalAddr() net.Addr              { return r.conns[0].LocalAddr() }
func (r *roaming) SetDeadline(time.Time) error      { return nil }
func (r *roaming) SetReadDeadline(time.Time) error  { return nil }
func (r *roaming) SetWriteDeadline(time.Time) error { return nil }
