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
	"lectern/cmd/lectern/client/downlink"
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
	return client.NewEngine(local, func(c *downlink.Config) { c.Wake = p.Wake })
}

// run is one run.
type run struct {
	plan   *Plan
	pid    int // of the server; 0: not known
	engine *client.Engine
	crowd  *crowd
	say    func(string)
	lag    lag
	report Report
}

// sample is everything that is looked at, at both ends of the measured span.
type sample struct {
	self, server usage
	repair       Repair
}

func (r *run) run(ctx context.Context) (*Report, error) {
	done := make(chan struct{})
	var ends sync.WaitGroup
	ends.Go(func() { r.lag.watch(realClock{}, done) })
	idle, err := r.take()
	if err == nil {
		err = r.gather(ctx)
	}
	var before, after sample
	if err == nil {
		before, after, err = r.measure(ctx)
	}
	close(done)
	ends.Wait()
	if err == nil {
		r.sum(idle, before, after)
	}
	r.say("leaving")
	r.crowd.leave()
	if err != nil {
		return nil, err
	}
	return &r.report, nil
}

// take looks at this process and the server's.
func (r *run) take() (s sample, err error) {
	if s.self, err = takeUsage(os.Getpid()); err != nil {
		return s, err
	}
	if r.pid != 0 {
		if s.server, err = takeUsage(r.pid); err != nil {
			return s, fmt.Errorf("the server's process: %w", err)
		}
	}
	c := r.engine.Counters()
	s.repair = Repair{Asked: c.Asked, Retransmitted: c.Retransmitted, Duplicates: c.Duplicates, Keyframes: c.Keyframes}
	return s, nil
}

// gather has everybody join and get media, or fail to.
func (r *run) gather(ctx context.Context) error {
	joining, stop := context.WithCancel(ctx)
	defer stop()
	filled := make(chan error, 1)
	go func() { filled <- r.crowd.fill(joining) }() // ends before joins.Wait does
	all := r.plan.members()
	began := time.Now()
	var deadline time.Time // when all have joined
	for {
		joined, finished := r.crowd.progress()
		without := len(r.crowd.without())
		r.say(fmt.Sprintf("joining: %d of %d, %d with media, %.0f s", joined, all, joined-without, time.Since(began).Seconds()))
		if finished == all && deadline.IsZero() {
			deadline = time.Now().Add(mediaTime)
		}
		if finished == all {
			astray := r.crowd.astray()
			if late := time.Now().After(deadline); late && astray != nil {
				stop()
				<-filled
				return astray
			} else if late || without == 0 && astray == nil {
				break
			}
		}
		if !wait(ctx, lookEvery) {
			stop()
			<-filled
			return errInterrupted
		}
	}
	<-filled
	if joined, _ := r.crowd.progress(); joined == 0 {
		return errors.New(r.crowd.failures()[0])
	}
	return nil
}

var errInterrupted = errors.New("interrupted")

// wait returns after a time, or with false when ctx is done.
func wait(ctx context.Context, d time.Duration) bool { return realClock{}.Wait(d, ctx.Done()) }

// measure waits for the warm-up, and measures.
func (r *run) measure(ctx context.Context) (before, after sample, err error) {
	r.say(fmt.Sprintf("warming up for %v", r.plan.Warmup))
	if !wait(ctx, r.plan.Warmup) {
		return before, after, errInterrupted
	}
	runtime.GC() // of what joining left, which is not to be paid for now
	if before, err = r.take(); err != nil {
		return before, after, err
	}
	begin := time.Now()
	end := begin.Add(r.plan.Duration)
	r.report.Started = begin
	r.crowd.gaps(begin) // which begins them anew
	r.engine.Measure(begin, end)
	r.lag.on.Store(true)
	for left := r.plan.Duration; left > 0; left = time.Until(end) {
		r.say(fmt.Sprintf("measuring: %.0f s left", left.Seconds()))
		if !wait(ctx, min(left, time.Second)) {
			return before, after, errInterrupted
		}
	}
	r.lag.on.Store(false)
	if after, err = r.take(); err != nil {
		return before, after, err
	}
	now := time.Now()
	r.report.LongestGap, r.report.Behind = r.crowd.gaps(now), r.crowd.behind(now)
	return before, after, r.drain(ctx)
}

// drain waits for what is still on its way.
func (r *run) drain(ctx context.Context) error {
	r.say("waiting for what is on its way")
	before := int64(-1)
	for began := time.Now(); time.Since(began) < drainMost; {
		if !wait(ctx, drainTime) {
			return errInterrupted
		}
		expected, received := r.crowd.counts()
		if received >= expected || received == before {
			break
		}
		before = received
	}
	return nil
}

// sum makes the report of what was measured.
func (r *run) sum(idle, before, after sample) {
	p := &r.report
	p.Plan = planned(r.plan)
	r.sumStreams()
	p.Reasons = []string{} // not null in JSON
	p.Failures = append([]string{}, r.crowd.failures()...)
	p.OK = len(p.Failures) == 0
	if n := len(p.Failures); n > maxFailures {
		p.Failures = append(p.Failures[:maxFailures], fmt.Sprintf("and %d more", n-maxFailures))
	}
	p.Packets.PerSecond = float64(p.Packets.Received) / r.plan.Duration.Seconds()
	p.Packets.DroppedHere = after.self.dropped - before.self.dropped
	p.Packets.DroppedServer = after.server.dropped - before.server.dropped
	if r.plan.Clients == capable {
		a, b := after.repair, before.repair
		p.Repair = &Repair{a.Asked - b.Asked, a.Retransmitted - b.Retransmitted, a.Duplicates - b.Duplicates, a.Keyframes - b.Keyframes}
	}
	perPacket := func(u, before usage) float64 {
		if p.Packets.Received == 0 {
			return 0
		}
		return u.cores(before) * 1e6 / p.Packets.PerSecond
	}
	const mib = 1 << 20
	if r.pid != 0 {
		heads := r.plan.Viewers * r.plan.Rooms
		if heads == 0 {
			heads = r.plan.members()
		}
		p.Server = &Server{
			PID: r.pid, CPUPerPacket: perPacket(after.server, before.server), CPU: after.server.cores(before.server),
			IdleMiB: float64(idle.server.rss) / mib, LoadedMiB: float64(after.server.rss) / mib,
			KiBPerViewer: float64(after.server.rss-idle.server.rss) / 1024 / float64(heads),
		}
	}
	p.Machine = Machine{Cores: runtime.NumCPU(), BusyPercent: after.self.busyPercent(before.self)}
	sends, reads := r.engine.Lateness()
	p.Bench = Bench{
		CPUPerPacket: perPacket(after.self, before.self), CPU: after.self.cores(before.self),
		Share:    100 * after.self.cores(before.self) / float64(p.Machine.Cores),
		RSSMiB:   float64(after.self.rss) / mib,
		SendLate: spreadOf(&sends), TimerLate: spreadOf(&r.lag.late),
	}
	if made, missed := r.engine.Made(); missed > 0 {
		p.Bench.MissedPercent = 100 * float64(missed) / float64(made+missed)
	}
	if reads.Count() > 0 {
		late := spreadOf(&reads)
		p.Bench.ReadLate = &late
	}
	p.judge()
}

// sumStreams adds up what came of what was sent.
func (r *run) sumStreams() {
	p := &r.report
	var latency client.Histogram
	var packet, keyframe []time.Duration
	without := r.crowd.without()
	p.Members.Planned = r.plan.members()
	p.Members.Joined, _ = r.crowd.progress()
	p.Members.Media = p.Members.Joined - len(without)
	r.crowd.each(func(from, to *member, sent [2]client.Sent, got [2]client.Stats) {
		p.Members.Streams++
		both := from.asked
		if to.asked.After(both) {
			both = to.asked
		}
		first := got[0].FirstPacket
		for i := range got {
			p.Packets.Expected += sent[i].Packets
			p.Packets.Received += got[i].Measured.Packets
			latency.Merge(&got[i].Measured.Latency)
			if at := got[i].FirstPacket; !at.IsZero() && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
		if !first.IsZero() {
			packet = append(packet, first.Sub(both))
		}
		if at := got[0].FirstKeyframe; !at.IsZero() {
			keyframe = append(keyframe, at.Sub(both))
		}
	})
	p.Packets.Lost = p.Packets.Expected - p.Packets.Received
	if p.Packets.Expected > 0 {
		p.Packets.LostPercent = 100 * float64(p.Packets.Lost) / float64(p.Packets.Expected)
	}
	p.Latency, p.FirstPacket, p.FirstKeyframe = spreadOf(&latency), spreadOfList(packet), spreadOfList(keyframe)
}
