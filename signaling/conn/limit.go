package conn

import "time"

// limit is a token bucket for the messages of one connection. Its reader owns
// it.
type limit struct {
	rate, burst float64
	tokens      float64
	last        time.Time
	warned      time.Time // when the client was last told
	dropped     int       // messages over the limit, less what time forgave
}

// verdict is what to do with a message.
type verdict int

const (
	allow verdict = iota
	drop
	warn  // drop, and say so
	sever // the client was warned and goes on
)

// severAfter is how many bursts of dropped messages a client may send.
const severAfter = 4

func newLimit(rate, burst int, now time.Time) limit {
	return limit{rate: float64(rate), burst: float64(burst), tokens: float64(burst), last: now}
}

func (l *limit) take(now time.Time) verdict {
	l.tokens = min(l.burst, l.tokens+now.Sub(l.last).Seconds()*l.rate)
	l.last = now
	if l.tokens >= 1 {
		l.tokens--
		if l.tokens > l.burst/2 {
			l.dropped = 0
		}
		return allow
	}
	l.dropped++
	switch {
	case float64(l.dropped) > severAfter*l.burst:
		return sever
	case now.Sub(l.warned) >= time.Second:
		l.warned = now
		return warn
	}
	return drop
}
