package main

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"lectern/cmd/lectern/client"
	"lectern/sfu/codec"
	"lectern/signaling/protocol"
)

// TestTheOperatorChangesTheMode has two members who see each other be carried
// by the server, and then connect to each other again, by a word over HTTP.
func TestTheOperatorChangesTheMode(t *testing.T) {
	p := startWith(t, append(anyRTCPort, "LECTERN_ADMIN_TOKEN="+adminToken), "--mode", "auto", "--rtc-ip", "127.0.0.1", "--p2p-return", "0")
	o := operator{t, p}
	engine, err := client.NewEngine(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var both []*client.Client
	for _, name := range []string{"ann", "bob"} {
		c, err := client.Dial(ctx, p.url, client.Options{Name: name, Room: "r", Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Publish(client.Media{Audio: true, Video: client.Video{FPS: 25, Bitrate: 200_000}}); err != nil {
			t.Fatal(err)
		}
		if err := c.Join(ctx); err != nil {
			t.Fatal(err)
		}
		both = append(both, c)
	}
	// see waits until each has pictures of the other in a mode.
	see := func(m protocol.Mode) {
		t.Helper()
		for i, c := range both {
			key := client.Key{Member: both[1-i].State().Member, Stream: protocol.StreamUser, Kind: codec.Video}
			frames := int64(0)
			if s := c.Stream(key); s != nil {
				frames = s.Stats().Frames
			}
			err := c.Wait(ctx, func(s client.State) bool {
				stream := c.Stream(key)
				return s.Mode == m && stream != nil && stream.Stats().Frames > frames
			})
			if err != nil {
				t.Fatalf("waiting for mode %s: %v\n%s", m, err, p.stderr)
			}
		}
		o.want(200, "GET", "/api/rooms/r", "", `"mode":"`+string(m)+`"`, `"count":2`)
	}
	see(protocol.ModeP2P)
	o.want(202, "PATCH", "/api/rooms/r", `{"mode":"sfu"}`, `"name":"r"`)
	see(protocol.ModeSFU)
	o.want(202, "PATCH", "/api/rooms/r", `{"mode":"p2p"}`)
	see(protocol.ModeP2P)
}
