package downlink

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sweepTime = time.Millisecond // between two looks at the sockets
	maxEvents = 256              // of one look
)

// poller reads the sockets of many peers on one goroutine, which ends with the
// last of them.
type poller struct {
	mu sync.Mutex // held while sockets are read
	// Guarded by mu.
	epoll int
	peers map[int32]*Peer // by socket
	ended chan struct{}   // closed when the goroutine has ended; nil: none runs
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
		l.peers, l.stop, l.ended = map[int32]*Peer{}, make(chan struct{}), make(chan struct{})
		go l.run(l.epoll, l.stop, l.ended)
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
	var ended chan struct{}
	if len(l.peers) == 0 && l.stop != nil {
		close(l.stop)
		l.stop, ended = nil, l.ended
	}
	l.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// run is the goroutine.
func (l *poller) run(epoll int, stop, ended chan struct{}) {
	defer close(ended)
	defer func() { _ = unix.Close(epoll) }()
	b := newBatch()
	var events [maxEvents]unix.EpollEvent
	ticker := time.NewTicker(sweepTime)
	defer ticker.Stop()
	for {
		n, err := unix.EpollWait(epoll, events[:], 0)
		if err == nil { // else EINTR
			l.read(events[:n], b)
		}
		if n < maxEvents {
			<-ticker.C
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// read reads the sockets that have something.
func (l *poller) read(events []unix.EpollEvent, b *batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		p := l.peers[e.Fd]
		if p == nil {
			continue // it was removed since
		}
		for got := batchSize; got == batchSize; {
			var errno syscall.Errno
			if got, errno = b.receive(uintptr(p.socket.fd)); errno != 0 {
				break // nothing is there, or the other side's port is closed and may open
			}
			late := b.describe(got)
			p.take(b.list[:got], late)
		}
	}
}
