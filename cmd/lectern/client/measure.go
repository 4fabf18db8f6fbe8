package client

import (
	"sync/atomic"
	"time"

	"lectern/cmd/lectern/client/downlink"
)

// span is a time of measurement, in nanoseconds since 1970 as stamps have it.
type span struct{ from, to int64 }

// Measured is what came of a stream that was sent within the time of
// Engine.Measure.
type Measured struct {
	Packets int64 // by its stamps: each once, by whatever way it came
	Latency Histogram
}

// Sent is what a client sent of one kind of a stream type within the time of
// Engine.Measure.
type Sent struct {
	Source  uint32 // as in Stats
	Packets int64
}

// Measure has the packets counted that are sent from one moment to another, at
// both ends, and begins Lateness and Made anew. Before that none are. from is to
// lie a moment ahead, so that both ends know in time what counts.
func (e *Engine) Measure(from, to time.Time) {
	e.span.Store(&span{sinceEpoch(from), sinceEpoch(to)})
	e.lateSends.reset()
	e.lateReads.reset()
	e.made.Store(0)
	e.missed.Store(0)
}

// EndMeasure has the running measurement end sooner. at is to lie ahead likewise.
func (e *Engine) EndMeasure(at time.Time) {
	if s := e.span.Load(); s != nil {
		e.span.Store(&span{s.from, min(s.to, sinceEpoch(at))})
	}
}

// measures reports whether a packet that was sent at a time is counted.
func (e *Engine) measures(sent int64) bool {
	s := e.span.Load()
	return s != nil && sent >= s.from && sent < s.to
}

// Lateness is how late this process was with what it had to do, since Measure:
// pictures and sounds after they were due, packets that waited in the sockets
// of light clients.
func (e *Engine) Lateness() (sends, reads Histogram) {
	return e.lateSends.take(), e.lateReads.take()
}

// Made is how many pictures and sounds were made since Measure, and how many
// were left out because the process was held up for longer than a camera's
// frames live.
func (e *Engine) Made() (made, missed int64) { return e.made.Load(), e.missed.Load() }

// Counters are of all light clients of the engine together.
func (e *Engine) Counters() downlink.Counters { return e.light.Counters() }

// Sent gives what the client sent of its camera and microphone.
func (c *Client) Sent() (list [2]Sent) {
	for i, s := range c.publisher.sources[:2] {
		list[i] = Sent{s.id, s.measured.Load()}
	}
	return list
}

// meter is a Histogram that may be added to concurrently.
type meter struct {
	longest atomic.Int64
	counts  [buckets]atomic.Uint32
}

func (m *meter) add(d time.Duration) {
	m.counts[bucketOf(d)].Add(1)
	for {
		old := m.longest.Load()
		if int64(d) <= old || m.longest.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

func (m *meter) reset() {
	m.longest.Store(0)
	for i := range m.counts {
		m.counts[i].Store(0)
	}
}

func (m *meter) take() (h Histogram) {
	h.longest = time.Duration(m.longest.Load())
	for i := range m.counts {
		h.counts[i] = m.counts[i].Load()
		h.count += uint64(h.counts[i])
	}
	return h
}
