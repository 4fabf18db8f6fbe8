package door

import (
	"net/netip"
	"sync"
	"time"
)

// maxLimited bounds the addresses that a Limit remembers. What is over it
// shares one allowance.
const maxLimited = 10_000

// forgetPause is the least time between two looks through all of them, so that
// requests from ever new addresses cost the same as others.
const forgetPause = time.Second

// Limit is how often clients of one address may do something. Its methods may
// be called concurrently.
type Limit struct {
	rate, burst float64

	mu sync.Mutex
	// Guarded by mu: what each address has used, which time gives back.
	used   map[netip.Addr]allowance
	looked time.Time // when forget last went through them
}

type allowance struct {
	used float64
	at   time.Time
}

// NewLimit allows burst times at once and rate times a second.
func NewLimit(rate, burst float64) *Limit {
	return &Limit{rate: rate, burst: burst, used: map[netip.Addr]allowance{}}
}

// Take counts one time for an http.Request's RemoteAddr. It reports false, and
// counts nothing, if that is too often.
func (l *Limit) Take(remote string) bool { return l.use(remote, 1) }

// Left reports whether Take would be true.
func (l *Limit) Left(remote string) bool { return l.use(remote, 0) }

func (l *Limit) use(remote string, n float64) bool {
	now := time.Now()
	var addr netip.Addr
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		addr = group(ap.Addr())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a, known := l.used[addr]
	if !known && n > 0 && len(l.used) >= maxLimited && !l.forget(now) {
		addr = netip.Addr{}
		a = l.used[addr]
	}
	if a = l.refresh(a, now); a.used+1 > l.burst {
		return false
	}
	if a.used += n; n > 0 {
		l.used[addr] = a
	}
	return true
}

func (l *Limit) refresh(a allowance, now time.Time) allowance {
	return allowance{max(0, a.used-now.Sub(a.at).Seconds()*l.rate), now}
}

// forget drops the addresses that have used nothing of late, and reports
// whether there is place now; mu is held.
func (l *Limit) forget(now time.Time) bool {
	if now.Sub(l.looked) < forgetPause {
		return false
	}
	l.looked = now
	for addr, a := range l.used {
		if l.refresh(a, now).used == 0 {
			delete(l.used, addr)
		}
	}
	return len(l.used) < maxLimited
}
