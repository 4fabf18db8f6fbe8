package main

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"lectern/cmd/lectern/client"
	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// TestSilentOldClientsYieldTheStage has existing clients that send nothing come into a
// room, more of them than its stage has places. Before long each of them has one
// connector, that with the presenter: it costs what it would in the audience. One of
// them, and a newcomer, turn their cameras on and are seen by all.
func TestSilentOldClientsYieldTheStage(t *testing.T) {
	const stage, viewers = 4, 8
	p := start(t, "--mode", "sfu", "--stage", fmt.Sprint(stage), "--rtc-port", "0", "--rtc-ip", "127.0.0.1", "--log-level", "warn")
	engine, err := client.NewEngine(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	camera := client.Media{Audio: true, Video: client.Video{FPS: 10, Bitrate: 100_000}}
	join := func(name string, old, sends bool) *client.Client {
		c, err := client.Dial(t.Context(), p.url, client.Options{Name: name, Room: "r", Old: old, Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if sends {
			if err := c.Publish(camera); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	presenter := join("presenter", false, true)
	var list []*client.Client
	for i := range viewers {
		list = append(list, join(fmt.Sprint("viewer ", i), true, false))
		if 1+len(list) == stage {
			haveConnectors(t, list, stage-1) // all are on stage
		}
	}
	haveConnectors(t, list, 1)
	sees(t, list, presenter.State().Member)
	speaker, others := list[viewers-1], list[:viewers-1]
	if err := speaker.Publish(camera); err != nil {
		t.Fatal(err)
	}
	haveConnectors(t, others, 2)
	sees(t, append([]*client.Client{presenter}, others...), "")
	join("late", true, true)
	haveConnectors(t, others, 3)
	sees(t, append([]*client.Client{presenter}, others...), "")
	for _, c := range append(list, presenter) {
		for _, err := range c.Faults() {
			t.Error(err)
		}
	}
}

// haveConnectors waits until each client has a number of connectors.
func haveConnectors(t *testing.T, list []*client.Client, want int) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	ctx := soon(t)
	for _, c := range list {
		for len(connectorsOf(t, c)) != want {
			select {
			case <-look.C:
			case <-ctx.Done():
				t.Fatalf("want %d connectors\n%s", want, c.Describe())
			}
		}
	}
}

// sees waits until each client has the camera of a member, or of each that it has a
// connector with.
func sees(t *testing.T, list []*client.Client, of protocol.MemberID) {
	t.Helper()
	for _, c := range list {
		from := []protocol.MemberID{of}
		if of == "" {
			from = nil
			for _, x := range connectorsOf(t, c) {
				if x.Member != protocol.ServerMember {
					from = append(from, x.Member)
				}
			}
		}
		for _, id := range from {
			err := c.Wait(soon(t), func(client.State) bool {
				s := c.Stream(client.Key{Member: id, Stream: protocol.StreamUser, Kind: codec.Video})
				return s != nil && s.Stats().Keyframes > 0
			})
			if err != nil {
				t.Fatalf("%s is not seen: %v\n%s", id, err, c.Describe())
			}
		}
	}
}
