package transport

import (
	"errors"

	"lectern/sfu/ice"
	"lectern/signaling/fault"
)

// pathChanged applies what an agent tells, and has all else follow from it.
func (t *Transport) pathChanged(apply func()) {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.apply(apply)
	t.tell()
}

func (t *Transport) apply(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	if !t.ending {
		t.settle()
	}
}

// settle chooses the path; mu is held.
func (t *Transport) settle() {
	if n := t.next; n != nil {
		switch {
		case n.up():
			t.current.end()
			t.current, t.next = n, nil
		case n.state == ice.Failed:
			n.end()
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
	case s == ice.Failed:
		if t.next != nil && t.next.started {
			return Disconnected // which ends with the new path
		}
		return Failed
	case s == ice.Disconnected:
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

// Fault ends the connection after a panic that its client's packets or messages
// threw, which the caller has recovered: it is logged with its stack, counted, and
// the connection fails. It waits for nothing.
func (t *Transport) Fault(doing string, panicked any) {
	fault.Report(t.endpoint.log, doing, panicked)
	go t.fail(errFault)
}

// fail reports the end of a connection that is not being closed.
func (t *Transport) fail(err error) {
	defer fault.Contain(t.endpoint.log, "telling that a connection failed", nil)
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
