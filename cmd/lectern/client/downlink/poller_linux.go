package downlink

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sweepTime is the time between two looks at the sockets. What it saves are
	// wake-ups, which cost more than reading; when a packet came the kernel says.
	sweepTime = time.Millisecond
	maxEvents = 256 // of one look
)

// poller reads the sockets of many peers on one goroutine, which ends with the
// last of them.
type poller struct {
	mu sync.Mutex // held while sockets are read
	// Guarded by mu.
	epoll int
	peers map[int32]*Peer // by socket
	swept chan struct{}   // closed when the goroutine has ended; nil: none runs
	stop  chan struct{}
}

// add has the packets of a peer's socket taken.
func (l *poller) add(p *Peer) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop == nil {
		if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
			return fmt.Errorf("downlink: epoll: %w", err)
		}
		l.peers, l.stop, l.swept = map[int32]*Peer{}, make(chan struct{}), make(chan struct{})
		go l.sweep(l.stop, l.swept)
	}
	fd := int32(p.socket.fd) //nolint:gosec // a file descriptor
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, p.socket.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: fd}); err != nil {
		return fmt.Errorf("downlink: epoll: %w", err)
	}
	l.peers[fd] = p
	return nil
}

// remove closes a peer's socket; when it returns nothing more is taken.
func (l *poller) remove(p *Peer) {
	l.mu.Lock()
	delete(l.peers, int32(p.socket.fd)) //nolint:gosec // a file descriptor
	p.socket.close()                    // which takes it from epoll
	var swept chan struct{}
	if len(l.peers) == 0 && l.stop != nil {
		close(l.stop)
		l.stop, swept = nil, l.swept
	}
	l.mu.Unlock()
	if swept != nil {
		<-swept
	}
}

// sweep is the goroutine.
func (l *poller) sweep(stop, swept chan struct{}) {
	defer close(swept)
	l.mu.Lock()
	epoll := l.epoll
	l.mu.Unlock()
	defer func() { _ = unix.Close(epoll) }()
	b := newBatch()
	var events [maxEvents]unix.EpollEvent
	ticker := time.NewTicker(sweepTime)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
		for l.look(epoll, b, events[:]) == maxEvents {
		}
	}
}

// look reads the sockets that have something, and gives their number.
func (l *poller) look(epoll int, b *batch, events []unix.EpollEvent) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := unix.EpollWait(epoll, events, 0)
	if err != nil {
		return 0 // EINTR
	}
	for _, e := range events[:n] {
		p := l.peers[e.Fd]
		if p == nil {
			continue
		}
		for {
			got, errno := b.receive(uintptr(p.socket.fd))
			if errno != 0 {
				break // nothing is there, or the other side's port is closed and may open
			}
			late := b.describe(got)
			p.take(b.list[:got], late)
			if got < batchSize {
				break
			}
		}
	}
	return n
}
