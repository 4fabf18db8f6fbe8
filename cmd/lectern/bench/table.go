package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// warning is what a saturated run begins and ends with.
const warning = "BENCH WAS SATURATED: THE FIGURES MARKED * ARE NOT THE SERVER'S."

// joinWarning is the same of joining.
const joinWarning = "BENCH WAS SATURATED WHILE MEMBERS JOINED: FIRST PACKET AND KEYFRAME ARE NOT THE SERVER'S."

// fewHeads is how many members are too few to tell what one costs in memory: the
// heap of a process goes up and down by some MiB of its own accord.
const fewHeads = 50

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	plan := r.Plan.plan()
	fmt.Fprintf(&b, "lectern bench %s of %s\n%s; %v\n\n", r.Version, r.Plan.URL, plan.title(), time.Duration(r.MeasuredMs*float64(time.Millisecond)).Round(100*time.Millisecond))
	mark, first := " ", " "
	if r.Saturated {
		mark = "*"
		writeWarning(&b, warning, r.Reasons)
	}
	if r.Joining.Saturated {
		first = "*"
		writeWarning(&b, joinWarning, r.Joining.Reasons)
	}
	writeNotes(&b, r.Notes)
	line := func(mark, name, format string, args ...any) {
		fmt.Fprintf(&b, "%-15s%s %s\n", name, mark, fmt.Sprintf(format, args...))
	}
	line(" ", "members", "%d of %d joined, %d with media", r.Members.Joined, r.Members.Planned, r.Members.Media)
	if r.MeasuredMs == 0 {
		b.WriteString("nothing was measured\n")
		r.writeFailures(&b)
		_, err := io.WriteString(w, b.String())
		return err
	}
	line(mark, "packets", "%d of %d received, %.0f a second", r.Packets.Received, r.Packets.Expected, r.Packets.PerSecond)
	theirs := ""
	if r.Server != nil {
		theirs = fmt.Sprintf(", the server's %d", r.Packets.DroppedServer)
	}
	line(mark, "lost", "%d (%.3f %%); bench's sockets dropped %d%s", r.Packets.Lost, r.Packets.LostPercent, r.Packets.DroppedHere, theirs)
	if p := r.Repair; p != nil {
		line(mark, "asked for", "%s and %s; %d retransmitted, %d came twice", count(int(p.Asked), "packet"), count(int(p.Keyframes), "keyframe"), p.Retransmitted, p.Duplicates)
		line(" ", "feedback", "%s of RTCP sent by those who listen", count(int(p.Feedback), "packet"))
	}
	line(mark, "longest gap", "video %.0f ms, audio %.0f ms (a publisher's own: %.0f ms)", r.LongestGap.Video, r.LongestGap.Audio, r.LongestGap.Sent)
	if s := r.Server; s != nil {
		line(mark, "server", "%.2f µs of CPU per packet received, %.2f of %s; process %d", s.CPUPerPacket, s.CPU, count(r.Machine.Cores, "core"), s.PID)
		each := "" // of a few members it would be chance
		if s.KiBPerViewer > 0 && r.Members.Joined >= fewHeads {
			each = fmt.Sprintf(", some %.0f KiB a head", s.KiBPerViewer)
		}
		line(" ", "", "memory %.1f -> %.1f MiB%s (without mapped files)", s.IdleMiB, s.LoadedMiB, each)
	} else {
		line(" ", "server", "its process is not known: no CPU time, no memory")
	}
	line(" ", "bench", "%.2f µs of CPU per packet received, %.2f of %s; memory %.1f MiB", r.Bench.CPUPerPacket, r.Bench.CPU, count(r.Machine.Cores, "core"), r.Bench.MemoryMiB)
	if r.Machine.BusyPercent > 0 {
		line(" ", "machine", "%.0f %% busy", r.Machine.BusyPercent)
	}
	r.writeTimes(&b, mark, first)
	r.writeFailures(&b)
	if r.Saturated {
		fmt.Fprintf(&b, "\n%s\n", warning)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeTimes writes how times lie; the marks are of measured ones and of first ones.
func (r *Report) writeTimes(b *strings.Builder, mark, first string) {
	fmt.Fprintf(b, "\n%-15s  %9s %9s %9s %9s\n", "ms", "p50", "p95", "p99", "max")
	row := func(mark, name string, s Spread) {
		fmt.Fprintf(b, "%-15s%s %9.2f %9.2f %9.2f %9.2f\n", name, mark, s.P50, s.P95, s.P99, s.Max)
	}
	row(mark, "latency", r.Latency)
	row(mark, "behind", r.Behind)
	row(first, "first packet", r.FirstPacket)
	row(first, "first keyframe", r.FirstKeyframe)
	row(" ", "bench: sends", r.Bench.SendLate)
	if r.Bench.ReadLate != nil {
		row(" ", "bench: reads", *r.Bench.ReadLate)
	}
	row(" ", "bench: timers", r.Bench.TimerLate)
}

func (r *Report) writeFailures(b *strings.Builder) {
	if len(r.Failures) > 0 {
		fmt.Fprintf(b, "\nNot everything worked:\n  %s\n", strings.Join(r.Failures, "\n  "))
	}
}

func writeWarning(b *strings.Builder, head string, reasons []string) {
	fmt.Fprintf(b, "%s\n", head)
	for _, reason := range reasons {
		fmt.Fprintf(b, "  %s.\n", sentence(reason))
	}
	b.WriteByte('\n')
}

func writeNotes(b *strings.Builder, notes []string) {
	for _, n := range notes {
		writeWrapped(b, "Note: "+sentence(n)+".", "")
	}
	if len(notes) > 0 {
		b.WriteByte('\n')
	}
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
