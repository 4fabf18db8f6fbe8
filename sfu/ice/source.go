package ice

import (
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// source is an address from which a request with the right password came.
type source struct {
	at        netip.AddrPort
	priority  uint32        // the client's wish
	heard     time.Duration // the last request
	nominated time.Duration // the last one that nominated it
	wanted    bool          // there was one

	proved  bool
	in, out int // bytes

	alive time.Duration // the last answer to a check
	tries int           // checks since then
	due   time.Duration // no check before
	sent  [remembered]check
	next  int // of sent
}

// check is one that was sent.
type check struct {
	id          [stun.TransactionIDSize]byte
	controlling bool
	nominates   bool
	open        bool // not answered
}

// allows reports whether so many bytes may be sent.
func (s *source) allows(size int) bool { return s.proved || s.out+size <= growthLimit*s.in }

// answered finds the check that a message answers, once.
func (s *source) answered(id [stun.TransactionIDSize]byte) *check {
	for i := range s.sent {
		if c := &s.sent[i]; c.open && c.id == id {
			c.open = false
			return c
		}
	}
	return nil
}

// checkIfDue checks an address of which nothing is known, or nothing new.
func (a *Agent) checkIfDue(s *source, now time.Duration) {
	if now >= s.due && (s.proved || s.tries < checkTries) {
		a.check(s, false, now)
	}
}

// check sends a check, unless it is more than the address may get.
func (a *Agent) check(s *source, nominates bool, now time.Duration) {
	c := check{transactionID(a.key), a.role.controlling, nominates && a.role.controlling, true}
	message := a.buildCheck(c.id, c.nominates)
	if message == nil || !s.allows(len(message)) || !s.proved && !a.budget.spend(s.at.Addr(), now) {
		s.due = now + checkAfter
		return
	}
	s.due = now + checkAfter<<min(s.tries, checkTries)
	s.tries++
	s.sent[s.next] = c
	s.next = (s.next + 1) % remembered
	a.send(s, message)
}

// Tick does what is due, and says when to call it again: Never, or a time that
// only Start and Take make sooner.
func (a *Agent) Tick(now time.Duration) (Outcome, time.Duration) {
	if !a.started {
		return Outcome{}, Never
	}
	a.settle(now)
	if a.state == Failed {
		return Outcome{}, Never
	}
	for _, s := range a.sources {
		switch {
		case s == a.selected:
			if now >= s.alive+a.timing.Keepalive && now >= s.due {
				a.check(s, false, now)
				s.due = now + a.timing.Keepalive
			}
		default:
			if now >= a.nextCheck(s) {
				a.check(s, s.proved, now)
			}
		}
	}
	return a.outcome(), a.Due()
}

// Never is when an agent has nothing to do.
const Never = time.Duration(1<<63 - 1)

// nextCheck is when a check of an address that is not in use is sent without a
// request: one that may be, until there is one in use; and when that is silent, one
// that the client uses since. Browsers check it every 2.5 s, and say no more.
func (a *Agent) nextCheck(s *source) time.Duration {
	switch {
	case s.tries >= checkTries || s.tries == 0 && !s.proved:
		return Never
	case !s.proved:
		return s.due
	case !a.role.controlling:
		return Never
	case a.selected == nil:
		return s.due
	case s.heard > a.selected.alive:
		return max(s.due, a.selected.alive+a.silence()+1)
	}
	return Never
}

// Due is when Tick is to be called.
func (a *Agent) Due() time.Duration {
	if !a.started || a.state == Failed {
		return Never
	}
	patience := a.timing.Disconnected + a.timing.Failed
	if a.selected == nil {
		patience += a.begun
	} else {
		patience += a.selected.alive
		if a.state == Connected {
			patience -= a.timing.Failed
		}
	}
	due := patience
	for _, s := range a.sources {
		switch {
		case s == a.selected:
			due = min(due, max(s.alive+a.timing.Keepalive, s.due))
		default:
			due = min(due, a.nextCheck(s))
		}
	}
	return due
}

// isAlive reports whether an address answered since the last keepalive but one.
func (a *Agent) isAlive(s *source, now time.Duration) bool {
	return now-s.alive <= a.silence()
}

func (a *Agent) silence() time.Duration { return a.timing.Keepalive * 5 / 2 }

// isSilent reports whether there is an address in use, and it is not alive.
func (a *Agent) isSilent(now time.Duration) bool {
	return a.selected != nil && !a.isAlive(a.selected, now)
}

// settle has the state follow from the time.
func (a *Agent) settle(now time.Duration) {
	since := a.begun
	if a.selected != nil {
		since = a.selected.alive
	}
	switch silent := now - since; {
	case silent >= a.timing.Disconnected+a.timing.Failed:
		a.state = Failed
	case a.selected == nil:
		a.state = Checking
	case silent >= a.timing.Disconnected:
		a.state = Disconnected
	default:
		a.state = Connected
	}
}
