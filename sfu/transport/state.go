package transport

import (
	"errors"

	"github.com/pion/ice/v4"
)

// pathChanged applies what an agent tells, and has all else follow from it.
func (t *Transport) pathChanged(apply func()) {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.mu.Lock()
	apply()
	if !t.ending {
		t.settle()
	}
	t.mu.Unlock()
	t.tell()
}

// settle chooses the path; mu is held.
func (t *Transport) settle() {
	if n := t.next; n != nil {
		switch {
		case n.up():
			t.retire(t.current)
			t.current, t.next = n, nil
		case n.state == ice.ConnectionStateFailed:
			t.retire(n)
			t.next = nil
		}
	}
	to := t.current.to
	switch was := t.to.Load(); {
	case !to.IsValid():
		t.to.Store(nil)
	case was == nil || *was != to:
		t.to.Store(&to)
	}
	if t.current.up() && !t.wasUp {
		t.wasUp = true
		close(t.up)
	}
}

// tell calls StateChanged if there is something to say; telling is held.
func (t *Transport) tell() {
	t.mu.Lock()
	s, ending := t.stateNow(), t.ending
	t.mu.Unlock()
	if ending || s == t.told {
		return
	}
	t.told = s
	t.handler.StateChanged(s)
}

// stateNow follows from everything else; mu is held.
func (t *Transport) stateNow() State {
	switch s := t.current.state; {
	case t.broken:
		return Failed
	case s == ice.ConnectionStateFailed:
		if t.next != nil && t.next.started {
			return Disconnected // which ends with the new path
		}
		return Failed
	case s == ice.ConnectionStateDisconnected:
		return Disconnected
	case t.current.up() && t.secured.Load() != nil:
		return Connected
	}
	return Connecting
}

// settled tells the state after a step of the handshakes.
func (t *Transport) settled() {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.tell()
}

// fail reports the end of a connection that is not being closed.
func (t *Transport) fail(err error) {
	if t.closing.Err() != nil {
		return
	}
	t.endpoint.log.Debug("connection failed", "err", err)
	t.mu.Lock()
	t.broken = true
	if t.why == nil {
		t.why = err
	}
	t.mu.Unlock()
	t.settled()
}

// ErrHungUp says that the client closed the connection.
var ErrHungUp = errors.New("transport: the client closed the connection")

var errNetwork = errors.New("transport: the client cannot be reached")

// Err is why the connection Failed, for a log: ErrHungUp, or what went wrong.
// It is nil in the other states.
func (t *Transport) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.why != nil:
		return t.why
	case t.stateNow() == Failed:
		return errNetwork
	}
	return nil
}
