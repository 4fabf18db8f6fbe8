package bench

import (
	"fmt"
	"runtime"
	"time"

	"lectern/cmd/lectern/client"
)

// sumJoining reports on bench itself while members joined. It is to be called
// before the measurement, which begins the counts anew.
func (r *run) sumJoining(s *samples) {
	sends, reads := r.engine.Lateness()
	r.report.Joining = Joining{
		TookMs: ms(s.joined.self.at.Sub(s.idle.self.at)), CPU: s.joined.self.cores(s.idle.self),
		BusyPercent: s.joined.self.busyPercent(s.idle.self), DroppedHere: s.joined.self.dropped - s.idle.self.dropped,
		SendLate: spreadOf(&sends), ReadLate: spreadOrNil(&reads),
	}
}

// sum makes the report of what was measured.
func (r *run) sum(s *samples) {
	p := &r.report
	p.Plan = planned(r.plan)
	p.EndedEarly, p.MeasuredMs = r.early, ms(r.measured)
	r.sumStreams()
	r.sumFailures()
	seconds := r.measured.Seconds()
	if seconds > 0 {
		p.Packets.PerSecond = float64(p.Packets.Received) / seconds
	}
	before, after := &s.before, &s.after
	p.Packets.DroppedHere = after.self.dropped - before.self.dropped
	p.Packets.DroppedServer = after.server.dropped - before.server.dropped
	if r.plan.Clients == capable {
		a, b := after.repair, before.repair
		p.Repair = &Repair{a.Asked - b.Asked, a.Retransmitted - b.Retransmitted, a.Duplicates - b.Duplicates, a.Keyframes - b.Keyframes, a.Feedback - b.Feedback}
	}
	r.sumProcesses(s)
	p.judge()
}

// sumProcesses reports on the processes.
func (r *run) sumProcesses(s *samples) {
	p := &r.report
	perPacket := func(u, before usage) float64 {
		if p.Packets.Received == 0 {
			return 0
		}
		return u.cores(before) * 1e6 / p.Packets.PerSecond
	}
	const mib = 1 << 20
	before, after := &s.before, &s.after
	if r.pid != 0 {
		heads := max(r.crowd.heads(), 1)
		p.Server = &Server{
			PID: r.pid, CPUPerPacket: perPacket(after.server, before.server), CPU: after.server.cores(before.server),
			IdleMiB: float64(s.idle.server.memory) / mib, LoadedMiB: float64(after.server.memory) / mib,
			KiBPerViewer: float64(after.server.memory-s.idle.server.memory) / 1024 / float64(heads),
		}
	}
	p.Machine = Machine{Cores: max(after.self.processors, runtime.NumCPU()), BusyPercent: after.self.busyPercent(before.self)}
	p.Bench = Bench{
		CPUPerPacket: perPacket(after.self, before.self), CPU: after.self.cores(before.self),
		Cores: min(runtime.GOMAXPROCS(0), runtime.NumCPU()),
		Share: 100 * after.self.cores(before.self) / float64(p.Machine.Cores), MemoryMiB: float64(after.self.memory) / mib,
	}
	p.Joining.TimerLate, p.Bench.TimerLate = spreadOf(&r.lag.joining), spreadOf(&r.lag.measuring)
	if r.measured == 0 {
		return
	}
	sends, reads := r.engine.Lateness()
	p.Bench.SendLate, p.Bench.ReadLate = spreadOf(&sends), spreadOrNil(&reads)
	if made, missed := r.engine.Made(); missed > 0 {
		p.Bench.MissedPercent = 100 * float64(missed) / float64(made+missed)
	}
}

// sumFailures reports what did not work.
func (r *run) sumFailures() {
	p := &r.report
	p.Failures = []string{} // not null in JSON
	switch {
	case r.early == serverGone:
		p.Failures = append(p.Failures, fmt.Sprintf("%s: %v", serverGone, r.crowd.loss()))
	default:
		p.Failures = append(p.Failures, r.crowd.failures(r.early == "" || r.measured > 0)...)
	}
	p.OK = len(p.Failures) == 0
	if n := len(p.Failures); n > maxFailures {
		p.Failures = append(p.Failures[:maxFailures], fmt.Sprintf("and %d more", n-maxFailures))
	}
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
