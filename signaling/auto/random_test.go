package auto_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lectern/signaling/auto"
	"lectern/signaling/media"
	"lectern/signaling/protocol"
)

// TestRandom plays rooms where anything happens at any time. The plane keeps
// its invariants at every step; and when everything has calmed down, there is
// one plane, everybody has the connectors of that one and no other, and a room
// that cannot be a mesh is none.
func TestRandom(t *testing.T) {
	const rooms, steps = 500, 120
	for seed := range uint64(rooms) {
		g := &game{r: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // a repeatable test
		g.world = newWorld(auto.Config{MaxP2P: 3, Return: time.Duration(seed%2) * time.Minute})
		for range steps {
			g.step()
			if err := errors.Join(g.plane.Check(), g.ways()); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, g.story())
			}
		}
		if err := g.calm(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, g.story())
		}
		if err := g.plane.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

type game struct {
	*world
	r    *rand.Rand
	made int
	mute time.Duration // since everybody has done what it was told
}

func (g *game) story() string { return strings.Join(g.log, "\n") }

func (g *game) someone() *client {
	ids := slices.Sorted(maps.Keys(g.clients))
	if len(ids) == 0 {
		return nil
	}
	return g.clients[ids[g.r.IntN(len(ids))]]
}

func (g *game) chance(percent int) bool { return g.r.IntN(100) < percent }

func (g *game) come() {
	if len(g.clients) >= 6 {
		return
	}
	g.made++
	events := g.chance(60)
	p := media.Profile{Stage: g.chance(90), Events: events, Downlink: events && g.chance(50)}
	id := protocol.MemberID(fmt.Sprint("m", g.made, "."))
	g.say("# attach %s%s", id, words(p))
	g.attach(id, p)
	g.clients[id].firefox = g.chance(20)
}

func (g *game) step() {
	c := g.someone()
	if c == nil {
		g.come()
		g.settle()
		return
	}
	switch n := g.r.IntN(100); {
	case n < 12:
		g.come()
	case n < 20:
		g.say("# detach %s", c.id)
		g.detach(c.id, nil)
	case n < 27:
		g.say("# away or back %s", c.id)
		if c.away {
			g.back(c.id)
		} else {
			g.away(c.id)
			c.inbox = slices.DeleteFunc(c.inbox, func(m protocol.Outgoing) bool { return m.EventName() == protocol.EventGetOffer })
		}
	case n < 30:
		g.say("# stage %s", c.id)
		c.profile.Stage = g.chance(60)
		g.plane.SetStage(c.id, c.profile.Stage)
	case n < 50:
		g.respond(c.id)
	case n < 60:
		g.respond()
	case n < 63:
		if !c.profile.Shares && !c.away {
			g.share(c.id)
		}
	case n < 68:
		m := []protocol.Mode{protocol.ModeP2P, protocol.ModeSFU}[g.r.IntN(2)]
		g.say("# ask %s", m)
		if err := g.plane.SetMode(m); err != nil {
			g.say("refused %v", err)
		}
	case n < 76:
		g.report(c)
	case n < 88:
		g.serve(c)
	default:
		g.say("# wait")
		d := min(time.Duration(g.r.ExpFloat64()*float64(4*time.Second)), 20*time.Second)
		if g.mute += d; g.mute > 20*time.Second { // no client is slower
			g.mute = d
			g.respond()
		}
		g.wait(d)
	}
	g.settle()
}

func (g *game) report(c *client) {
	list := []string{"saturated", "fine", "fine", "busy", "idle", "idle"}
	for k := range c.ends {
		list = append(list, "failed "+string(k), "connected "+string(k), "connected "+string(k))
	}
	slices.Sort(list)
	r := list[g.r.IntN(len(list))]
	g.say("# %s reports %s", c.id, r)
	g.plane.Report(c.id, report(strings.Fields(r)))
}

func (g *game) serve(c *client) {
	if g.server == nil || g.server.closed || !slices.Contains(g.server.members, c.id) {
		return
	}
	id := string(c.id)
	s := [][]string{
		{"carries", "all"}, {"carries", "all"}, {"carries", id}, {"drops", id}, {"drops", "all"},
		{"lost", id, "x"}, {"breaks", id, "x"}, {"silent", id}, {"silent", "all"}, {"heard", "all"}, {"error", id}, {"said", id, "l", "x"}, {"said", id, "l", "x"},
	}[g.r.IntN(13)]
	g.say("# sfu %v", s)
	g.server.play(s)
}

// calm has everybody come back, do what there is to do, and all go well.
func (g *game) calm() error {
	g.say("# calm")
	for _, id := range slices.Sorted(maps.Keys(g.clients)) {
		if g.clients[id].away {
			g.back(id)
		}
		for _, r := range []string{"fine", "idle"} {
			g.plane.Report(id, report([]string{r}))
		}
		g.settle()
	}
	for range 150 { // longer than any retry takes
		if g.server != nil && !g.server.closed {
			g.server.play([]string{"carries", "all"})
			g.server.play([]string{"heard", "all"})
		}
		g.respond()
		for id, c := range g.clients {
			for k := range c.ends {
				g.plane.Report(id, report([]string{"connected", string(k)}))
			}
		}
		g.settle()
		g.wait(5 * time.Second)
		g.settle()
	}
	if err := g.plane.Check(); err != nil {
		return err
	}
	for id, c := range g.clients {
		g.say("# %s has %v", id, c.ends)
	}
	listens := false
	for _, c := range g.clients {
		listens = listens || !c.profile.Stage
	}
	if mode := g.plane.Mode(""); (len(g.clients) > 3 || listens && len(g.clients) > 0) && mode != protocol.ModeSFU {
		return fmt.Errorf("%d members, listeners: %v, and the mode is %s", len(g.clients), listens, mode)
	}
	return g.lasting()
}
