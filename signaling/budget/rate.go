package budget

import "time"

// Rate is a token bucket for what one client sends: messages, and their bytes.
// It is not safe for concurrent use.
type Rate struct {
	messages, bytes bucket
	last            time.Time
	warned          time.Time // when the client was last told
	dropped         int       // messages over the limit, less what time forgave
}

type bucket struct{ rate, burst, tokens float64 }

func (b *bucket) fill(seconds float64) { b.tokens = min(b.burst, b.tokens+seconds*b.rate) }

// Verdict is what to do with a message.
type Verdict int

// The verdicts.
const (
	Allow Verdict = iota
	Drop
	Warn  // drop, and say so
	Sever // the client was warned and goes on
)

// severAfter is how many bursts of dropped messages a client may send.
const severAfter = 4

// The bytes that a client may send at once and a second. The answers of a
// member that watches a full stage are the most that an honest one sends.
const (
	byteBurst = 8 << 20
	byteRate  = 512 << 10
)

// NewRate makes a limit of so many messages a second, and at once.
func NewRate(rate, burst int, now time.Time) Rate {
	return Rate{
		messages: bucket{float64(rate), float64(burst), float64(burst)},
		bytes:    bucket{byteRate, byteBurst, byteBurst},
		last:     now,
	}
}

// Take counts a message of so many bytes.
func (l *Rate) Take(now time.Time, size int) Verdict {
	seconds := now.Sub(l.last).Seconds()
	l.messages.fill(seconds)
	l.bytes.fill(seconds)
	l.last = now
	if l.messages.tokens >= 1 && l.bytes.tokens >= float64(size) {
		l.messages.tokens--
		l.bytes.tokens -= float64(size)
		if l.messages.tokens > l.messages.burst/2 {
			l.dropped = 0
		}
		return Allow
	}
	l.dropped++
	switch {
	case float64(l.dropped) > severAfter*l.messages.burst:
		return Sever
	case now.Sub(l.warned) >= time.Second:
		l.warned = now
		return Warn
	}
	return Drop
}
