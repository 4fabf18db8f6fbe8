package description

import (
	"strconv"
	"strings"
)

// writer builds a description's text.
type writer []byte

// line writes one line of the given parts.
func (w *writer) line(parts ...string) {
	for _, part := range parts {
		*w = append(*w, part...)
	}
	*w = append(*w, '\r', '\n')
}

// decimal is a number as lines have it.
func decimal[N uint8 | uint32 | uint64](n N) string { return strconv.FormatUint(uint64(n), 10) }

// String writes the description, with CRLF, the same text for the same
// description. It trusts its values: who makes a Description by hand keeps
// spaces and line ends out of them.
//
// Each live section says the transport anew, since a client may drop any of
// them, but the candidates stand in the first one only. What a section sends
// (a=msid, a=ssrc) is written where its Direction sends.
func (d *Description) String() string {
	w := make(writer, 0, 512+1024*len(d.Sections)+96*len(d.Candidates))
	d.writeSession(&w)
	mixed := d.mixed()
	candidates := true
	for i := range d.Sections {
		s := &d.Sections[i]
		if s.Rejected {
			s.writeRejected(&w)
			continue
		}
		s.writeMediaLine(&w)
		w.line("c=IN IP4 0.0.0.0")
		s.writeBandwidth(&w)
		d.writeTransport(&w, candidates)
		candidates = false
		w.line("a=mid:", s.MID)
		if s.Kind == Application {
			w.line("a=sctp-port:", decimal(uint64(SCTPPort)))
			w.line("a=max-message-size:", decimal(uint64(MaxMessageSize)))
			continue
		}
		if s.ExtMapAllowMixed && !mixed {
			w.line("a=extmap-allow-mixed")
		}
		s.writeMedia(&w)
	}
	return string(w)
}

// mixed tells whether a=extmap-allow-mixed can stand at session level: where
// all sections with header extensions have it.
func (d *Description) mixed() bool {
	some := false
	for i := range d.Sections {
		s := &d.Sections[i]
		if s.Rejected || s.Kind == Application {
			continue
		}
		if !s.ExtMapAllowMixed {
			return false
		}
		some = true
	}
	return some
}

func (d *Description) writeSession(w *writer) {
	w.line("v=0")
	w.line("o=- ", decimal(d.SessionID), " ", decimal(d.Version), " IN IP4 127.0.0.1")
	w.line("s=-")
	w.line("t=0 0")
	if d.Lite {
		w.line("a=ice-lite")
	}
	*w = append(*w, "a=group:BUNDLE"...)
	for i := range d.Sections {
		if s := &d.Sections[i]; !s.Rejected {
			*w = append(*w, ' ')
			*w = append(*w, s.MID...)
		}
	}
	w.line()
	if d.mixed() {
		w.line("a=extmap-allow-mixed")
	}
	w.line("a=ice-options:trickle")
	w.line("a=msid-semantic: WMS *")
}

// writeTransport writes what a live section says of the transport.
func (d *Description) writeTransport(w *writer, candidates bool) {
	if candidates {
		for _, c := range d.Candidates {
			w.line("a=", c)
		}
		if d.EndOfCandidates {
			w.line("a=end-of-candidates")
		}
	}
	w.line("a=ice-ufrag:", d.Ufrag)
	w.line("a=ice-pwd:", d.Password)
	w.line("a=fingerprint:", d.FingerprintHash, " ", d.Fingerprint)
	w.line("a=setup:", d.Setup.String())
}

// writeRejected writes a section as RFC 9429 section 5.3.1 wants a rejected
// one. An m-line cannot do without a format, so it names one.
func (s *Section) writeRejected(w *writer) {
	if s.Kind == Application {
		w.line("m=application 0 UDP/DTLS/SCTP webrtc-datachannel")
	} else {
		pt := uint8(0)
		if len(s.Formats) > 0 {
			pt = s.Formats[0].PayloadType
		}
		w.line("m=", s.Kind.String(), " 0 UDP/TLS/RTP/SAVPF ", decimal(pt))
	}
	w.line("c=IN IP4 0.0.0.0")
	w.line("a=mid:", s.MID)
	w.line("a=", Inactive.String())
}

func (s *Section) writeMediaLine(w *writer) {
	if s.Kind == Application {
		w.line("m=application 9 UDP/DTLS/SCTP webrtc-datachannel")
		return
	}
	*w = append(*w, "m="...)
	*w = append(*w, s.Kind.String()...)
	*w = append(*w, " 9 UDP/TLS/RTP/SAVPF"...)
	for _, f := range s.Formats {
		*w = append(*w, ' ')
		*w = strconv.AppendUint(*w, uint64(f.PayloadType), 10)
		if f.RTX != 0 {
			*w = append(*w, ' ')
			*w = strconv.AppendUint(*w, uint64(f.RTX), 10)
		}
	}
	w.line()
}

// writeBandwidth says it twice: Chromium reads AS, in kbit/s, and Firefox TIAS.
func (s *Section) writeBandwidth(w *writer) {
	if s.Bandwidth > 0 {
		w.line("b=AS:", decimal(max(s.Bandwidth/1000, 1)))
		w.line("b=TIAS:", decimal(s.Bandwidth))
	}
}

// writeMedia writes what is of audio and video only.
func (s *Section) writeMedia(w *writer) {
	for _, e := range s.Extensions {
		w.line("a=extmap:", decimal(e.ID), " ", e.URI)
	}
	w.line("a=", s.Direction.String())
	w.line("a=rtcp-mux")
	w.line("a=rtcp-rsize")
	for _, f := range s.Formats {
		f.write(w)
	}
	for _, r := range s.RIDs {
		w.line("a=rid:", r.ID, " ", r.way())
	}
	s.writeSimulcast(w)
	if s.Direction.Sends() {
		s.writeSources(w)
	}
}

func (f Format) write(w *writer) {
	pt := decimal(f.PayloadType)
	c := f.Codec
	if c.Name != "" {
		channels := ""
		if c.Channels > 1 {
			channels = "/" + decimal(c.Channels)
		}
		w.line("a=rtpmap:", pt, " ", c.Name, "/", decimal(c.ClockRate), channels)
	}
	for _, feedback := range c.Feedback {
		w.line("a=rtcp-fb:", pt, " ", feedback)
	}
	if c.Fmtp != "" {
		w.line("a=fmtp:", pt, " ", c.Fmtp)
	}
	if f.RTX != 0 {
		rtx := decimal(f.RTX)
		w.line("a=rtpmap:", rtx, " rtx/", decimal(max(c.ClockRate, 1)))
		w.line("a=fmtp:", rtx, " apt=", pt)
	}
}

// way is the RID's direction as a=rid and a=simulcast name it.
func (r RID) way() string {
	if r.Direction == RecvOnly {
		return "recv"
	}
	return "send"
}

// writeSimulcast writes "a=simulcast:send h;m;l recv x".
func (s *Section) writeSimulcast(w *writer) {
	if len(s.RIDs) == 0 {
		return
	}
	var sends, receives []string
	for _, r := range s.RIDs {
		if r.Direction == RecvOnly {
			receives = append(receives, r.ID)
		} else {
			sends = append(sends, r.ID)
		}
	}
	var parts []string
	if len(sends) > 0 {
		parts = append(parts, "send "+strings.Join(sends, ";"))
	}
	if len(receives) > 0 {
		parts = append(parts, "recv "+strings.Join(receives, ";"))
	}
	w.line("a=simulcast:", strings.Join(parts, " "))
}

// writeSources writes the streams that the section sends.
func (s *Section) writeSources(w *writer) {
	stream, cname := s.StreamID, s.CNAME
	if stream == "" {
		stream = "-"
	}
	if cname == "" {
		cname = "-"
	}
	switch {
	case s.TrackID != "":
		w.line("a=msid:", stream, " ", s.TrackID)
	case s.StreamID != "":
		w.line("a=msid:", stream)
	}
	for _, source := range s.Sources {
		if source.RTX != 0 {
			w.line("a=ssrc-group:FID ", decimal(source.SSRC), " ", decimal(source.RTX))
		}
	}
	for _, source := range s.Sources {
		for _, ssrc := range [...]uint32{source.SSRC, source.RTX} {
			if ssrc == 0 {
				continue
			}
			number := decimal(ssrc)
			w.line("a=ssrc:", number, " cname:", cname)
			if s.TrackID != "" {
				w.line("a=ssrc:", number, " msid:", stream, " ", s.TrackID)
			}
		}
	}
}
