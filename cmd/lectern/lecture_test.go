package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Bounds of a lecture. Those on time are held by make lecture only, which has the
// machine for itself, and do not count the time for which it did not let one of
// the two processes run. What is counted is judged always; what was measured is
// in the log.
const (
	// A lecture of CI is one that two busy cores and the race detector carry.
	// LECTERN_LECTURE sets another number, and times lectureCrowd the coming and
	// going; make lecture takes 300.
	lectureListeners = 24
	lectureRate      = 5  // that come, and as many that go, a second
	lectureVisits    = 30 // newcomers
	lectureCrowd     = 4
	// lecturePeace is how long nobody comes or goes; lectureLongPeace is longer
	// than what the server allows a connection to be set up in.
	lecturePeace     = 3 * time.Second
	lectureLongPeace = 35 * time.Second

	lectureShare    = 0.01                   // of one processor, for each listener; with the race detector it takes 0.003
	lectureStalled  = 2 * time.Second        // a machine that keeps a process waiting longer tells nothing
	lectureGap      = 500 * time.Millisecond // longest time without a frame; one comes every 40 ms
	lectureKeyframe = 2 * time.Second        // from a newcomer's call to connect to its first keyframe
)

// lecturePlan is what the process of the clients is told to do.
type lecturePlan struct {
	URL       string
	Listeners int
	Rate      int
	Peace     time.Duration // before others come and go
	Visits    int
}

// lectureReport is what it tells: a line for each phase, the last one complete.
type lectureReport struct {
	Phase string // "began", "joined", "churning", "churned"

	JoinRate  float64 // listeners a second that got in, with nobody waiting for another
	Joined    int     // newcomers while others came and went
	Left      int
	Failures  []string
	Keyframes spread // of newcomers, since they began to connect

	Events  map[string]int // that those who stayed got since they all were there, by name
	Video   spread         // longest time without a frame of the camera, of each who stayed
	Audio   spread         // without sound
	Sent    time.Duration  // the longest time in which the presenter sent no frame
	Missing int64          // packets that never came to one who stayed, all told
	Lost    int64          // of those that the presenter sent
	Packets int64
	Latency spread

	// Of the clients' process: what it used while others came and went, how long
	// it was kept from running, and what one listener costs it.
	CPU        time.Duration
	Stall      time.Duration
	Goroutines float64
	Memory     float64 // bytes
}

// spread says how values lie.
type spread struct{ P50, P95, Max time.Duration }

func (s spread) String() string {
	return fmt.Sprintf("p50 %v, p95 %v, max %v", s.P50.Round(time.Millisecond/10), s.P95.Round(time.Millisecond/10), s.Max.Round(time.Millisecond/10))
}

// usage is what this process, which is the server, has used at a moment.
type usage struct {
	at         time.Time
	cpu        time.Duration
	goroutines int
	memory     uint64 // heap and stacks, bytes
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func takeUsage() usage {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{time.Now(), cpuTime(), runtime.NumGoroutine(), m.HeapAlloc + m.StackInuse}
}

// stall is the longest time for which this process was not let run though it
// wanted to, since the last take.
type stall struct{ longest atomic.Int64 }

// watch runs until done is closed.
func (s *stall) watch(done <-chan struct{}) {
	const beat = 5 * time.Millisecond
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for {
		due := time.Now().Add(beat)
		timer.Reset(beat)
		select {
		case <-timer.C:
			s.longest.Store(max(s.longest.Load(), int64(time.Since(due))))
		case <-done:
			return
		}
	}
}

func (s *stall) take() time.Duration { return time.Duration(s.longest.Swap(0)) }

// load is the share of one processor that was used between two moments.
func (u usage) load(before usage) float64 {
	return float64(u.cpu-before.cpu) / float64(u.at.Sub(before.at))
}

// TestLecture holds a lecture: one presenter with camera and screen, many
// listeners, some of whom come and go all the time. The clients are another
// process, so that what the server costs is this one's.
func TestLecture(t *testing.T) {
	listeners, peace, timed, times := lectureListeners, lecturePeace, false, 1
	if s := os.Getenv("LECTERN_LECTURE"); s != "" {
		peace, timed, times = lectureLongPeace, true, lectureCrowd
		var err error
		if listeners, err = strconv.Atoi(s); err != nil || listeners < 1 || listeners > 900 {
			t.Fatalf("LECTERN_LECTURE is %q: it is a number of listeners from 1 to 900", s)
		}
	}
	p := start(t, "--mode", "sfu", "--rtc-port", "0", "--rtc-ip", "127.0.0.1", "--log-level", "warn")
	plan := lecturePlan{URL: p.url, Listeners: listeners, Rate: times * lectureRate, Peace: peace, Visits: times * lectureVisits}
	var held stall
	var ends sync.WaitGroup
	done := make(chan struct{})
	ends.Go(func() { held.watch(done) })
	at := map[string]usage{}
	var stalled time.Duration
	r := runLecture(t, plan, func(phase string) {
		stalled = held.take() // of the phase that ends here
		at[phase] = takeUsage()
	})
	close(done)
	ends.Wait()
	stalled += r.Stall

	began, joined, churning, churned := at["began"], at["joined"], at["churning"], at["churned"]
	perListener := func(after, before float64) float64 { return (after - before) / float64(listeners) }
	t.Logf("%d listeners joined at %.0f a second", listeners, r.JoinRate)
	t.Logf("%d came and %d went within %v; first keyframe: %v", r.Joined, r.Left, churned.at.Sub(churning.at).Round(time.Millisecond), r.Keyframes)
	t.Logf("longest gap of those who stayed: camera %v (the presenter's own: %v); sound %v", r.Video, r.Sent.Round(time.Millisecond), r.Audio)
	t.Logf("the machine kept the clients from running for up to %v, both processes for up to %v", r.Stall.Round(time.Millisecond), stalled.Round(time.Millisecond))
	t.Logf("%d packets, of which %d never came, %d of what was sent; on the way: %v", r.Packets, r.Missing, r.Lost, r.Latency)
	t.Logf("server, each listener: %.1f KiB, %.1f goroutines, %.2f%% of a processor in peace; in all %.0f%% in peace, %.0f%% with coming and going (clients: %.0f%%)",
		perListener(float64(joined.memory), float64(began.memory))/1024,
		perListener(float64(joined.goroutines), float64(began.goroutines)),
		100*churning.load(joined)/float64(listeners), 100*churning.load(joined), 100*churned.load(churning),
		100*float64(r.CPU)/float64(churned.at.Sub(churning.at)))

	t.Logf("client, each listener: %.1f KiB, %.1f goroutines", r.Memory/1024, r.Goroutines)
	// What it used does not depend on what else the machine does.
	if share := churning.load(joined) / float64(listeners); share > lectureShare {
		t.Errorf("a listener costs the server %.2f%% of a processor, want at most %.2f%%", 100*share, 100*lectureShare)
	}
	judgeLecture(t, plan, r)
	if timed {
		judgeLectureTimes(t, r, stalled)
	}
}

// judgeLecture holds a lecture to what does not depend on the machine.
func judgeLecture(t *testing.T, plan lecturePlan, r lectureReport) {
	t.Helper()
	if len(r.Failures) > 0 {
		t.Errorf("%d failures: %s", len(r.Failures), strings.Join(r.Failures, "; "))
	}
	if len(r.Events) > 0 {
		t.Errorf("those who stayed were told of something, though nothing concerned them: %v", r.Events)
	}
	if r.Joined != plan.Visits || r.Left != plan.Visits {
		t.Errorf("%d came and %d went, want %d", r.Joined, r.Left, plan.Visits)
	}
	if r.Missing*1000 > r.Packets {
		t.Errorf("%d of %d packets never came, in spite of retransmissions", r.Missing, r.Packets)
	}
}

// judgeLectureTimes holds it to the bounds on time. stalled is not the server's
// fault.
func judgeLectureTimes(t *testing.T, r lectureReport, stalled time.Duration) {
	t.Helper()
	if stalled > lectureStalled {
		t.Skipf("the machine was too busy to hold a lecture: a process waited %v to run", stalled)
	}
	// A packet, and the more a newcomer, waits for several turns of a processor,
	// in both processes; the longest of them is known.
	if most := lectureGap + 3*stalled; r.Video.Max > most || r.Audio.Max > most {
		t.Errorf("the longest gap is %v, that of the sound %v; want at most %v", r.Video.Max, r.Audio.Max, most)
	}
	if most := lectureKeyframe + 4*stalled; r.Keyframes.Max > most {
		t.Errorf("a newcomer waited %v for its first keyframe, want at most %v", r.Keyframes.Max, most)
	}
}

// lecturePrefix begins the lines of the clients' process that are reports.
const lecturePrefix = "lecture: "

// runLecture runs the clients and gives their last report. phase is called for
// each.
func runLecture(t *testing.T, plan lecturePlan, phase func(string)) (r lectureReport) {
	t.Helper()
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestLectureClients$", "-test.v")
	cmd.Env = append(os.Environ(), "LECTERN_LECTURE_PLAN="+string(text))
	var stderr syncBuffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var rest []string
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), lecturePrefix)
		if !ok {
			rest = append(rest, lines.Text())
			continue
		}
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		phase(r.Phase)
	}
	if err := cmd.Wait(); err != nil || r.Phase != "churned" {
		t.Fatalf("the clients ended after %q: %v\n%s%s", r.Phase, err, strings.Join(rest, "\n"), stderr.String())
	}
	return r
}
