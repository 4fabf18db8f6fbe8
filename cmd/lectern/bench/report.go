package bench

import (
	"slices"
	"time"

	"lectern/cmd/lectern/client"
)

// Report is what a run came to.
type Report struct {
	Version string    `json:"version"` // of bench
	Started time.Time `json:"started"` // the measured span
	Plan    Planned   `json:"plan"`

	OK        bool     `json:"ok"`        // everybody who was to get media got it
	Failures  []string `json:"failures"`  // what did not work, the first ones
	Saturated bool     `json:"saturated"` // bench did not keep up: the figures are not the server's
	Reasons   []string `json:"reasons"`   // why it is saturated
	Notes     []string `json:"notes"`     // what else is to be known before the figures are believed

	EndedEarly string  `json:"endedEarly"` // why, before the planned time; "" if it did not
	MeasuredMs float64 `json:"measuredMs"` // the measured span; 0: nothing was measured

	Joining Joining `json:"joining"` // bench itself while members joined
	Members Members `json:"members"`
	Packets Packets `json:"packets"`
	Latency Spread  `json:"latencyMs"` // from a publisher's send to the arrival at a member's socket

	// Behind is how old the newest packet of each stream was at the end of the
	// span: in the order of the time between two, unless the server has a queue.
	Behind Spread `json:"behindMs"`

	FirstPacket   Spread `json:"firstPacketMs"`   // since both, publisher and member, asked to join
	FirstKeyframe Spread `json:"firstKeyframeMs"` // likewise, of video

	// What members asked for; null where clients are old, which do not count it.
	Repair *Repair `json:"repair"`

	LongestGap Gap     `json:"longestGapMs"` // that any member had between two pictures, two sounds
	Server     *Server `json:"server"`       // null: no process is known
	Bench      Bench   `json:"bench"`
	Machine    Machine `json:"machine"` // bench's
}

// Planned is the Plan as it is reported.
type Planned struct {
	URL         string  `json:"url"`
	Scenario    string  `json:"scenario"`
	Rooms       int     `json:"rooms"`
	Publishers  int     `json:"publishers"` // in each room
	Viewers     int     `json:"viewers"`    // in each room
	Clients     string  `json:"clients"`    // "capable" or "old"
	Bitrate     int     `json:"bitrate"`    // bit/s of each camera
	FPS         int     `json:"fps"`
	Audio       bool    `json:"audio"`
	JitterSizes bool    `json:"jitterSizes"`
	SpreadMs    float64 `json:"spreadMs"`
	JoinRate    int     `json:"joinRate"` // members a second
	WarmupMs    float64 `json:"warmupMs"`
	DurationMs  float64 `json:"durationMs"`
}

// Members are those of all rooms.
type Members struct {
	Planned int `json:"planned"`
	Joined  int `json:"joined"`
	Media   int `json:"media"`   // got all that was to be got before the measurement
	Streams int `json:"streams"` // pairs of a publisher and a member, measured
}

// Packets are those of the measured span, by the publishers' stamps.
type Packets struct {
	Expected    int64   `json:"expected"` // what publishers sent, for each member who was to get it
	Received    int64   `json:"received"` // each once
	Lost        int64   `json:"lost"`     // for good, in spite of retransmissions
	LostPercent float64 `json:"lostPercent"`
	// DroppedHere and DroppedServer are packets lost on this machine, before any
	// retransmission: in sockets that were full. What else was lost, the server or
	// the network lost.
	DroppedHere   int64   `json:"droppedInBench"`
	DroppedServer int64   `json:"droppedInServer"` // 0 where its process is not known
	PerSecond     float64 `json:"perSecond"`       // received
}

// Repair is what members asked for in the measured span, and what came of it.
type Repair struct {
	Asked         int64 `json:"packetsAsked"`  // by NACK, each time counts
	Retransmitted int64 `json:"retransmitted"` // packets that came by RTX
	Duplicates    int64 `json:"duplicates"`    // packets that had come before
	Keyframes     int64 `json:"keyframesAsked"`
	Feedback      int64 `json:"feedbackSent"` // packets of RTCP: with these, reports and estimates
}

// Joining is how bench itself did while members joined. If it was saturated, the
// times to the first packet and keyframe are not the server's.
type Joining struct {
	TookMs      float64  `json:"tookMs"`
	Saturated   bool     `json:"saturated"`
	Reasons     []string `json:"reasons"`
	CPU         float64  `json:"cpuCores"`
	BusyPercent float64  `json:"busyPercent"` // of the machine
	DroppedHere int64    `json:"droppedInBench"`
	SendLate    Spread   `json:"sendLateMs"`
	ReadLate    *Spread  `json:"readLateMs"`
	TimerLate   Spread   `json:"timerLateMs"`
}

// Gap is the longest time without something.
type Gap struct {
	Video float64 `json:"video"`
	Audio float64 `json:"audio"`
	Sent  float64 `json:"sent"` // in which a publisher itself sent no picture
}

// Server is the server's process.
type Server struct {
	PID          int     `json:"pid"`
	CPUPerPacket float64 `json:"cpuMicrosPerPacket"` // of CPU time, user and system, over received packets
	CPU          float64 `json:"cpuCores"`           // how many it kept busy
	IdleMiB      float64 `json:"memoryIdleMiB"`      // resident, without mapped files, before the first member
	LoadedMiB    float64 `json:"memoryLoadedMiB"`    // the same at the end of the span
	// KiBPerViewer is the difference, for each viewer; without viewers, for each member.
	// What the collector has not given back yet is in it: runs differ by a third.
	KiBPerViewer float64 `json:"kibPerViewer"`
}

// Bench is this process.
type Bench struct {
	CPUPerPacket  float64 `json:"cpuMicrosPerPacket"`
	CPU           float64 `json:"cpuCores"`
	Cores         int     `json:"cores"`           // that it may use
	Share         float64 `json:"cpuSharePercent"` // of all processors
	MemoryMiB     float64 `json:"memoryMiB"`
	MissedPercent float64 `json:"missedPercent"` // of the pictures and sounds due, that were not sent
	SendLate      Spread  `json:"sendLateMs"`    // after it was due
	ReadLate      *Spread `json:"readLateMs"`    // packets in sockets; null where it is not known
	TimerLate     Spread  `json:"timerLateMs"`   // a timer of 10 ms
}

// Machine is what bench runs on.
type Machine struct {
	Cores       int     `json:"cores"`
	BusyPercent float64 `json:"busyPercent"` // of all processors, by everybody; 0: not known
}

// Spread says how values lie, in milliseconds.
type Spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func spreadOf(h *client.Histogram) Spread {
	return Spread{
		P50: ms(h.Quantile(0.5)), P95: ms(h.Quantile(0.95)), P99: ms(h.Quantile(0.99)), Max: ms(h.Quantile(1)),
	}
}

// spreadOrNil is nil for a histogram of nothing.
func spreadOrNil(h *client.Histogram) *Spread {
	if h.Count() == 0 {
		return nil
	}
	s := spreadOf(h)
	return &s
}

// spreadOfList sorts a list.
func spreadOfList(list []time.Duration) (s Spread) {
	if len(list) == 0 {
		return s
	}
	slices.Sort(list)
	at := func(q float64) float64 { return ms(list[int(q*float64(len(list)-1)+0.5)]) }
	return Spread{P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: at(1)}
}

func ms(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

func planned(p *Plan) Planned {
	return Planned{
		URL: p.URL, Scenario: p.Scenario, Rooms: p.Rooms, Publishers: p.Publishers, Viewers: p.Viewers, Clients: p.Clients,
		Bitrate: p.Bitrate, FPS: p.FPS, Audio: p.Audio, JitterSizes: p.JitterSizes, SpreadMs: ms(p.Spread),
		JoinRate: p.JoinRate, WarmupMs: ms(p.Warmup), DurationMs: ms(p.Duration),
	}
}
