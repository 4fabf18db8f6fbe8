package bench

import "fmt"

// Bounds within which bench counts as having kept up.
const (
	maxSendLate  = 10.0 // ms, 99 of 100 sends
	maxReadLate  = 20.0 // ms, 99 of 100 readings of a socket
	maxTimerLate = 20.0 // ms, 99 of 100 beats
	maxBusy      = 97.0 // percent of all processors
	maxMissed    = 1.0  // percent of the pictures and sounds due
)

// judge says in what bench did not keep up.
func (r *Report) judge() {
	late := func(what string, p99, most float64) {
		if p99 > most {
			r.Reasons = append(r.Reasons, fmt.Sprintf("%s %.0f ms late (p99; at most %.0f)", what, p99, most))
		}
	}
	late("sends were", r.Bench.SendLate.P99, maxSendLate)
	if r.Bench.ReadLate != nil {
		late("reads were", r.Bench.ReadLate.P99, maxReadLate)
	}
	late("timers were", r.Bench.TimerLate.P99, maxTimerLate)
	if missed := r.Bench.MissedPercent; missed > maxMissed {
		r.Reasons = append(r.Reasons, fmt.Sprintf("it left out %.0f %% of what was to be sent (at most %.0f)", missed, maxMissed))
	}
	if n := r.Packets.DroppedHere; n > 0 {
		r.Reasons = append(r.Reasons, fmt.Sprintf("its sockets dropped %s", count(int(n), "packet")))
	}
	if busy := r.Machine.BusyPercent; busy > maxBusy {
		r.Reasons = append(r.Reasons, fmt.Sprintf("the machine was %.0f %% busy (at most %.0f)", busy, maxBusy))
	}
	r.Saturated = len(r.Reasons) > 0
}
