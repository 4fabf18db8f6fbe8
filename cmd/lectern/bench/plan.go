package bench

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lectern/cmd/lectern/client"
)

// Limits of a Plan.
const (
	maxRooms    = 1000
	maxMembers  = 20_000 // in all
	maxJoinRate = 1000
	maxDuration = time.Hour
)

// payload is how much of a picture one packet holds, in bytes.
const payload = 1150

// Plan is what is to be run.
type Plan struct {
	URL        string
	Insecure   bool // takes any certificate
	Scenario   string
	Rooms      int
	Publishers int // in each room
	Viewers    int // in each room
	Clients    string
	Bitrate    int // bit/s of each publisher's camera
	FPS        int
	Audio      bool

	JitterSizes bool
	Spread      time.Duration

	JoinRate int // members a second
	Warmup   time.Duration
	Duration time.Duration

	PID  string // a number, "auto" or "none"
	JSON string // file; "-" is standard output
}

// The kinds of clients.
const (
	capable = "capable"
	old     = "old"
)

// What PID may be besides a number.
const (
	pidAuto = "auto"
	pidNone = "none"
)

// scenario is a plan to begin from.
type scenario struct {
	name, help          string
	publishers, viewers int
	bitrate, joinRate   int
}

// scenarios are those there are; the first is the default.
var scenarios = []scenario{
	{"fanout", "one sends, 100 listen", 1, 100, 1_500_000, 50},
	{"lecture", "three on stage, 200 listen", 3, 200, 600_000, 50},
	{"meeting", "8 members, all to all", 8, 0, 500_000, 10},
	{"storm", "1000 listeners come within 10 s to one who sends", 1, 1000, 300_000, 100},
}

// defaultPlan is the plan of a scenario.
func defaultPlan(s scenario) Plan {
	return Plan{
		URL: "http://127.0.0.1:3000", Scenario: s.name, Rooms: 1, Publishers: s.publishers, Viewers: s.viewers,
		Clients: capable, Bitrate: s.bitrate, FPS: 30, Audio: true, JoinRate: s.joinRate,
		Warmup: 3 * time.Second, Duration: 15 * time.Second, PID: pidAuto,
	}
}

// members is how many there are in all.
func (p *Plan) members() int { return p.Rooms * (p.Publishers + p.Viewers) }

// files is how many open files the members need: sockets for signaling, for what
// each sends and for what it receives, and some for the process itself.
func (p *Plan) files() uint64 {
	const own = 32
	publishers, viewers := p.Rooms*p.Publishers, p.Rooms*p.Viewers
	n := 3*publishers + 2*viewers
	switch {
	case p.isOld(true):
		n = publishers * (1 + p.Publishers)
	case p.isOld(false):
		n = 3*publishers + viewers*(1+p.Publishers)
	}
	return uint64(n + own) //nolint:gosec // not negative
}

// isOld reports whether a member is an existing client. Publishers are only
// where nobody else is there to be one: what they know of the room is needed.
func (p *Plan) isOld(publishes bool) bool {
	return p.Clients == old && (!publishes || p.Viewers == 0)
}

// media is what a publisher sends.
func (p *Plan) media() client.Media {
	split := client.SplitExact
	if p.JitterSizes {
		split = client.SplitEven
	}
	return client.Media{Audio: p.Audio, Video: client.Video{
		FPS: p.FPS, Bitrate: p.Bitrate, Split: split, MaxPayload: payload, Spread: p.Spread,
	}}
}

// check says what is wrong with a plan.
func (p *Plan) check() error {
	u, err := url.Parse(p.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url: %q is no address: write http://host:port", p.URL)
	}
	for _, n := range []struct {
		flag           string
		got, low, high int
	}{
		{"rooms", p.Rooms, 1, maxRooms},
		{"publishers", p.Publishers, 1, 64},
		{"viewers", p.Viewers, 0, maxMembers},
		{"fps", p.FPS, 1, 120},
		{"bitrate", p.Bitrate, 10_000, 50_000_000},
		{"join-rate", p.JoinRate, 1, maxJoinRate},
	} {
		if n.got < n.low || n.got > n.high {
			return fmt.Errorf("--%s: %d is not between %d and %d", n.flag, n.got, n.low, n.high)
		}
	}
	switch {
	case p.Publishers+p.Viewers < 2:
		return errors.New("--viewers: with one publisher and no viewers nothing is forwarded")
	case p.members() > maxMembers:
		return fmt.Errorf("--rooms: %d members in all are more than %d", p.members(), maxMembers)
	case p.Clients != capable && p.Clients != old:
		return fmt.Errorf("--clients: %q is neither %s nor %s", p.Clients, capable, old)
	case p.Spread < 0 || p.Spread >= time.Second/time.Duration(p.FPS):
		return fmt.Errorf("--spread: %v is not less than the time between two pictures", p.Spread)
	case p.Warmup < 0 || p.Warmup > maxDuration:
		return fmt.Errorf("--warmup: %v is not between 0 and %v", p.Warmup, maxDuration)
	case p.Duration < time.Second || p.Duration > maxDuration:
		return fmt.Errorf("--duration: %v is not between 1s and %v", p.Duration, maxDuration)
	}
	if n, err := strconv.Atoi(p.PID); p.PID != pidAuto && p.PID != pidNone && (err != nil || n < 1) {
		return fmt.Errorf("--pid: %q is no process: write its number, %s or %s", p.PID, pidAuto, pidNone)
	}
	return nil
}

// title says in one line what is run.
func (p *Plan) title() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of %s", p.Scenario, count(p.Rooms, "room"), count(p.Publishers, "publisher"))
	if p.Viewers > 0 {
		fmt.Fprintf(&b, " and %s", count(p.Viewers, "viewer"))
	}
	fmt.Fprintf(&b, " (%s), %s at %d fps", p.Clients, rateText(p.Bitrate), p.FPS)
	if p.Audio {
		b.WriteString(" and audio")
	}
	if p.JitterSizes {
		b.WriteString(", sizes of an encoder")
	}
	if p.Spread > 0 {
		fmt.Fprintf(&b, ", spread over %v", p.Spread)
	}
	return b.String()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// bitrate is a flag's value such as 1500k or 1.5M.
type bitrate int

// String writes it as short as it is exact.
func (r *bitrate) String() string {
	switch n := int(*r); {
	case n >= 1_000_000 && n%100_000 == 0:
		return strconv.FormatFloat(float64(n)/1e6, 'f', -1, 64) + "M"
	case n%1000 == 0:
		return strconv.Itoa(n/1000) + "k"
	default:
		return strconv.Itoa(n)
	}
}

// Set reads it.
func (r *bitrate) Set(s string) error {
	number, unit := s, 1.0
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		number, unit = s[:len(s)-1], 1e3
	case strings.HasSuffix(s, "M"), strings.HasSuffix(s, "m"):
		number, unit = s[:len(s)-1], 1e6
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || f*unit > 1e9 {
		return fmt.Errorf("%q is no bitrate: write 1500k or 1.5M", s)
	}
	*r = bitrate(f*unit + 0.5)
	return nil
}

func rateText(bits int) string {
	r := bitrate(bits)
	return strings.NewReplacer("k", " kbit/s", "M", " Mbit/s").Replace(r.String())
}

// plan is the plan, as far as it is reported.
func (p Planned) plan() *Plan {
	return &Plan{
		Scenario: p.Scenario, Rooms: p.Rooms, Publishers: p.Publishers, Viewers: p.Viewers, Clients: p.Clients,
		Bitrate: p.Bitrate, FPS: p.FPS, Audio: p.Audio, JitterSizes: p.JitterSizes,
		Spread: time.Duration(p.SpreadMs * float64(time.Millisecond)), Duration: time.Duration(p.DurationMs * float64(time.Millisecond)),
	}
}
