package bench

import (
	"fmt"
	"io"
	"strings"
)

// warning is what a saturated run begins and ends with.
const warning = "BENCH WAS SATURATED: THE FIGURES MARKED * ARE NOT THE SERVER'S."

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	plan := r.Plan.plan()
	fmt.Fprintf(&b, "lectern bench %s of %s\n%s; %v\n\n", r.Version, r.Plan.URL, plan.title(), plan.Duration)
	mark := " "
	if r.Saturated {
		mark = "*"
		fmt.Fprintf(&b, "%s\n", warning)
		for _, reason := range r.Reasons {
			fmt.Fprintf(&b, "  %s\n", strings.ToUpper(reason[:1])+reason[1:]+".")
		}
		b.WriteByte('\n')
	}
	line := func(mark, name, format string, args ...any) {
		fmt.Fprintf(&b, "%-15s%s %s\n", name, mark, fmt.Sprintf(format, args...))
	}
	line(" ", "members", "%d of %d joined, %d with media", r.Members.Joined, r.Members.Planned, r.Members.Media)
	line(mark, "packets", "%d of %d received, %.0f a second", r.Packets.Received, r.Packets.Expected, r.Packets.PerSecond)
	line(mark, "lost", "%d (%.3f %%); sockets dropped %d of bench's, %d of the server's", r.Packets.Lost, r.Packets.LostPercent, r.Packets.DroppedHere, r.Packets.DroppedServer)
	if p := r.Repair; p != nil {
		line(mark, "asked for", "%s and %s; %d retransmitted, %d came twice", count(int(p.Asked), "packet"), count(int(p.Keyframes), "keyframe"), p.Retransmitted, p.Duplicates)
	}
	line(mark, "longest gap", "video %.0f ms, audio %.0f ms (a publisher's own: %.0f ms)", r.LongestGap.Video, r.LongestGap.Audio, r.LongestGap.Sent)
	if s := r.Server; s != nil {
		line(mark, "server", "%.2f µs of CPU per packet received, %.2f of %s; process %d", s.CPUPerPacket, s.CPU, count(r.Machine.Cores, "core"), s.PID)
		line(" ", "", "memory %.1f -> %.1f MiB, %.0f KiB each", s.IdleMiB, s.LoadedMiB, s.KiBPerViewer)
	} else {
		line(" ", "server", "its process is not known: no CPU time, no memory")
	}
	line(" ", "bench", "%.2f µs of CPU per packet received, %.2f of %s; memory %.1f MiB", r.Bench.CPUPerPacket, r.Bench.CPU, count(r.Machine.Cores, "core"), r.Bench.RSSMiB)
	if r.Machine.BusyPercent > 0 {
		line(" ", "machine", "%.0f %% busy", r.Machine.BusyPercent)
	}
	fmt.Fprintf(&b, "\n%-15s  %9s %9s %9s %9s\n", "ms", "p50", "p95", "p99", "max")
	row := func(mark, name string, s Spread) {
		fmt.Fprintf(&b, "%-15s%s %9.2f %9.2f %9.2f %9.2f\n", name, mark, s.P50, s.P95, s.P99, s.Max)
	}
	row(mark, "latency", r.Latency)
	row(mark, "behind", r.Behind)
	row(mark, "first packet", r.FirstPacket)
	row(mark, "first keyframe", r.FirstKeyframe)
	row(" ", "bench: sends", r.Bench.SendLate)
	if r.Bench.ReadLate != nil {
		row(" ", "bench: reads", *r.Bench.ReadLate)
	}
	row(" ", "bench: timers", r.Bench.TimerLate)
	if len(r.Failures) > 0 {
		fmt.Fprintf(&b, "\nNot everything worked:\n  %s\n", strings.Join(r.Failures, "\n  "))
	}
	if r.Saturated {
		fmt.Fprintf(&b, "\n%s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
