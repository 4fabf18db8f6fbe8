package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"sync"
	"time"

	"lectern/cmd/lectern/client"
)

const (
	// mediaTime is how long bench waits for media after the last one has joined.
	mediaTime = 15 * time.Second
	// lookEvery is how often it looks while it waits.
	lookEvery = 100 * time.Millisecond
	// drainTime is what is waited for packets after the measured span, as long as
	// some come, and drainMost how long at most.
	drainTime = 500 * time.Millisecond
	drainMost = 5 * time.Second
	// aheadTime is how long before its beginning, or an early end, a measured span is
	// known to both ends of all streams.
	aheadTime = 20 * time.Millisecond
)

// Run does what a plan says. The error is for what kept it from measuring; what
// did not work for some members is in the report. say is told how it goes, from
// time to time; it may be nil.
func Run(ctx context.Context, p Plan, say func(string)) (*Report, error) {
	if err := p.check(); err != nil {
		return nil, UsageError{err}
	}
	if say == nil {
		say = func(string) {}
	}
	if most, need := maxFiles(), p.files(); most > 0 && need > most {
		return nil, fmt.Errorf("%s need some %d open files, and this process may have %d: raise ulimit -n", count(p.members(), "member"), need, most)
	}
	pid, err := serverPID(&p)
	if err != nil {
		return nil, err
	}
	engine, err := newEngine(&p)
	if err != nil {
		return nil, err
	}
	r := &run{plan: &p, pid: pid, engine: engine, say: say, crowd: newCrowd(&p, engine)}
	return r.run(ctx)
}

// newEngine makes the engine of clients that reach a server.
func newEngine(p *Plan) (*client.Engine, error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, err
	}
	local, err := client.LocalAddr(hostPort(u))
	if err != nil {
		return nil, err
	}
	return client.NewEngine(local)
}

// run is one run.
type run struct {
	plan   *Plan
	pid    int // of the server; 0: not known
	engine *client.Engine
	crowd  *crowd
	say    func(string)
	lag    lag
	server usage // as it was last seen
	report Report

	early    string        // why it ended before its time; "" if it did not
	measured time.Duration // how long the measured span was
}

// sample is everything that is looked at, at both ends of a span.
type sample struct {
	self, server usage
	repair       Repair
}

// samples are those of a run, in their order.
type samples struct{ idle, joined, before, after sample }

func (r *run) run(ctx context.Context) (*Report, error) {
	done := make(chan struct{})
	var ends sync.WaitGroup
	ends.Go(func() { r.lag.watch(realClock{}, done) })
	var s samples
	s.idle = r.take()
	r.lag.phase.Store(joining)
	err := r.gather(ctx)
	if err == nil {
		r.lag.phase.Store(idling)
		s.joined = r.take()
		r.sumJoining(&s)
		s.before, s.after = r.measure(ctx)
	}
	close(done)
	ends.Wait()
	if err == nil {
		r.sum(&s)
	}
	r.say("leaving")
	r.crowd.leave()
	if err != nil {
		return nil, err
	}
	return &r.report, nil
}

// take looks at this process and the server's. Of a server that is gone the last
// look stays.
func (r *run) take() (s sample) {
	s.self, _ = takeUsage(os.Getpid()) // what is not known is 0
	if r.pid != 0 {
		if u, err := takeUsage(r.pid); err == nil {
			r.server = u
		}
	}
	s.server = r.server
	c := r.engine.Counters()
	s.repair = Repair{
		Asked: c.Asked, Retransmitted: c.Retransmitted, Duplicates: c.Duplicates, Keyframes: c.Keyframes, Feedback: c.Feedback,
	}
	return s
}

// peek looks at the server's process as far as that costs next to nothing.
func (r *run) peek() {
	if r.pid == 0 {
		return
	}
	if u, err := glance(r.pid); err == nil {
		u.dropped = r.server.dropped
		r.server = u
	}
}

// Why a run ends early.
const (
	interrupted = "it was interrupted"
	serverGone  = "the server went away"
)

// gather has everybody join and get media, or fail to. The error is what keeps the
// whole from being measured.
func (r *run) gather(ctx context.Context) error {
	trying, stop := context.WithCancel(ctx)
	defer stop()
	filled := make(chan error, 1)
	go func() { filled <- r.crowd.fill(trying) }() // ends before joins.Wait does
	all := r.plan.members()
	began := time.Now()
	var deadline time.Time // for media, once all have joined
	for {
		joined, _ := r.crowd.progress()
		without := len(r.crowd.without())
		r.say(fmt.Sprintf("joining: %d of %d, %d with media, %.0f s", joined, all, joined-without, time.Since(began).Seconds()))
		switch {
		case r.crowd.gone():
			r.early = serverGone
		case deadline.IsZero():
		case without == 0 || time.Now().After(deadline):
			if joined == 0 {
				return errors.New(r.crowd.failures(true)[0])
			}
			return nil
		}
		if r.early == "" && !wait(ctx, lookEvery) {
			r.early = interrupted
		}
		if r.early != "" {
			stop()
			if deadline.IsZero() {
				<-filled
			}
			return nil
		}
		if !deadline.IsZero() {
			continue
		}
		select {
		case err := <-filled:
			if ctx.Err() != nil {
				r.early = interrupted
				return nil
			}
			if err != nil {
				return err
			}
			deadline = time.Now().Add(mediaTime)
		default:
		}
	}
}

// wait returns after a time, or with false when ctx is done.
func wait(ctx context.Context, d time.Duration) bool { return realClock{}.Wait(d, ctx.Done()) }

// measure waits for the warm-up, and measures.
func (r *run) measure(ctx context.Context) (before, after sample) {
	if r.early == "" {
		r.say(fmt.Sprintf("warming up for %v", r.plan.Warmup))
		if !wait(ctx, r.plan.Warmup) {
			r.early = interrupted
		}
	}
	if r.early != "" {
		now := r.take()
		return now, now
	}
	runtime.GC() // of what joining left, which is not to be paid for now
	begin := time.Now().Add(aheadTime)
	r.report.Started = begin
	r.engine.Measure(begin, begin.Add(r.plan.Duration))
	_ = wait(context.WithoutCancel(ctx), aheadTime) // it is not done
	before = r.take()
	r.crowd.gaps(time.Now()) // which begins them anew
	r.lag.phase.Store(measuring)
	end := r.watch(ctx, begin)
	r.lag.phase.Store(idling)
	after = r.take()
	now := time.Now()
	r.measured = end.Sub(begin)
	r.report.LongestGap, r.report.Behind = r.crowd.gaps(now), r.crowd.behind(now)
	switch r.early {
	case "":
		r.drain(ctx, drainMost)
	case interrupted: // and ctx is done
		r.drain(context.WithoutCancel(ctx), drainTime)
	}
	return before, after
}

// watch waits for the end of the measured span, the planned one or a sooner one.
func (r *run) watch(ctx context.Context, begin time.Time) (end time.Time) {
	end = begin.Add(r.plan.Duration)
	for left := time.Until(end); left > 0; left = time.Until(end) {
		r.say(fmt.Sprintf("measuring: %.0f s left", left.Seconds()))
		if !wait(ctx, min(left, time.Second)) {
			r.early = interrupted
		} else if r.crowd.gone() {
			r.early = serverGone
		}
		if r.early != "" {
			if soon := time.Now().Add(aheadTime); soon.Before(end) {
				end = soon
				r.engine.EndMeasure(end)
			}
			_ = wait(context.WithoutCancel(ctx), time.Until(end)) // it is not done
			return end
		}
		r.peek()
	}
	return end
}

// drain waits for what is still on its way.
func (r *run) drain(ctx context.Context, most time.Duration) {
	r.say("waiting for what is on its way")
	before := int64(-1)
	for began := time.Now(); time.Since(began) < most; {
		expected, received := r.crowd.counts()
		if received >= expected || received == before {
			return
		}
		before = received
		if !wait(ctx, drainTime) {
			return
		}
	}
}
