package bench

import "fmt"

// Bounds within which bench counts as having kept up.
const (
	maxSendLate  = 10.0 // ms, 99 of 100 sends
	maxReadLate  = 20.0 // ms, 99 of 100 readings of a socket
	maxTimerLate = 20.0 // ms, 99 of 100 beats
	maxMissed    = 1.0  // percent of the pictures and sounds due
	maxOwn       = 90.0 // percent of the processors that it may use, by bench

	// A machine that is as busy as maxBusy has no time left; if bench used as much as
	// maxShare of it, in percent, bench took the time of the server.
	maxBusy  = 97.0
	maxShare = 25.0
	// maxOthers is what others may use of the machine before it is told, in percent.
	maxOthers = 10.0
)

// watched is what tells whether bench kept up.
type watched struct {
	send, timer Spread
	read        *Spread
	missed      float64 // percent
	dropped     int64
	cpu         float64 // cores that bench kept busy
	allowed     int     // cores that it may use
	cores       int     // of the machine
	busy        float64 // percent
}

// reasons say in what bench did not keep up.
func (w *watched) reasons() []string {
	list := []string{} // not null in JSON
	late := func(what string, p99, most float64) {
		if p99 > most {
			list = append(list, fmt.Sprintf("%s %.0f ms late (p99; at most %.0f)", what, p99, most))
		}
	}
	late("sends were", w.send.P99, maxSendLate)
	if w.read != nil {
		late("reads were", w.read.P99, maxReadLate)
	}
	late("timers were", w.timer.P99, maxTimerLate)
	if w.missed > maxMissed {
		list = append(list, fmt.Sprintf("it left out %.0f %% of what was to be sent (at most %.0f)", w.missed, maxMissed))
	}
	if w.dropped > 0 && !w.flooded() {
		list = append(list, fmt.Sprintf("its sockets dropped %s", count(int(w.dropped), "packet")))
	}
	if own := 100 * w.cpu / float64(max(w.allowed, 1)); own > maxOwn {
		list = append(list, fmt.Sprintf("it used %.2f of the %s that it may use (at most %.0f %%)", w.cpu, count(w.allowed, "core"), maxOwn))
	}
	if share := 100 * w.cpu / float64(max(w.cores, 1)); w.busy > maxBusy && share > maxShare {
		list = append(list, fmt.Sprintf("the machine was %.0f %% busy, %.0f %% of it with bench", w.busy, share))
	}
	return list
}

// flooded tells that its sockets were full though they were read in time: what came
// at once was more than they hold, which is not for who reads to help.
func (w *watched) flooded() bool {
	return w.dropped > 0 && w.read != nil && w.read.Max <= maxReadLate
}

// judge says in what bench did not keep up, and what else is to be known.
func (r *Report) judge() {
	j, b := &r.Joining, &r.Bench
	j.Reasons = (&watched{
		send: j.SendLate, timer: j.TimerLate, read: j.ReadLate, dropped: j.DroppedHere,
		cpu: j.CPU, allowed: b.Cores, cores: r.Machine.Cores, busy: j.BusyPercent,
	}).reasons()
	j.Saturated = len(j.Reasons) > 0
	w := &watched{
		send: b.SendLate, timer: b.TimerLate, read: b.ReadLate, missed: b.MissedPercent, dropped: r.Packets.DroppedHere,
		cpu: b.CPU, allowed: b.Cores, cores: r.Machine.Cores, busy: r.Machine.BusyPercent,
	}
	r.Reasons = w.reasons()
	r.Saturated = len(r.Reasons) > 0
	r.note(w.flooded())
}

// note says what else is to be known.
func (r *Report) note(flooded bool) {
	r.Notes = []string{}
	add := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	switch {
	case r.EndedEarly != "" && r.MeasuredMs == 0:
		add("%s before anything was measured", r.EndedEarly)
	case r.EndedEarly != "":
		add("%s: the figures are of %.1f s", r.EndedEarly, r.MeasuredMs/1000)
	}
	if r.Packets.Lost > 0 && !r.Saturated {
		add("bench kept up: what was lost, the server or the network lost")
	}
	if flooded {
		add("bench's sockets had no room for %s though they were read in time: too much came at once, or net.core.rmem_max is small here",
			count(int(r.Packets.DroppedHere), "packet"))
	}
	if n := r.Packets.DroppedServer; n > 0 {
		add("the server's sockets had no room for %s: it read too late, or net.core.rmem_max is small there", count(int(n), "packet"))
	}
	if r.Machine.BusyPercent == 0 {
		return
	}
	others := r.Machine.BusyPercent*float64(r.Machine.Cores)/100 - r.Bench.CPU
	if r.Server != nil {
		others -= r.Server.CPU
	}
	switch {
	case 100*others/float64(max(r.Machine.Cores, 1)) > maxOthers && r.Server != nil:
		add("others kept %.1f of %s busy: latency and CPU time are not those of a quiet machine", others, count(r.Machine.Cores, "core"))
	case r.Machine.BusyPercent > maxBusy && !r.Saturated:
		add("the machine was %.0f %% busy", r.Machine.BusyPercent)
	}
}
