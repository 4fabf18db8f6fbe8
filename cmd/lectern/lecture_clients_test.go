package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lectern/cmd/lectern/client"
	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

const (
	lectureRoom = "lecture"
	// lectureDoor is how many join at once while the room fills.
	lectureDoor = 32
	// lectureStay is how long a newcomer stays.
	lectureStay = time.Second
)

// lecture is the clients' side of a lecture.
type lecture struct {
	t      *testing.T
	plan   lecturePlan
	engine *client.Engine

	held      stall
	presenter *client.Client
	stay      []*client.Client

	mu sync.Mutex
	// Guarded by mu.
	report    lectureReport
	keyframes []time.Duration
	names     int
}

// TestLectureClients is the clients' process of TestLecture.
func TestLectureClients(t *testing.T) {
	text := os.Getenv("LECTERN_LECTURE_PLAN")
	if text == "" {
		t.Skip("TestLecture starts it")
	}
	l := &lecture{t: t}
	if err := json.Unmarshal([]byte(text), &l.plan); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.engine, err = client.NewEngine(netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	var ends sync.WaitGroup
	done := make(chan struct{})
	ends.Go(func() { l.held.watch(done) })
	defer ends.Wait()
	defer close(done)
	l.say("began")
	l.present()
	before := takeUsage()
	l.fill()
	after := takeUsage()
	l.report.Goroutines = float64(after.goroutines-before.goroutines) / float64(l.plan.Listeners)
	l.report.Memory = float64(after.memory-before.memory) / float64(l.plan.Listeners)
	counts := l.counts()
	l.say("joined")
	<-time.After(l.plan.Peace) // what the server uses meanwhile is being measured
	l.comeAndGo(counts)
}

// say prints the report as it is.
func (l *lecture) say(phase string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Phase = phase
	text, err := json.Marshal(l.report)
	if err != nil {
		l.t.Fatal(err)
	}
	fmt.Printf("%s%s\n", lecturePrefix, text)
}

func (l *lecture) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.report.Failures) < 20 {
		l.report.Failures = append(l.report.Failures, err.Error())
	}
}

// present has the presenter come, with camera, microphone and screen.
func (l *lecture) present() {
	c, err := l.join("presenter", protocol.RoleHost)
	if err != nil {
		l.t.Fatal(err)
	}
	l.presenter = c
	if err := c.Publish(client.Media{Audio: true, Video: client.Video{FPS: 25, Bitrate: 400_000}}); err != nil {
		l.t.Fatal(err)
	}
	if err := c.Share(client.Video{FPS: 5, Bitrate: 200_000}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lecture) join(name string, r protocol.Role) (*client.Client, error) {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	o := client.Options{Name: name, Room: lectureRoom, Engine: l.engine}
	if r == protocol.RoleAudience {
		o.Role = r
	}
	c, err := client.Dial(ctx, l.plan.URL, o)
	if err != nil {
		return nil, err
	}
	l.t.Cleanup(c.Close)
	if err := c.Join(ctx); err != nil {
		return c, err
	}
	return c, nil
}

// listen has a listener come and waits until it has everything.
func (l *lecture) listen() (*client.Client, error) {
	l.mu.Lock()
	l.names++
	name := fmt.Sprintf("listener %d", l.names)
	l.mu.Unlock()
	c, err := l.join(name, protocol.RoleAudience)
	if err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	err = c.Wait(ctx, func(client.State) bool {
		for _, s := range l.streams(c) {
			if s == nil || s.Stats().FirstPacket.IsZero() || s.Key().Kind == codec.Video && s.Stats().Keyframes == 0 {
				return false
			}
		}
		return true
	})
	if err != nil {
		err = fmt.Errorf("%s got no picture: %w; it has %v", name, err, c.Faults())
	}
	return c, err
}

// streams are the presenter's at a listener: camera, sound, screen.
func (l *lecture) streams(c *client.Client) [3]*client.Stream {
	of := l.presenter.State().Member
	return [3]*client.Stream{
		c.Stream(client.Key{Member: of, Stream: protocol.StreamUser, Kind: codec.Video}),
		c.Stream(client.Key{Member: of, Stream: protocol.StreamUser, Kind: codec.Audio}),
		c.Stream(client.Key{Member: of, Stream: protocol.StreamDisplay, Kind: codec.Video}),
	}
}

// fill lets those in who stay.
func (l *lecture) fill() {
	began := time.Now()
	var next atomic.Int64
	var ends sync.WaitGroup
	for range lectureDoor {
		ends.Go(func() {
			for next.Add(1) <= int64(l.plan.Listeners) {
				c, err := l.listen()
				if err != nil {
					l.fail(err)
					continue
				}
				l.mu.Lock()
				l.stay = append(l.stay, c)
				l.mu.Unlock()
			}
		})
	}
	ends.Wait()
	l.report.JoinRate = float64(len(l.stay)) / time.Since(began).Seconds()
}

// counts are the events of those who stay.
func (l *lecture) counts() (list []map[string]int) {
	for _, c := range l.stay {
		list = append(list, c.Counts())
	}
	return list
}

// comeAndGo has others come and go, and tells what that does to those who stay.
func (l *lecture) comeAndGo(before []map[string]int) {
	for _, c := range l.stay {
		for _, s := range l.streams(c) {
			s.TakeGap(time.Now())
		}
	}
	l.presenter.TakeSendGap()
	l.held.take()
	cpu := cpuTime()
	l.say("churning")
	l.churn()
	l.report.CPU = cpuTime() - cpu
	l.report.Stall = l.held.take()
	l.report.Sent = l.presenter.TakeSendGap()
	l.measure(before)
	l.say("churned")
}

// churn ends with the last newcomer.
func (l *lecture) churn() {
	beat := time.NewTicker(time.Second / time.Duration(l.plan.Rate))
	defer beat.Stop()
	var ends sync.WaitGroup
	for range l.plan.Visits {
		<-beat.C
		ends.Go(l.visit)
	}
	ends.Wait()
}

// visit is a listener who comes, stays for a moment and goes.
func (l *lecture) visit() {
	began := time.Now()
	c, err := l.listen()
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		l.fail(err)
		return
	}
	waited := l.streams(c)[0].Stats().FirstKeyframe.Sub(began)
	l.mu.Lock()
	l.report.Joined++
	l.keyframes = append(l.keyframes, waited)
	l.mu.Unlock()
	<-time.After(lectureStay)
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	if err := c.Leave(ctx); err != nil {
		l.fail(err)
		return
	}
	l.mu.Lock()
	l.report.Left++
	l.mu.Unlock()
}

// measure looks at those who stayed.
func (l *lecture) measure(before []map[string]int) {
	r := &l.report
	r.Events = map[string]int{}
	var video, audio []time.Duration
	var latency client.Histogram
	now := time.Now()
	for i, c := range l.stay {
		for event, n := range c.Counts() {
			if more := n - before[i][event]; more > 0 {
				r.Events[event] += more
			}
		}
		streams := l.streams(c)
		video = append(video, streams[0].TakeGap(now))
		audio = append(audio, streams[1].TakeGap(now))
		for _, s := range streams {
			st := s.Stats()
			r.Packets, r.Missing, r.Lost = r.Packets+st.Packets, r.Missing+st.Missing, r.Lost+st.Lost
			latency.Merge(&st.Latency)
		}
	}
	r.Video, r.Audio, r.Keyframes = spreadOf(video), spreadOf(audio), spreadOf(l.keyframes)
	r.Latency = spread{latency.Quantile(0.5), latency.Quantile(0.95), latency.Quantile(1)}
}

func spreadOf(list []time.Duration) spread {
	if len(list) == 0 {
		return spread{}
	}
	slices.Sort(list)
	at := func(q float64) time.Duration { return list[int(q*float64(len(list)-1))] }
	return spread{at(0.5), at(0.95), at(1)}
}
