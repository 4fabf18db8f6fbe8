package codec

import "testing"

func TestKind(t *testing.T) {
	for _, k := range []Kind{Audio, Video} {
		if got, ok := ParseKind(k.String()); got != k || !ok {
			t.Errorf("%v parsed as %v, %v", k, got, ok)
		}
	}
	for _, s := range []string{"", "Video", "application"} {
		if _, ok := ParseKind(s); ok {
			t.Errorf("%q is a kind", s)
		}
	}
}

func TestPreferred(t *testing.T) {
	list := Preferred()
	if list[0].Name != "VP8" {
		t.Errorf("%s leads", list[0].Name)
	}
	for i, a := range list {
		for j, b := range list {
			if a.Matches(b) != (i == j) {
				t.Errorf("%s %q and %s %q: match %v", a.Name, a.Fmtp, b.Name, b.Fmtp, i != j)
			}
		}
	}
	list[0].Feedback[0] = "changed"
	if Preferred()[0].Feedback[0] == "changed" || list[1].Feedback[0] == "changed" {
		t.Error("feedback is shared")
	}
}

func h264(fmtp string) Codec {
	return Codec{Name: "H264", Kind: Video, ClockRate: 90000, Fmtp: fmtp}
}

func TestMatches(t *testing.T) {
	video := func(name, fmtp string) Codec {
		return Codec{Name: name, Kind: Video, ClockRate: 90000, Fmtp: fmtp}
	}
	opus := Codec{Name: "opus", ClockRate: 48000, Channels: 2}
	tests := []struct {
		name string
		a, b Codec
		want bool
	}{
		{"case", video("VP8", ""), video("vp8", "max-fs=12288;max-fr=60"), true},
		{"other name", video("VP8", ""), video("VP9", ""), false},
		{"other clock", opus, Codec{Name: "opus", ClockRate: 16000, Channels: 2}, false},
		{"other channels", opus, Codec{Name: "opus", ClockRate: 48000, Channels: 1}, false},
		{"no channels is one", Codec{Name: "PCMU", ClockRate: 8000}, Codec{Name: "PCMU", ClockRate: 8000, Channels: 1}, true},
		{"other kind", video("red", ""), Codec{Name: "red", ClockRate: 90000}, false},
		{"opus options", opus, Codec{Name: "OPUS", ClockRate: 48000, Channels: 2, Fmtp: "stereo=1"}, true},
		{"vp9 default", video("VP9", ""), video("VP9", "profile-id=0"), true},
		{"vp9 profile", video("VP9", "profile-id=2"), video("VP9", "profile-id=0"), false},
		{"av1 default", video("AV1", "level-idx=5; Profile=0; tier=0"), video("AV1", ""), true},
		{"av1 profile", video("AV1", "profile=1"), video("AV1", ""), false},
		{"h264 level", h264("packetization-mode=1;profile-level-id=42e01f"), h264("profile-level-id=42E034; packetization-mode=1"), true},
		{"h264 constrained spellings", h264("profile-level-id=42e01f"), h264("profile-level-id=4d801f"), true},
		{"h264 baseline", h264("profile-level-id=42e01f"), h264("profile-level-id=42001f"), false},
		{"h264 default", h264(""), h264("profile-level-id=42000a"), true},
		{"h264 mode", h264("profile-level-id=42e01f;packetization-mode=1"), h264("profile-level-id=42e01f"), false},
		{"h264 high", h264("profile-level-id=64001f"), h264("profile-level-id=640c1f"), false},
		{"h264 main", h264("profile-level-id=4d001f"), h264("profile-level-id=4d0032"), true},
		{"h264 outside the table", h264("profile-level-id=6e001f"), h264("profile-level-id=6e0020"), true},
		{"h264 two outside the table", h264("profile-level-id=6e001f"), h264("profile-level-id=7a001f"), false},
		{"h264 broken", h264("profile-level-id=wrong"), h264(""), false},
		{"h264 short", h264("profile-level-id=42e0"), h264("profile-level-id=42e01f"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.Matches(tt.b); got != tt.want {
				t.Errorf("got %v", got)
			}
			if tt.a.Matches(tt.b) != tt.b.Matches(tt.a) {
				t.Error("not symmetric")
			}
			if !tt.a.Matches(tt.a) || !tt.b.Matches(tt.b) {
				t.Error("does not match itself")
			}
		})
	}
}

var keyframes = []struct {
	name  string
	codec string
	in    []byte
	want  bool
}{
	{"vp8 key", "VP8", []byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a}, true},
	{"vp8 inter", "VP8", []byte{0x10, 0x11, 0x02}, false},
	{"vp8 middle", "VP8", []byte{0x00, 0x10}, false},
	{"vp8 partition 1", "VP8", []byte{0x11, 0x10}, false},
	{"vp8 short picture id", "VP8", []byte{0x90, 0x80, 0x7f, 0x10}, true},
	{"vp8 long picture id", "VP8", []byte{0x90, 0x80, 0x81, 0x01, 0x10}, true},
	{"vp8 long picture id, inter", "VP8", []byte{0x90, 0x80, 0x81, 0x00, 0x11}, false},
	{"vp8 all fields", "VP8", []byte{0x90, 0xf0, 0x81, 0x01, 0x01, 0x21, 0x10}, true},
	{"vp8 all fields, inter", "VP8", []byte{0x90, 0xf0, 0x80, 0x00, 0x00, 0x20, 0x11}, false},
	{"vp8 T and K share a byte", "VP8", []byte{0x90, 0x30, 0x01, 0x10}, true},
	{"vp8 non-reference", "VP8", []byte{0x30, 0x10}, true},
	{"vp8 descriptor only", "VP8", []byte{0x10}, false},
	{"vp8 cut flags", "VP8", []byte{0x90}, false},
	{"vp8 cut picture id", "VP8", []byte{0x90, 0x80}, false},
	{"vp8 cut long picture id", "VP8", []byte{0x90, 0x80, 0x81}, false},

	{"vp9 key", "VP9", []byte{0x08, 0x49}, true},
	{"vp9 key with picture id", "VP9", []byte{0x88, 0x05, 0x49}, true},
	{"vp9 key, layers", "VP9", []byte{0xaa, 0x81, 0x05, 0x00, 0x00, 0x49}, true},
	{"vp9 upper layer", "VP9", []byte{0xaa, 0x81, 0x05, 0x03, 0x00, 0x49}, false},
	{"vp9 inter", "VP9", []byte{0x48, 0x49}, false},
	{"vp9 not the first packet", "VP9", []byte{0x04, 0x49}, false},
	{"vp9 cut picture id", "VP9", []byte{0x88}, false},
	{"vp9 cut layers", "VP9", []byte{0xa8, 0x05}, false},
	{"vp9 descriptor only", "VP9", []byte{0x08}, false},

	{"h264 idr", "H264", []byte{0x65, 0x88}, true},
	{"h264 later slice of an idr", "H264", []byte{0x65, 0x40}, false},
	{"h264 sps", "H264", []byte{0x67, 0x42}, true},
	{"h264 pps alone", "H264", []byte{0x68, 0xce}, false},
	{"h264 slice", "H264", []byte{0x41, 0x9a}, false},
	{"h264 stap with sps", "H264", []byte{0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68}, true},
	{"h264 stap with sei, then sps", "H264", []byte{0x78, 0, 2, 0x06, 0x05, 0, 1, 0x67}, true},
	{"h264 stap with idr", "H264", []byte{0x78, 0, 1, 0x68, 0, 2, 0x65, 0x88}, true},
	{"h264 stap with slices", "H264", []byte{0x78, 0, 2, 0x41, 0x9a, 0, 2, 0x41, 0x40}, false},
	{"h264 stap cut", "H264", []byte{0x78, 0, 9, 0x67}, false},
	{"h264 stap empty unit", "H264", []byte{0x78, 0, 0, 0, 1, 0x67}, false},
	{"h264 fu-a start", "H264", []byte{0x7c, 0x85, 0x88}, true},
	{"h264 fu-a start of a later slice", "H264", []byte{0x7c, 0x85, 0x40}, false},
	{"h264 fu-a middle", "H264", []byte{0x7c, 0x05, 0x88}, false},
	{"h264 fu-a end", "H264", []byte{0x7c, 0x45, 0x88}, false},
	{"h264 fu-a of a slice", "H264", []byte{0x7c, 0x81, 0x88}, false},
	{"h264 fu-a cut", "H264", []byte{0x7c}, false},

	{"av1 N", "AV1", []byte{0x18, 0x0a}, true},
	{"av1 N and Z", "AV1", []byte{0x98, 0x0a}, false},
	{"av1 N alone", "AV1", []byte{0x08}, false},
	{"av1 frame", "AV1", []byte{0x10, 0x30, 1, 2}, false},
	{"av1 sequence header without N, W 1", "AV1", []byte{0x10, 0x08, 1, 2}, true},
	{"av1 sequence header second, W 2", "AV1", []byte{0x20, 2, 0x12, 0x00, 0x08, 1}, true},
	{"av1 sequence header, W 0", "AV1", []byte{0x00, 1, 0x10, 2, 0x08, 1}, true},
	{"av1 frames, W 0", "AV1", []byte{0x00, 1, 0x30, 2, 0x30, 1}, false},
	{"av1 empty element", "AV1", []byte{0x00, 0, 0}, false},
	{"av1 length over the end", "AV1", []byte{0x00, 0x7f, 0x08}, false},
	{"av1 length without end", "AV1", []byte{0x00, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08}, false},
	{"av1 continuation", "AV1", []byte{0x90, 0x08}, false},

	{"unknown", "H265", []byte{1}, true},
}

func TestKeyframe(t *testing.T) {
	for _, tt := range keyframes {
		t.Run(tt.name, func(t *testing.T) {
			c := Codec{Name: tt.codec, Kind: Video, ClockRate: 90000}
			if got := c.Keyframe(tt.in); got != tt.want {
				t.Errorf("got %v", got)
			}
			if c.Keyframe(nil) {
				t.Error("nothing is a keyframe")
			}
		})
	}
	if !(Codec{Name: "opus", ClockRate: 48000}).Keyframe([]byte{0xfc}) {
		t.Error("audio can always start")
	}
}

func TestKeyframeNoAllocation(t *testing.T) {
	for _, c := range Preferred() {
		p := []byte{0x00, 1, 0x10, 2, 0x08, 1}
		if n := testing.AllocsPerRun(100, func() { c.Keyframe(p) }); n != 0 {
			t.Errorf("%s: %v allocations", c.Name, n)
		}
	}
}

func FuzzKeyframe(f *testing.F) {
	f.Add([]byte{0x90, 0xf0, 0x81, 0x01, 0x01, 0x21, 0x10})
	f.Add([]byte{0x78, 0, 2, 0x06, 0x05, 0, 1, 0x67})
	f.Add([]byte{0x00, 1, 0x10, 2, 0x08, 1})
	list := Preferred()
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, c := range list {
			c.Keyframe(b)
		}
	})
}

func FuzzMatches(f *testing.F) {
	f.Add("profile-level-id=42e01f;packetization-mode=1", "profile-id=2; profile=1")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, name := range []string{"H264", "VP9", "AV1"} {
			x := Codec{Name: name, Kind: Video, ClockRate: 90000, Fmtp: a}
			y := Codec{Name: name, Kind: Video, ClockRate: 90000, Fmtp: b}
			if x.Matches(y) != y.Matches(x) || !x.Matches(x) {
				t.Fatalf("%s: %q and %q", name, a, b)
			}
		}
	})
}

func BenchmarkKeyframe(b *testing.B) {
	for _, c := range Preferred()[:5] {
		b.Run(c.Name+c.Fmtp, func(b *testing.B) {
			p := append([]byte{0x00, 1, 0x10, 2, 0x08, 1}, make([]byte, 1000)...)
			b.ReportAllocs()
			for b.Loop() {
				c.Keyframe(p)
			}
		})
	}
}
