package main

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lectern/cmd/lectern/client"
	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// promoteTime is how long it may take at best from the host's word until
// another listener sees the new presenter's first frame. A busy machine delays
// some of many times; a wait that is not needed would delay all.
const promoteTime = time.Second

// TestPromote has a listener raise its hand, come on stage, be seen by another
// listener, and step down again, several times over one connection.
func TestPromote(t *testing.T) {
	p := start(t, "--mode", "sfu", "--rtc-port", "0", "--rtc-ip", "127.0.0.1", "--log-level", "warn")
	engine, err := client.NewEngine(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	media := client.Media{Audio: true, Video: client.Video{FPS: 25, Bitrate: 200_000}}
	join := func(name string, r protocol.Role) *client.Client {
		c, err := client.Dial(t.Context(), p.url, client.Options{Name: name, Room: "r", Role: r, Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if err := c.Publish(media); err != nil { // in the audience it waits for the stage
			t.Fatal(err)
		}
		if err := c.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	host, guest, other := join("host", ""), join("guest", protocol.RoleAudience), join("other", protocol.RoleAudience)
	wait := func(c *client.Client, what string, cond func(client.State) bool) {
		t.Helper()
		if err := c.Wait(soon(t), cond); err != nil {
			t.Fatalf("waiting for %s: %v\n%s%s%s", what, err, host.Describe(), guest.Describe(), other.Describe())
		}
	}
	id := guest.State().Member
	camera := client.Key{Member: id, Stream: protocol.StreamUser, Kind: codec.Video}
	wait(guest, "the host's picture", func(client.State) bool {
		s := guest.Stream(client.Key{Member: host.State().Member, Stream: protocol.StreamUser, Kind: codec.Video})
		return s != nil && s.Stats().Keyframes > 0
	})
	down := connectorsOf(t, guest)

	var took []time.Duration
	for range 10 {
		if err := guest.RaiseHand(soon(t), true); err != nil {
			t.Fatal(err)
		}
		wait(host, "the hand", func(s client.State) bool { return len(s.Hands) == 1 && s.Hands[0].Member == id })
		before := int64(0)
		if s := other.Stream(camera); s != nil {
			before = s.Stats().Keyframes
		}
		began := time.Now()
		if err := host.SetRole(soon(t), id, protocol.RolePresenter); err != nil {
			t.Fatal(err)
		}
		wait(other, "the guest's picture", func(client.State) bool {
			s := other.Stream(camera)
			return s != nil && s.Stats().Keyframes > before
		})
		took = append(took, time.Since(began))
		wait(guest, "its role", func(s client.State) bool { return s.Role == protocol.RolePresenter })
		if err := guest.SetRole(soon(t), "", protocol.RoleAudience); err != nil {
			t.Fatal(err)
		}
		wait(other, "the end of the guest's picture", func(client.State) bool { return other.Stream(camera).Stats().Active == 0 })
	}
	t.Logf("from the host's word to another listener's first frame, %d times: %v", len(took), spreadOf(took))
	if least := slices.Min(took); least > promoteTime {
		t.Errorf("from the host's word to the first frame it took at least %v, want at most %v", least, promoteTime)
	}
	if n := guest.Counts()[protocol.EventJoined]; n != 1 || guest.State().Resumed != 0 {
		t.Errorf("the guest joined %d times", n)
	}
	after := connectorsOf(t, guest)
	if len(down) != 1 || !slices.Contains(after, down[0]) {
		t.Errorf("the guest's connectors were %v and are %v: want the same downlink", down, after)
	}
	for _, c := range []*client.Client{host, guest, other} {
		for _, err := range c.Faults() {
			t.Error(err)
		}
	}
}

// connectorsOf are a client's connectors, without their states.
func connectorsOf(t *testing.T, c *client.Client) []client.ConnectorInfo {
	t.Helper()
	list, err := c.Connectors(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		list[i].State = ""
	}
	return list
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
