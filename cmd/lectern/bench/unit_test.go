package bench

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"lectern/signaling/room"
)

func TestHelp(t *testing.T) {
	var b bytes.Buffer
	if err := Command(t.Context(), "v", []string{"--rooms", "2", "--help"}, &b, &b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/help.txt", b.Bytes())
	for _, line := range strings.Split(b.String(), "\n") {
		if len(line) > helpWidth+2 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]func(p *Plan) bool{
		"":                   func(p *Plan) bool { return p.Viewers == 100 && p.Bitrate == 1_500_000 && p.Audio && p.PID == pidAuto },
		"--viewers 5":        func(p *Plan) bool { return p.Viewers == 5 && p.Publishers == 1 },
		"--scenario meeting": func(p *Plan) bool { return p.Publishers == 8 && p.Viewers == 0 && p.Bitrate == 500_000 },
		"--bitrate 2M --scenario storm --audio=false": func(p *Plan) bool { return p.Viewers == 1000 && p.Bitrate == 2_000_000 && !p.Audio },
		"--bitrate 1500k":                  func(p *Plan) bool { return p.Bitrate == 1_500_000 },
		"--bitrate 250000":                 func(p *Plan) bool { return p.Bitrate == 250_000 },
		"--clients old":                    func(p *Plan) bool { return p.isOld(false) && !p.isOld(true) },
		"--clients old --scenario meeting": func(p *Plan) bool { return p.isOld(true) },
		"--pid 12":                         func(p *Plan) bool { return p.PID == "12" },
	} {
		if p, err := parse(strings.Fields(text)); err != nil || !want(&p) {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	for text, want := range map[string]string{
		"--url ws://x":                      "--url",
		"--url localhost:3000":              "--url",
		"--rooms 0":                         "--rooms",
		"--rooms x":                         "rooms",
		"--publishers 65":                   "--publishers",
		"--viewers 0":                       "nothing is forwarded",
		"--viewers -1":                      "--viewers",
		"--rooms 1000 --viewers 20":         "--rooms",
		"--bitrate 1500kk":                  "no bitrate",
		"--bitrate 1k":                      "--bitrate",
		"--fps 0":                           "--fps",
		"--clients new":                     "--clients",
		"--scenario party":                  "--scenario",
		"--spread 34ms":                     "--spread",
		"--duration 10ms":                   "--duration",
		"--warmup -1s":                      "--warmup",
		"--join-rate 0":                     "--join-rate",
		"--pid server":                      "--pid",
		"extra":                             "no flag",
		"--nonsense":                        "nonsense",
		"--scenario meeting --publishers 1": "nothing is forwarded",
	} {
		_, err := parse(strings.Fields(text))
		if !errors.As(err, new(UsageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// fakeClock is a machine that lets the process run late.
type fakeClock struct {
	now  time.Time
	late []time.Duration // of the next beats
}

func (c *fakeClock) Now() time.Time { return c.now }
func (c *fakeClock) Wait(d time.Duration, _ <-chan struct{}) bool {
	if len(c.late) == 0 {
		return false
	}
	c.now, c.late = c.now.Add(d+c.late[0]), c.late[1:]
	return true
}

// TestSaturation has bench run late in each of the ways that it watches.
func TestSaturation(t *testing.T) {
	timers := func(late time.Duration) Spread {
		c := &fakeClock{now: time.Now()}
		for i := range 1000 {
			c.late = append(c.late, map[bool]time.Duration{true: late, false: time.Millisecond}[i%20 == 0])
		}
		var l lag
		l.phase.Store(measuring)
		l.watch(c, nil)
		if l.measuring.Count() != 1000 {
			t.Fatalf("%d beats were counted, want 1000", l.measuring.Count())
		}
		return spreadOf(&l.measuring)
	}
	for name, c := range map[string]struct {
		set  func(r *Report)
		want string // "" is not saturated
	}{
		"in time":        {func(r *Report) { r.Bench.TimerLate = timers(5 * time.Millisecond) }, ""},
		"timers":         {func(r *Report) { r.Bench.TimerLate = timers(50 * time.Millisecond) }, "timers were"},
		"sends":          {func(r *Report) { r.Bench.SendLate.P99 = 11 }, "sends were"},
		"reads":          {func(r *Report) { r.Bench.ReadLate = &Spread{P99: 30} }, "reads were"},
		"in time reads":  {func(r *Report) { r.Bench.ReadLate = &Spread{P99: 3} }, ""},
		"sockets":        {func(r *Report) { r.Packets.DroppedHere = 1 }, "dropped 1 packet"},
		"all it may use": {func(r *Report) { r.Bench.CPU, r.Bench.Cores, r.Machine.Cores = 0.95, 1, 8 }, "0.95 of the 1 core"},
		"the machine": {func(r *Report) {
			r.Bench.CPU, r.Bench.Cores, r.Machine = 1.1, 2, Machine{Cores: 2, BusyPercent: 99}
		}, "99 % busy, 55 % of it with bench"},
		"others":       {func(r *Report) { r.Bench.CPU, r.Bench.Cores, r.Machine = 0.2, 2, Machine{Cores: 2, BusyPercent: 99} }, ""},
		"left out":     {func(r *Report) { r.Bench.MissedPercent = 20 }, "left out 20 %"},
		"the server's": {func(r *Report) { r.Packets.DroppedServer = 9 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var r Report
			r.Plan, r.MeasuredMs = planned(&Plan{Scenario: "fanout", FPS: 30}), 1000
			c.set(&r)
			r.judge()
			var b strings.Builder
			if err := r.WriteTable(&b); err != nil {
				t.Fatal(err)
			}
			marked := strings.Count(b.String(), warning) == 2 && strings.Contains(b.String(), "latency        *")
			if r.Saturated != (c.want != "") || marked != r.Saturated || c.want != "" && (len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0], c.want)) {
				t.Errorf("saturated %v by %v, want %q\n%s", r.Saturated, r.Reasons, c.want, b.String())
			}
		})
	}
}

// TestTable compares the table of a report that has everything.
func TestTable(t *testing.T) {
	p := defaultPlan(scenarios[0])
	r := Report{
		Version: "v1", Plan: planned(&p), OK: true, MeasuredMs: 15_000, Notes: []string{"others kept 1.0 of 2 cores busy"},
		Members: Members{Planned: 101, Joined: 101, Media: 101, Streams: 100},
		Packets: Packets{Expected: 319500, Received: 319498, Lost: 2, LostPercent: 200. / 319500, DroppedServer: 3, PerSecond: 21299.9},
		Latency: Spread{0.9, 1.5, 2.5, 6}, FirstPacket: Spread{22, 30, 31, 32}, FirstKeyframe: Spread{40, 60, 61, 62},
		Repair: &Repair{Asked: 3, Retransmitted: 1, Keyframes: 1, Feedback: 900}, LongestGap: Gap{51, 40, 34},
		Server:  &Server{PID: 7, CPUPerPacket: 5.1, CPU: 0.109, IdleMiB: 14, LoadedMiB: 32, KiBPerViewer: 184.3},
		Bench:   Bench{CPUPerPacket: 3.1, CPU: 0.07, Share: 3.5, MemoryMiB: 28, SendLate: Spread{0.1, 0.2, 0.3, 1}, ReadLate: &Spread{0.02, 0.1, 0.4, 2}},
		Machine: Machine{Cores: 2, BusyPercent: 14},
	}
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/table.txt", b.Bytes())
}

func TestUsageOfProcesses(t *testing.T) {
	p := small(newServer(t, room.Policy{Mode: room.ModeP2P}))
	if pid, err := serverPID(&p); pid != 0 || err != nil {
		t.Errorf("a server in this process is process %d (%v); it is not to be told apart", pid, err)
	}
	p.PID = "1"
	if pid, err := serverPID(&p); pid != 1 && err == nil {
		t.Errorf("got %d", pid)
	}
	p.PID = "999999999"
	if _, err := serverPID(&p); err == nil || !strings.Contains(err.Error(), "no process") {
		t.Errorf("of a process that is not there: %v", err)
	}
	p.PID = pidNone
	if pid, err := serverPID(&p); pid != 0 || err != nil {
		t.Errorf("got %d, %v", pid, err)
	}
	before := usage{at: time.Unix(100, 0), cpu: time.Second, busy: 10, all: 100}
	after := usage{at: time.Unix(110, 0), cpu: 6 * time.Second, busy: 60, all: 200}
	if c, b := after.cores(before), after.busyPercent(before); c != 0.5 || b != 50 {
		t.Errorf("%v cores, %v %% busy", c, b)
	}
}

// TestNotes has a report be good, but not without a word.
func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(r *Report)
		want string
	}{
		"a quiet machine":   {func(*Report) {}, ""},
		"the server's loss": {func(r *Report) { r.Packets.Lost = 3 }, "the server or the network lost"},
		"a flood": {func(r *Report) {
			r.Packets.Lost, r.Packets.DroppedHere, r.Bench.ReadLate = 3, 3, &Spread{Max: 2}
		}, "though they were read in time"},
		"its sockets":  {func(r *Report) { r.Packets.DroppedServer = 3 }, "no room for 3 packets"},
		"others":       {func(r *Report) { r.Machine.BusyPercent = 90 }, "others kept 1.5 of 2 cores"},
		"its own work": {func(r *Report) { r.Machine.BusyPercent, r.Server.CPU = 90, 1.6 }, ""},
		"cut":          {func(r *Report) { r.EndedEarly = interrupted }, "interrupted: the figures are of 1.0 s"},
		"nothing":      {func(r *Report) { r.EndedEarly, r.MeasuredMs = serverGone, 0 }, "before anything"},
	} {
		r := Report{
			MeasuredMs: 1000, Server: &Server{CPU: 0.2}, Bench: Bench{CPU: 0.1, Cores: 2}, Machine: Machine{Cores: 2, BusyPercent: 18},
		}
		c.set(&r)
		r.judge()
		got := strings.Join(r.Notes, "; ")
		if r.Saturated || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q (saturated by %v)", name, got, c.want, r.Reasons)
		}
	}
	lost := Report{Packets: Packets{Lost: 3, DroppedHere: 3}}
	if lost.judge(); len(lost.Notes) != 0 {
		t.Errorf("a loss of bench's own is blamed on others: %v", lost.Notes)
	}
	late := Report{Joining: Joining{TimerLate: Spread{P99: 50}}, MeasuredMs: 1000}
	late.judge()
	var b strings.Builder
	if err := late.WriteTable(&b); err != nil || late.Saturated || !late.Joining.Saturated ||
		!strings.Contains(b.String(), "first packet   *") || strings.Contains(b.String(), "latency        *") {
		t.Errorf("%v: joining was late:\n%s", err, b.String())
	}
}
