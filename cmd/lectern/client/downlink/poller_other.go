//go:build !linux

package downlink

import "sync"

// poller reads each socket on a goroutine of its own.
type poller struct {
	readers sync.Map // of *Peer: *sync.WaitGroup
}

// add has the packets of a peer's socket taken.
func (l *poller) add(p *Peer) error {
	reader := new(sync.WaitGroup)
	l.readers.Store(p, reader)
	reader.Go(func() { p.socket.read(p.take) }) // until it is closed
	return nil
}

// remove closes a peer's socket; when it returns nothing more is taken.
func (l *poller) remove(p *Peer) {
	p.socket.close()
	if reader, ok := l.readers.LoadAndDelete(p); ok {
		reader.(*sync.WaitGroup).Wait()
	}
}
