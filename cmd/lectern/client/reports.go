package client

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"lectern/sfu/codec"
)

// Times between sender reports, those of libwebrtc (rtcp_sender.cc): a report on
// video comes with each 360 kbit of it, and each second at least.
const (
	videoReportEvery = time.Second
	audioReportEvery = 5 * time.Second
	videoReportBits  = 360_000
)

// reports sends the sender reports of one outlet (RFC 3550 section 6.4.1). The
// publisher's goroutine owns it.
type reports struct {
	cname string
	send  func([]rtcp.Packet) error

	ssrc    uint32 // of the counts
	packets uint32
	octets  uint32
	due     time.Time // zero: nothing was sent yet
	began   time.Time // of bits
	bits    int64     // sent since
}

// count takes a packet that was sent at a time, and reports if that is due.
func (r *reports) count(k codec.Kind, h *rtp.Header, size int, now time.Time) {
	if r.ssrc != h.SSRC {
		*r = reports{cname: r.cname, send: r.send, ssrc: h.SSRC}
	}
	r.packets++
	r.octets += uint32(size) //nolint:gosec // wraps around
	r.bits += int64(size) * 8
	if r.due.IsZero() {
		r.began, r.due = now, now.Add(r.every(k, now)/2)
		return
	}
	if now.Before(r.due) {
		return
	}
	every := r.every(k, now)
	r.began, r.bits = now, 0
	r.due = now.Add(every/2 + rand.N(every)) //nolint:gosec // no secret; it varies by half (section 6.2)
	_ = r.send([]rtcp.Packet{                // a connection that ends takes no more
		&rtcp.SenderReport{
			SSRC: r.ssrc, NTPTime: ntpTime(now), RTPTime: rtpTime(k, now), PacketCount: r.packets, OctetCount: r.octets,
		},
		rtcp.NewCNAMESourceDescription(r.ssrc, r.cname),
	})
}

// every is the mean time between two reports.
func (r *reports) every(k codec.Kind, now time.Time) time.Duration {
	if k == codec.Audio {
		return audioReportEvery
	}
	if wall := now.Sub(r.began); !r.began.IsZero() && wall > 0 {
		return min(time.Duration(videoReportBits/float64(max(r.bits, 1))*float64(wall)), videoReportEvery)
	}
	return videoReportEvery
}

// ntpTime is a time as RTCP has it (RFC 3550 section 4): seconds since 1900, with
// 32 bits of fraction. It is that of the stamps.
func ntpTime(t time.Time) uint64 {
	const to1970 = 2_208_988_800 // seconds
	ns := sinceEpoch(t)
	second := int64(time.Second)
	return uint64(ns/second+to1970)<<32 | uint64(ns%second)<<32/uint64(second) //nolint:gosec // after 1970
}
