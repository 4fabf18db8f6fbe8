package client

import (
	"testing"
	"time"

	"lectern/sfu/codec"
)

// TestSplits cuts a second of pictures in each way.
func TestSplits(t *testing.T) {
	const fps, bitrate, most = 30, 1_500_000, 1150
	for name, c := range map[string]struct {
		split  Split
		within func(sizes []int) bool // of one picture
	}{
		"full":  {SplitFull, func(s []int) bool { return len(s) == 6 && s[0] == most && s[5] == 500 }},
		"exact": {SplitExact, func(s []int) bool { return s[0] == most && s[len(s)-1] == most }},
		"even": {SplitEven, func(s []int) bool {
			return s[0] <= s[len(s)-1] && s[len(s)-1] <= s[0]+1 && s[0] > most*3/4 && s[0] <= most
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := captured(codec.Video)
			sum, packets := 0, 0
			for range 10 * fps {
				sizes := s.split(bitrate/8/fps, Video{MaxPayload: most, Split: c.split})
				if !c.within(sizes) {
					t.Fatalf("a picture is %v", sizes)
				}
				packets += len(sizes)
				for _, n := range sizes {
					sum += n
				}
			}
			if want := 10 * bitrate / 8; sum < want*97/100 || sum > want*103/100 || packets < want/most {
				t.Errorf("%d bytes in %d packets, want some %d bytes", sum, packets, want)
			}
		})
	}
}

func TestSpreadsAPicture(t *testing.T) {
	s, out := captured(codec.Video)
	video := Video{FPS: 25, Bitrate: 1_000_000, MaxPayload: 1000, Spread: 20 * time.Millisecond}
	const every = 40 * time.Millisecond
	start := time.Now()
	s.make(start, every, video)
	key := len(s.parts) + len(out.packets) // the first picture is large
	for at := start; at.Before(start.Add(every - time.Millisecond)); at = s.next() {
		s.make(at, every, video)
	}
	if len(out.packets) != key || key != 5*5 {
		t.Fatalf("%d of %d packets were sent before the next picture, want all 25", len(out.packets), key)
	}
	sent := len(out.packets)
	next := start.Add(every)
	for i, want := range []int{1, 2, 3, 4, 5} {
		s.make(next.Add(time.Duration(i)*4*time.Millisecond), every, video)
		if got := len(out.packets) - sent; got != want {
			t.Errorf("%d packets after %d ms, want %d", got, i*4, want)
		}
	}
	sends, _ := s.engine.Lateness()
	if sends.Count() == 0 || sends.Quantile(1) > 2*time.Millisecond {
		t.Errorf("the latest of %d was %v late, want none to be", sends.Count(), sends.Quantile(1))
	}
}

// TestMeasure has the sender and the receiver count the same packets.
func TestMeasure(t *testing.T) {
	s, out := captured(codec.Video)
	stream := &Stream{engine: s.engine, key: Key{Kind: codec.Video}, changed: func() {}}
	var in inflow
	pictures := func(n int) {
		for range n {
			s.make(time.Now(), time.Nanosecond, Video{FPS: 100, Bitrate: 800_000})
			s.due = time.Time{}
		}
	}
	pictures(10)
	begin := time.Now()
	s.engine.Measure(begin, begin.Add(time.Hour))
	before := len(out.packets)
	pictures(10)
	want := int64(len(out.packets) - before)
	s.engine.span.Store(&span{sinceEpoch(begin), sinceEpoch(time.Now())})
	pictures(10)
	for _, b := range out.packets {
		stream.take(&in, b, time.Now())
	}
	if sent, got := s.measured.Load(), stream.Stats().Measured; sent != want || got.Packets != want || got.Latency.Count() != uint64(want) { //nolint:gosec // not negative
		t.Errorf("sent %d, received %d, want %d", sent, got.Packets, want)
	}
}
