package track

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/rtcp"

	"lectern/sfu/codec"
)

// complain gives one round of feedback.
func (v *viewer) complain(t testing.TB, seq uint16, now int64) {
	v.nack(t, now, seq, seq+1, seq+2)
	v.sender.RTCP(mustMarshal(t, &rtcp.PictureLossIndication{MediaSSRC: v.sub.ssrc}), now, nil)
	v.sender.Tick(now)
	v.sender.Stats()
}

// change has the plane change what can be changed.
func (v *viewer) change(t testing.TB) {
	v.sub.Pause()
	v.sender.SetExtensions(Extensions{MID: 3})
	v.sub.Resume()
	v.sub.SetFormats([]Format{{PayloadType: 120, RTX: 121, Codec: vp8}})
	v.wire.takeRTP(t)
	v.sub.track.Codec()
	v.sub.track.Stats()
}

// TestConcurrently has everything happen at the same time: two readers, ticks,
// feedback, viewers that come and go. The race detector and the deadlock
// detector watch.
func TestConcurrently(t *testing.T) {
	track := New(codec.Video)
	publishers := []*publisher{publish(t, track, 1000), publish(t, track, 2000)}
	viewers := []*viewer{view(track, 5000), view(track, 6000), view(track, 7000)}
	var clock atomic.Int64
	var done atomic.Bool
	var all, readers sync.WaitGroup
	for _, p := range publishers {
		readers.Go(func() {
			for i := range 3000 {
				now := clock.Add(ms / 2)
				if i%20 == 0 {
					p.make(nil)
				}
				p.frame(now, keyVP8(make([]byte, 500)...))
				if i%50 == 0 {
					p.receiver.RTCP(mustMarshal(t, &rtcp.SenderReport{SSRC: p.ssrc, NTPTime: ntp(now)}), now)
				}
			}
		})
		all.Go(func() {
			for !done.Load() {
				p.receiver.Tick(clock.Load())
				p.receiver.SetExtensions(Extensions{MID: 1})
				p.receiver.Stats()
				p.wire.takeRTP(t)
			}
		})
	}
	for _, v := range viewers {
		all.Go(func() {
			for seq := uint16(0); !done.Load(); seq++ {
				v.complain(t, seq, clock.Load())
			}
		})
		all.Go(func() {
			for !done.Load() {
				v.change(t)
			}
		})
	}
	all.Go(func() {
		for !done.Load() {
			v := view(track, 8000)
			v.sub.Close()
			v.sender.Close()
			in := publishers[0].receiver.Bind(SectionConfig{MID: "5", Kind: codec.Video, Track: track})
			in.Close()
		}
	})
	readers.Wait()
	done.Store(true)
	all.Wait()
	if n := track.Stats().Subscriptions; n != len(viewers) {
		t.Errorf("%d subscriptions are left", n)
	}
	publishers[1].input.Close()
	publishers[0].receiver.Close()
	track.Close()
}
