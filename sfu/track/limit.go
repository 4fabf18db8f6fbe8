package track

// limiter holds a stream to a rate, for publishers that do not keep to what
// their descriptions were told. It cuts whole frames: from one that no longer
// fits to one that a viewer can begin with and that does. A second's worth may
// come at once, such as a keyframe.
type limiter struct {
	rate  int64 // bytes a second; 0: no limit
	spare int64 // bytes that may come now
	last  int64 // when spare was true
	cut   bool
	begun bool
	ts    uint32 // of the frame that is coming
}

// limitSlack is by how much, in percent, a stream may go over what its publisher
// was told: that counts neither headers nor probes for bandwidth.
const limitSlack = 25

func newLimiter(bitrate int) limiter {
	return limiter{rate: int64(bitrate) * (100 + limitSlack) / 100 / 8}
}

// admits tells whether a packet of n bytes, which came at now, is forwarded.
func (l *limiter) admits(ts uint32, keyframe bool, n int, now int64) bool {
	if l.rate == 0 {
		return true
	}
	if passed := now - l.last; !l.begun || passed >= second {
		l.spare = min(l.rate, max(l.spare, 0)+l.rate)
		l.last = now
	} else if passed > 0 {
		l.spare = min(l.rate, l.spare+passed*l.rate/second)
		l.last = now
	}
	fresh := !l.begun || ts != l.ts
	l.begun, l.ts = true, ts
	switch {
	case l.cut:
		l.cut = !fresh || !keyframe || !l.reopens()
	case l.spare <= 0 && fresh, l.spare <= -l.rate: // a frame may be large, but not without end
		l.cut = true
	}
	if l.cut {
		return false
	}
	l.spare -= int64(n)
	return true
}

// reopens tells whether a keyframe and some of what follows would fit now.
func (l *limiter) reopens() bool { return l.spare >= l.rate/2 }
