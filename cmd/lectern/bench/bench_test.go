package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lectern/sfu"
	"lectern/signaling/conn"
	"lectern/signaling/media"
	"lectern/signaling/p2p"
	"lectern/signaling/room"
	"lectern/signaling/wsjson"
)

var update = flag.Bool("update", false, "rewrite testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newServer starts a server in this process, in one of the modes of
// room.Policy, and gives its address.
func newServer(t *testing.T, p room.Policy) string {
	t.Helper()
	return startServer(t, p).url
}

// testServer is a server that a test may stop before its end.
type testServer struct {
	url  string
	stop func()
}

func startServer(t *testing.T, p room.Policy) testServer {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	plane := func(string, room.Policy) media.Plane { return p2p.New() }
	if p.Mode == room.ModeSFU {
		s, err := sfu.New(sfu.Config{Addresses: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		plane = func(string, room.Policy) media.Plane { return s.NewPlane(log) }
	}
	hub := room.NewHub(room.Settings{Grace: time.Second, Policy: p, NewPlane: plane, NewToken: rand.Text}, log)
	t.Cleanup(hub.Close)
	ws := wsjson.New(conn.NewServer(hub, conn.Options{Log: log}), wsjson.Options{Logger: log})
	h := httptest.NewServer(ws)
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = ws.Close(ctx)
		h.CloseClientConnections()
		h.Close()
	})
	t.Cleanup(stop)
	return testServer{h.URL, stop}
}

// small is a plan for tests.
func small(url string) Plan {
	p := defaultPlan(scenarios[0])
	p.URL, p.Publishers, p.Viewers, p.Bitrate = url, 2, 5, 300_000
	p.Warmup, p.Duration = 200*time.Millisecond, 2*time.Second
	return p
}

// TestRun measures a small room and holds the report to what must be so. How
// fast the machine is does not matter to it.
func TestRun(t *testing.T) {
	for name, set := range map[string]func(*Plan){
		"capable": func(*Plan) {},
		"old":     func(p *Plan) { p.Clients, p.Viewers = old, 2 },
		"meeting": func(p *Plan) { p.Publishers, p.Viewers, p.Rooms = 3, 0, 2 },
		"encoder": func(p *Plan) { p.JitterSizes, p.Spread, p.Audio = true, 10*time.Millisecond, false },
	} {
		t.Run(name, func(t *testing.T) {
			p := small(newServer(t, room.Policy{Mode: room.ModeSFU}))
			set(&p)
			said := 0
			r, err := Run(t.Context(), p, func(string) { said++ })
			if err != nil {
				t.Fatal(err)
			}
			checkReport(t, &p, r)
			if said < 4 {
				t.Errorf("it told %d times how it goes", said)
			}
		})
	}
}

func checkReport(t *testing.T, p *Plan, r *Report) {
	t.Helper()
	if !r.OK || len(r.Failures) > 0 {
		t.Errorf("failures: %v", r.Failures)
	}
	streams := p.Rooms * p.Publishers * (p.Publishers - 1 + p.Viewers)
	if m := r.Members; m.Planned != p.members() || m.Joined != m.Planned || m.Media != m.Planned || m.Streams != streams {
		t.Errorf("members: %+v, want %d with %d streams", m, p.members(), streams)
	}
	if r.Packets.Expected == 0 || r.Packets.Received+r.Packets.Lost != r.Packets.Expected {
		t.Errorf("packets: %+v", r.Packets)
	}
	if !r.Saturated && r.Packets.Lost != 0 {
		t.Errorf("packets were lost: %+v", r.Packets)
	}
	if rate := float64(r.Packets.Received) / p.Duration.Seconds(); rate != r.Packets.PerSecond {
		t.Errorf("%v packets a second, want %v", r.Packets.PerSecond, rate)
	}
	// What a publisher sends in a second, less what the machine held up.
	each := float64(p.FPS)
	if p.Audio {
		each += 50
	}
	if most := float64(streams) * each * 4; r.Packets.PerSecond > most || !r.Saturated && r.Packets.PerSecond < float64(streams)*each*0.95 {
		t.Errorf("%v packets a second of %d streams", r.Packets.PerSecond, streams)
	}
	for name, s := range map[string]Spread{"latency": r.Latency, "first packet": r.FirstPacket, "first keyframe": r.FirstKeyframe, "sends": r.Bench.SendLate} {
		if s.P50 <= 0 || s.P95 < s.P50 || s.P99 < s.P95 || s.Max < s.P99 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if r.FirstKeyframe.P50 < r.FirstPacket.P50 {
		t.Errorf("the first keyframe comes after %v, the first packet after %v", r.FirstKeyframe, r.FirstPacket)
	}
	if r.LongestGap.Video < 1000/float64(p.FPS) || (r.LongestGap.Audio > 0) != p.Audio {
		t.Errorf("gaps: %+v", r.LongestGap)
	}
	if (r.Repair != nil) != (p.Clients == capable) || r.Server != nil {
		t.Errorf("repair %v, server %v", r.Repair, r.Server)
	}
	if r.Bench.CPU <= 0 || r.Bench.CPUPerPacket <= 0 || r.Bench.MemoryMiB <= 0 || r.Machine.Cores == 0 {
		t.Errorf("bench: %+v on %+v", r.Bench, r.Machine)
	}
	if r.Saturated != (len(r.Reasons) > 0) {
		t.Errorf("saturated %v by %v", r.Saturated, r.Reasons)
	}
}

// TestFailures has servers that are not to be measured.
func TestFailures(t *testing.T) {
	t.Run("peer to peer", func(t *testing.T) {
		p := small(newServer(t, room.Policy{Mode: room.ModeP2P}))
		p.Viewers = 0
		r := &run{plan: &p, say: func(string) {}}
		checkAstray(t, r, "--mode sfu")
	})
	t.Run("a small stage", func(t *testing.T) {
		p := small(newServer(t, room.Policy{Mode: room.ModeSFU, Stage: 1}))
		checkAstray(t, &run{plan: &p, say: func(string) {}}, "--stage")
	})
	t.Run("a full room", func(t *testing.T) {
		p := small(newServer(t, room.Policy{Mode: room.ModeSFU, MaxMembers: 4}))
		var out bytes.Buffer
		err := Command(t.Context(), "v", []string{"--url", p.URL, "--publishers", "2", "--viewers", "4", "--duration", "1s", "--warmup", "0s"}, &out, &out)
		if err == nil || errors.As(err, new(UsageError)) || !strings.Contains(err.Error(), "--max-members") {
			t.Errorf("got %v, want a failure", err)
		}
		if !strings.Contains(out.String(), "4 of 6 joined") || !strings.Contains(out.String(), "Not everything worked") {
			t.Errorf("the table is\n%s", out.String())
		}
	})
	t.Run("no server", func(t *testing.T) {
		p := small("http://127.0.0.1:9")
		if _, err := Run(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), "no server is there") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("too many files", func(t *testing.T) {
		p := small("http://127.0.0.1:9")
		p.Rooms, p.Viewers = 1000, 15
		if most := maxFiles(); most == 0 || most > p.files() {
			t.Skipf("this process may open %d files", most)
		}
		if _, err := Run(t.Context(), p, nil); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
			t.Errorf("got %v", err)
		}
	})
}

// TestEndsEarly has runs end before their time: the report is of what there was.
func TestEndsEarly(t *testing.T) {
	t.Run("the server goes away", func(t *testing.T) {
		p := small("")
		s := startServer(t, room.Policy{Mode: room.ModeSFU})
		p.URL, p.Duration = s.url, 20*time.Second
		r, err := Run(t.Context(), p, func(text string) {
			if strings.HasPrefix(text, "measuring: 19") {
				s.stop()
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.OK || r.EndedEarly != serverGone || len(r.Failures) != 1 || r.MeasuredMs > 10_000 || r.Packets.Received == 0 {
			t.Errorf("after %v ms: %q, %v, %+v", r.MeasuredMs, r.EndedEarly, r.Failures, r.Packets)
		}
	})
	for _, phase := range []string{"joining", "warming", "measuring"} {
		t.Run("interrupted while "+phase, func(t *testing.T) {
			p := small(newServer(t, room.Policy{Mode: room.ModeSFU}))
			p.JoinRate, p.Duration = 5, 3*time.Second
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			r, err := Run(ctx, p, func(text string) {
				if strings.HasPrefix(text, phase) {
					if n++; n == 2 || phase == "warming" {
						cancel()
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.EndedEarly != interrupted || !r.OK || (r.MeasuredMs > 0) != (phase == "measuring") {
				t.Errorf("ended early %q after %v ms, failures %v", r.EndedEarly, r.MeasuredMs, r.Failures)
			}
			if phase == "measuring" && (r.MeasuredMs > 2900 || r.Packets.Received == 0 || !r.Saturated && r.Packets.Lost != 0) {
				t.Errorf("of %v ms: %+v", r.MeasuredMs, r.Packets)
			}
			var b strings.Builder
			if err := r.WriteTable(&b); err != nil || !strings.Contains(b.String(), "It was interrupted") {
				t.Errorf("%v: %s", err, b.String())
			}
		})
	}
}

// checkAstray has the members join and waits until they say what is wrong.
func checkAstray(t *testing.T, r *run, want string) {
	t.Helper()
	engine, err := newEngine(r.plan)
	if err != nil {
		t.Fatal(err)
	}
	r.crowd = newCrowd(r.plan, engine)
	defer r.crowd.leave()
	if err := r.crowd.fill(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestJSON holds the names in the report: they stay.
func TestJSON(t *testing.T) {
	r := &Report{
		Failures: []string{}, Reasons: []string{}, Notes: []string{}, Repair: &Repair{}, Server: &Server{},
		Bench: Bench{ReadLate: &Spread{}}, Joining: Joining{Reasons: []string{}, ReadLate: &Spread{}},
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.json", append(b, '\n'))
	var back Report
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(r, &back) {
		t.Errorf("read again it is %+v (%v)", back, err)
	}
}

func TestCommandWritesJSON(t *testing.T) {
	url := newServer(t, room.Policy{Mode: room.ModeSFU})
	file := t.TempDir() + "/report.json"
	args := []string{"--url", url, "--viewers", "2", "--duration", "1s", "--warmup", "0s", "--pid", "none", "--json"}
	var table, stdout, stderr bytes.Buffer
	if err := Command(t.Context(), "v1", append(args, file), &table, &stderr); err != nil {
		t.Fatal(err)
	}
	if err := Command(t.Context(), "v1", append(args, "-"), &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{b, stdout.Bytes()} {
		var r Report
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil || r.Version != "v1" || r.Packets.Received == 0 || r.Started.IsZero() || r.Failures == nil || r.Reasons == nil || r.Notes == nil || r.Joining.Reasons == nil {
			t.Errorf("%v: %s", err, b)
		}
	}
	if !strings.Contains(table.String(), "3 of 3 joined, 3 with media") || stderr.Len() > 0 {
		t.Errorf("stdout %s\nstderr %s", table.String(), stderr.String())
	}
}

// TestJSONCannotBeWritten holds that this is said before a run, not after it.
func TestJSONCannotBeWritten(t *testing.T) {
	var out bytes.Buffer
	err := Command(t.Context(), "v1", []string{"--url", "http://127.0.0.1:9", "--json", t.TempDir() + "/none/x.json"}, &out, &out)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--json") || out.Len() > 0 {
		t.Errorf("got %v, and\n%s", err, out.String())
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what is written; run the test with -update and read the difference. It is:\n%s", file, got)
	}
}
