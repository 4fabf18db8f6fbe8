package ice

import (
	"net/netip"
	"sync"
	"time"

	"lectern/signaling/reach"
)

// Limits of a Budget. A check counts until it is answered, or forgiven.
type Limits struct {
	Each        int           // checks to one owner (package reach)
	EachForgive time.Duration // one of them is forgiven after each such time
	All         int           // checks in all
	AllForgive  time.Duration
	// Own is how many checks that were not answered, ever, need nothing of the
	// budget above: so that a client that spends it all keeps no other from its
	// first path.
	Own int
}

// Budget bounds checks that were sent to addresses which are not proved. Proved
// addresses cost nothing: what was spent on them is given back. Its methods may be
// called concurrently.
type Budget struct {
	limits Limits
	above  *Budget // nil, or one that everything counts against too

	mu sync.Mutex
	// Guarded by mu.
	all  debt
	owed int                   // checks that were not answered, ever
	each map[netip.Prefix]debt // those that are not 0
}

// NewBudget makes a budget. What is spent counts against the one above as well.
func NewBudget(limits Limits, above *Budget) *Budget {
	return &Budget{limits: limits, above: above, each: map[netip.Prefix]debt{}}
}

// debt is a number of checks that becomes less with time.
type debt struct {
	checks int
	since  time.Duration // forgiven until then
}

func (d debt) at(now, forgive time.Duration) debt {
	if d.checks == 0 {
		return debt{since: now}
	}
	times := max((now-d.since)/forgive, 0)
	return debt{checks: max(d.checks-int(times), 0), since: d.since + times*forgive}
}

// spend reports whether a check may be sent.
func (b *Budget) spend(to netip.Addr, now time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := reach.Owner(to)
	all, each := b.all.at(now, b.limits.AllForgive), b.each[at].at(now, b.limits.EachForgive)
	if all.checks >= b.limits.All || each.checks >= b.limits.Each {
		return false
	}
	if b.above != nil && !b.above.spend(to, now) && b.owed >= b.limits.Own {
		return false
	}
	b.owed++
	all.checks++
	each.checks++
	b.all, b.each[at] = all, each
	b.tidy(now)
	return true
}

// earn gives back what was spent on an address that is proved now.
func (b *Budget) earn(to netip.Addr, checks int) {
	b.mu.Lock()
	at := reach.Owner(to)
	b.owed = max(b.owed-checks, 0)
	b.all.checks = max(b.all.checks-checks, 0)
	if each, ok := b.each[at]; ok && each.checks > checks {
		each.checks -= checks
		b.each[at] = each
	} else {
		delete(b.each, at)
	}
	b.mu.Unlock()
	if b.above != nil {
		b.above.earn(to, checks)
	}
}

// tidy forgets the hosts that are forgiven, when there may be many; mu is held.
func (b *Budget) tidy(now time.Duration) {
	if len(b.each) <= 2*b.limits.All {
		return
	}
	for at, d := range b.each {
		if d.at(now, b.limits.EachForgive).checks == 0 {
			delete(b.each, at)
		}
	}
}
