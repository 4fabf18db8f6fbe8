package client

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"lectern/sfu/codec"
	"lectern/sfu/description"
	"lectern/signaling/protocol"
)

func TestWindow(t *testing.T) {
	type step struct {
		n       int64
		isNew   bool
		missing int64
	}
	cases := map[string][]step{
		"in order":     {{5, true, 0}, {6, true, 0}, {7, true, 0}},
		"again":        {{5, true, 0}, {5, false, 0}, {6, true, 0}, {5, false, 0}},
		"a gap closes": {{5, true, 0}, {8, true, 2}, {6, true, 1}, {6, false, 1}, {7, true, 0}},
		"before first": {{5, true, 0}, {4, false, 0}},
		"long gap":     {{5, true, 0}, {5 + windowSize - 1, true, windowSize - 2}, {6, true, windowSize - 3}},
		"a new sender": {{5, true, 0}, {7, true, 1}, {7 + windowSize, true, 1}, {8 + windowSize, true, 1}},
		"and backward": {{5000, true, 0}, {10, true, 0}, {11, true, 0}},
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			var w window
			for _, s := range steps {
				if got := w.add(s.n); got != s.isNew || w.missing() != s.missing {
					t.Fatalf("%d: new %v, missing %d; want %v, %d", s.n, got, w.missing(), s.isNew, s.missing)
				}
			}
		})
	}
}

func TestWindowWrapsAround(t *testing.T) {
	var w window
	for i := range 200_000 {
		seq := uint16(65_500 + i) //nolint:gosec // wraps around
		if i%10 == 3 {
			continue
		}
		if !w.add(w.extend(seq)) {
			t.Fatalf("packet %d counts as old", i)
		}
	}
	if w.missing() != 20_000 {
		t.Errorf("%d are missing, want 20000", w.missing())
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for range 10_000 {
		d := time.Duration(rand.Int64N(int64(time.Minute))) >> rand.IntN(30)
		i := bucketOf(d)
		if d >= edge(i) || i > 0 && d < edge(i-1) {
			t.Fatalf("%v is in the bucket below %v", d, edge(i))
		}
		h.Add(d)
	}
	for i := 1; i < buckets; i++ {
		if low, high := edge(i-1), edge(i); high <= low || i > 2*perDoubling && high-low > low/perDoubling {
			t.Fatalf("bucket %d is %v to %v", i, low, high)
		}
	}
	var one Histogram
	one.Add(3 * time.Millisecond)
	if q := one.Quantile(0.5); q != 3*time.Millisecond {
		t.Errorf("the median of 3 ms is %v", q)
	}
	var uniform Histogram
	for i := range 10_000 {
		uniform.Add(time.Duration(i) * 10 * time.Microsecond) // to 100 ms
	}
	for _, part := range []float64{0.01, 0.1, 0.5, 0.95, 0.99} {
		want := time.Duration(part * 100 * float64(time.Millisecond))
		if q := uniform.Quantile(part); q < want*15/16 || q > want*17/16 {
			t.Errorf("the quantile %v is %v, want %v", part, q, want)
		}
	}
	one.Merge(&h)
	if one.Count() != 10_001 || one.Quantile(1) < h.Quantile(1) || (&Histogram{}).Quantile(0.5) != 0 {
		t.Error("merging lost something")
	}
	one.Add(-time.Second)
	one.Add(1 << 62)
}

func TestSetDirections(t *testing.T) {
	text := strings.ReplaceAll(`v=0
a=sendrecv
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=sendrecv
a=mid:0
m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:1
a=x
a=sendonly
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:2
a=sendrecv
`, "\n", "\r\n")
	want := strings.Replace(strings.Replace(text, "a=sendrecv\r\na=mid:0", "a=inactive\r\na=mid:0", 1), "a=sendonly", "a=recvonly", 1)
	got := setDirections(text, map[string]description.Direction{"0": description.Inactive, "1": description.RecvOnly})
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// capture is a connection that keeps what is sent.
type capture struct {
	packets [][]byte
}

func (c *capture) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	b, err := (&rtp.Packet{Header: *h, Payload: append([]byte(nil), payload...)}).Marshal()
	c.packets = append(c.packets, b)
	return len(b), err
}

func (c *capture) Write(b []byte) (int, error) { return len(b), nil }

// captured is a source with somewhere to send to.
func captured(k codec.Kind) (*source, *capture) {
	s, c := newSource(new(Engine), protocol.StreamUser, k), &capture{}
	o := newOutlet(s, "stream")
	o.bound.Store(&binding{1234, 96, c})
	o.gate(true)
	s.outlets.Store(&[]*outlet{o})
	return s, c
}

func TestSourceMakesWhatItShould(t *testing.T) {
	s, out := captured(codec.Video)
	video := Video{FPS: 25, Bitrate: 500_000}
	start := time.Now()
	for at := time.Duration(0); at < 10*time.Second; at += 7 * time.Millisecond {
		if at == 35*7*time.Millisecond {
			s.asked.Store(true)
		}
		s.make(start.Add(at), time.Second/25, video)
	}
	stream := &Stream{engine: new(Engine), key: Key{Kind: codec.Video}, changed: func() {}}
	var in inflow
	bytes := 0
	for i, b := range out.packets {
		bytes += len(b)
		stream.take(&in, b, start.Add(time.Duration(i)*time.Millisecond))
	}
	st := stream.Stats()
	if st.Frames != 250 || st.Keyframes != 2 || st.Missing != 0 || st.Lost != 0 || st.Source != s.id || st.Sources != 1 {
		t.Errorf("got %+v", st)
	}
	if want := 10 * 500_000 / 8; bytes < want || bytes > want*11/10 {
		t.Errorf("%d bytes in 10 s, want some %d", bytes, want)
	}
}

func TestSourceSkipsWhatIsLongAgo(t *testing.T) {
	s, out := captured(codec.Audio)
	start := time.Now()
	s.make(start, audioEvery, Video{})
	s.make(start.Add(time.Minute), audioEvery, Video{})
	if n := len(out.packets); n != 2 {
		t.Errorf("it made %d packets after a minute's pause, want 1 before and 1 after", n)
	}
}

func TestStreamOverTwoConnectors(t *testing.T) {
	s, out := captured(codec.Video)
	now := time.Now()
	for i := range 50 {
		s.make(now.Add(time.Duration(i)*40*time.Millisecond), 40*time.Millisecond, Video{FPS: 25, Bitrate: 100_000})
	}
	stream := &Stream{engine: new(Engine), key: Key{Kind: codec.Video}, changed: func() {}}
	var first, second inflow
	for i, b := range out.packets {
		at := now.Add(time.Duration(i) * 40 * time.Millisecond)
		if i < 30 {
			stream.take(&first, b, at)
		}
		if i >= 20 {
			stream.take(&second, b, at)
		}
	}
	if st := stream.Stats(); st.Frames != 50 || st.Packets != int64(len(out.packets)) || st.Lost != 0 || st.Missing != 0 {
		t.Errorf("of %d packets it counts %+v", len(out.packets), st)
	}
	if gap := stream.TakeGap(now.Add(time.Hour)); gap < time.Minute {
		t.Errorf("the running gap is not in %v", gap)
	}
}

func TestTakeDoesNotAllocate(t *testing.T) {
	s, out := captured(codec.Video)
	now := time.Now()
	for i := range 2000 {
		s.make(now.Add(time.Duration(i)*10*time.Millisecond), 10*time.Millisecond, Video{FPS: 100, Bitrate: 800_000})
	}
	stream := &Stream{engine: new(Engine), key: Key{Kind: codec.Video}, changed: func() {}}
	var in inflow
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		stream.take(&in, out.packets[i], now)
		i++
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func FuzzTake(f *testing.F) {
	s, out := captured(codec.Video)
	s.make(time.Now(), time.Second, Video{FPS: 1, Bitrate: 10_000})
	for _, b := range out.packets {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range []codec.Kind{codec.Audio, codec.Video} {
			stream := &Stream{engine: new(Engine), key: Key{Kind: k}, changed: func() {}}
			var in inflow
			for range 2 {
				stream.take(&in, b, time.Now())
			}
			if st := stream.Stats(); st.Packets > 1 || st.Missing != 0 || st.Lost != 0 {
				t.Errorf("one packet counts as %+v", st)
			}
		}
	})
}
