package room

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// SocketID names one live connection of a client. It is what a member that
// joins on it is called from then on.
type SocketID string

// Settings are what all rooms of a server share. They are not changed after
// the first room is made.
type Settings struct {
	Grace        time.Duration // how long a member without a socket stays; 0: not at all
	Silence      time.Duration // how long a socket may be dead before its transport notices; 0: 45 s
	Settle       time.Duration // how long a member without media must have been there to have a grace period
	Remember     time.Duration // how long one who was a member gets its role back and passes a lock; 0: not at all
	Policy       Policy        // the server's; its MaxMembers 0 means no limit
	MaxFileBytes int64         // of a file in SFU mode; 0: no limit
	ICEServers   []protocol.ICEServer
	Version      string
	// JoinsPerAddress is how many members join a room from one address at once;
	// an eighth of it more every second. 0: no limit.
	JoinsPerAddress int
	Kept            *Kept  // for the members of all rooms; nil: of each room alone
	TokenKey        []byte // HMAC key of role tokens; nil: there are none, and any is refused

	// NewPlane makes the plane of a new room; p is complete.
	NewPlane func(name string, p Policy) media.Plane
	// NewToken makes an unguessable resume token.
	NewToken func() string
}

// probeTime is how long an old socket has to answer a ping before a user id
// too short to prove anything takes its member over (PROTOCOL.md section 4).
const probeTime = 2 * time.Second

// Room is one room. It is not safe for concurrent use; a Loop owns it.
type Room struct {
	name     string
	settings Settings
	policy   Policy // complete
	created  time.Time
	plane    media.Plane
	mode     protocol.Mode // as the plane last said
	locked   bool
	closing  bool // the operator ends it: nobody is told of the others any more

	order    []*member // oldest first
	stage    []*member // those on stage, oldest first
	over     int       // how many may be on stage above the policy
	outgrown bool      // it has more members than its stage has places (yield.go)
	waiting  int       // members that wait for a place on stage
	calling  int       // those of them that send
	host     *member   // nil: there is none
	orphaned bool      // it had a host, and has none
	absent   []*member // those without a socket, by the end of their grace
	lastSeq  uint64

	lastClaim claim
	impatient bool // the host has been absent for longer than hostPatience, which has been dealt with

	byID    map[protocol.MemberID]*member
	byName  map[string]*member
	looks   map[string]*member      // by each key of protocol.Looks
	sockets map[SocketID]*member    // by present socket
	users   map[protocol.UserID]int // how many members have the user id
	proofs  map[proof]*member

	seats     []*seat                   // of those who were members, the oldest first
	removed   []removed                 // those who were put out, the first one first
	addresses map[netip.Prefix]*address // that members join from

	probes  []probe
	out     []Outbound
	changes []UserChange

	waves [waves]wave

	countTold    int       // of the audience
	countChanged bool      // it may be another by now
	countAt      time.Time // when it was last told

	hands      []*member // raised, first raised first
	handsStale bool      // the hosts have not heard of the last change
	handsAt    time.Time // when they last heard

	history      []*protocol.ChatLine // oldest first
	historyBytes int
	lineBytes    bucket // of all lines
}

// probe is a reconnect that waits for an old socket to prove itself alive.
type probe struct {
	entry Entry
	old   SocketID
}

// Outbound is one thing for the loop to do, in order. Exactly one of Msg, Err,
// Verdict, Close, Kick, Probe and Note is set.
type Outbound struct {
	Socket  SocketID
	Seq     uint64 // of Msg or Err, for a client that counts; 0: none
	Msg     protocol.Outgoing
	Err     *protocol.Error // as an event, in the language of the client
	Verdict *Verdict        // the answer to Enter
	Close   string          // end the socket for this reason; its client comes back
	Kick    string          // end the socket for this reason; its client stays away
	Probe   time.Duration
	Note    *Note // for the log; there is no socket
}

// Note is a line for the log.
type Note struct {
	Level slog.Level
	Text  string
	Args  []any // as of slog
}

// Verdict is what became of an Enter.
type Verdict struct {
	Err    error              // a *protocol.Error or ErrClosed; nil if the socket is a member's now
	Joined protocol.Outgoing  // what a capable client is answered; nil for others
	Stray  []protocol.Message // messages held before a join, which belong to no membership
}

// UserChange tells the hub that a user id came (+1) or went (-1).
type UserChange struct {
	User   protocol.UserID
	Member protocol.MemberID
	Delta  int
}

// New makes an empty room. What p leaves open is the server's.
func New(name string, s Settings, p Policy, created time.Time) *Room {
	p = p.over(s.Policy)
	if s.Kept == nil {
		s.Kept = &Kept{}
	}
	plane := s.NewPlane(name, p)
	return &Room{
		name: name, settings: s, policy: p, created: created,
		plane: plane, mode: plane.Mode(""),
		byID:    map[protocol.MemberID]*member{},
		byName:  map[string]*member{},
		looks:   map[string]*member{},
		sockets: map[SocketID]*member{},
		users:   map[protocol.UserID]int{},
		proofs:  map[proof]*member{}, addresses: map[netip.Prefix]*address{},
	}
}

// Empty reports whether the room has no members and none who waits to be let
// in.
func (r *Room) Empty() bool { return len(r.order) == 0 && len(r.probes) == 0 }

// Members gives the number of members, present and absent.
func (r *Room) Members() int { return len(r.order) }

// Ready is the plane's.
func (r *Room) Ready() <-chan struct{} { return r.plane.Ready() }

// Pump takes in what the plane has to say.
func (r *Room) Pump(now time.Time) {
	r.tendStage(now)
	r.flush(now)
	r.pump(now)
}

func (r *Room) pump(now time.Time) {
	for {
		r.plane.Tick(now)
		events := r.plane.Drain()
		if len(events) == 0 {
			return
		}
		for _, e := range events {
			r.take(now, e)
		}
	}
}

// take deals with one thing that came up in the plane.
func (r *Room) take(now time.Time, e media.Event) {
	switch {
	case e.Said != nil:
		if m := r.byID[e.Said.From]; m != nil {
			r.heard(now, m, &protocol.Say{ID: e.Said.ID, Text: e.Said.Text, Clock: e.Said.Clock})
		}
	case e.Sends != nil:
		r.sends(now, e.Sends)
	case e.Lost != nil:
		r.note(slog.LevelWarn, "media lost", "member", e.Lost.Member, "why", e.Lost.Why)
	case e.Moved != "":
		r.moved(now, e.Moved)
	case e.Stays != nil:
		r.stays(now, e.Stays)
	default:
		m := r.byID[e.To]
		switch {
		case m == nil:
		case e.Err != nil:
			r.tell(now, m, e.Err)
		case e.Msg != nil:
			r.send(now, m, e.Msg)
		}
	}
}

func (r *Room) note(level slog.Level, text string, args ...any) {
	r.out = append(r.out, Outbound{Note: &Note{level, text, args}})
}

// Drain gives what is to be done since the last call, in order.
func (r *Room) Drain() []Outbound {
	out := r.out
	r.out = nil
	return out
}

// Changes gives the user ids that came and went since the last call.
func (r *Room) Changes() []UserChange {
	c := r.changes
	r.changes = nil
	return c
}

// Tick does what is due. It may be called at any time.
func (r *Room) Tick(now time.Time) {
	r.expire(now)
	r.tendHost(now)
	r.Pump(now)
}

// Deadline is when Tick is due next; zero if nothing waits for the clock.
func (r *Room) Deadline() time.Time {
	next := r.plane.Deadline()
	for view := range r.waves {
		next = earlier(next, r.waves[view].due(wavePause[view]))
	}
	next = earlier(next, r.countDue())
	next = earlier(next, r.handsDue())
	next = earlier(next, r.hostDue())
	next = earlier(next, r.silenceDue())
	if len(r.absent) > 0 {
		next = earlier(next, r.absent[0].graceEnds)
	}
	return next
}

// earlier gives the earlier of two times, of which a zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Close ends the plane. Nothing else is called after it.
func (r *Room) Close() error {
	for _, m := range r.order {
		r.settings.Kept.forget(&m.post)
	}
	return r.plane.Close()
}

// Holds reports whether a socket is a member's present one, or waits to
// become it.
func (r *Room) Holds(s SocketID) bool {
	return r.sockets[s] != nil || slices.ContainsFunc(r.probes, func(p probe) bool { return p.entry.Socket == s })
}

// memberChanges takes every member's user id back, for a room that ends with
// members in it.
func (r *Room) memberChanges() []UserChange {
	var c []UserChange
	for _, m := range r.order {
		c = append(c, UserChange{m.user, m.id, -1})
	}
	return c
}
