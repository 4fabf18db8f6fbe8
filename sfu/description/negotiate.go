package description

import (
	"fmt"
	"slices"
	"strings"

	"lectern/sfu/codec"
)

// numbered are the payload types of our offers, for as long as the program
// runs and on every connector: a client that is offered the same stream twice
// finds the same numbers. They are those of Chromium, which uses 96 and up and,
// where these are used up, 35 to 63 (RFC 5761 section 4 leaves these free of
// RTCP's types). Listed are the formats that codec.Preferred has.
var numbered = func() []Format {
	types := map[string][][2]uint8{ // of one name in the order of Preferred
		"VP8":  {{96, 97}},
		"H264": {{108, 109}, {102, 103}}, // 42e01f, 42001f
		"VP9":  {{98, 99}},
		"AV1":  {{45, 46}},
		"opus": {{111, 0}},
		"red":  {{63, 0}},
	}
	var list []Format
	for _, c := range codec.Preferred() {
		free := types[c.Name]
		if len(free) == 0 {
			panic("description: no payload type for " + c.Name)
		}
		list = append(list, Format{PayloadType: free[0][0], RTX: free[0][1], Codec: c})
		types[c.Name] = free[1:]
	}
	return list
}()

// Offered are the formats of a section of our own offer: the allowed ones of
// that kind, in the given order, with our payload types. A format that is none
// of codec.Preferred has no payload type and is left out. red comes after
// opus, whose payload type it names (RFC 2198 section 5), and never without it.
func Offered(kind codec.Kind, allowed []codec.Codec) []Format {
	list := make([]Format, 0, len(allowed))
	for _, c := range allowed {
		i := slices.IndexFunc(numbered, func(f Format) bool { return f.Codec.Matches(c) })
		if i < 0 || c.Kind != kind || has(list, numbered[i].PayloadType) {
			continue
		}
		list = append(list, Format{PayloadType: numbered[i].PayloadType, RTX: numbered[i].RTX, Codec: c})
	}
	return redundant(list, func(opus Format, red *Format) bool {
		red.Codec.Fmtp = redOf(opus)
		return true
	})
}

// Negotiate are the formats of our answer to an offered section: the wanted
// formats that it offers, in the order of wanted, so that all clients who can
// send by our first choice do, with the offer's payload types (RFC 3264 section
// 6.1). Where several offered formats match a wanted one, the first counts. The
// list is empty if nothing matches; the section is then to be rejected.
//
// The feedback is what both sides name. The parameters are ours, with what an
// answer has to repeat of H264's (RFC 6184 section 8.2.2). red is answered if
// it is offered for the payload type of opus, and comes after it.
func Negotiate(offered Section, wanted []codec.Codec) []Format {
	list := make([]Format, 0, len(wanted))
	for _, c := range wanted {
		i := slices.IndexFunc(offered.Formats, func(f Format) bool {
			return f.Codec.Matches(c) && !has(list, f.PayloadType)
		})
		if i < 0 {
			continue
		}
		of := offered.Formats[i]
		answer := Format{PayloadType: of.PayloadType, RTX: of.RTX, Codec: c}
		answer.Codec.Fmtp = answerParameters(c, of.Codec.Fmtp)
		answer.Codec.Feedback = shared(c.Feedback, of.Codec.Feedback)
		list = append(list, answer)
	}
	return redundant(list, func(opus Format, red *Format) bool {
		of, _ := find(offered.Formats, red.PayloadType)
		red.Codec.Fmtp = redOf(opus)
		return of.Codec.Fmtp == red.Codec.Fmtp
	})
}

func find(list []Format, payloadType uint8) (Format, bool) {
	for _, f := range list {
		if f.PayloadType == payloadType {
			return f, true
		}
	}
	return Format{}, false
}

func has(list []Format, payloadType uint8) bool {
	_, ok := find(list, payloadType)
	return ok
}

// redOf are the parameters of red with two blocks of this format.
func redOf(f Format) string { return fmt.Sprintf("%d/%d", f.PayloadType, f.PayloadType) }

// redundant moves red behind opus, or drops it if there is no opus or fit says
// no. fit gives red its parameters.
func redundant(list []Format, fit func(opus Format, red *Format) bool) []Format {
	isRED := func(f Format) bool { return strings.EqualFold(f.Codec.Name, "red") }
	r := slices.IndexFunc(list, isRED)
	if r < 0 {
		return list
	}
	red := list[r]
	list = slices.DeleteFunc(list, isRED)
	o := slices.IndexFunc(list, func(f Format) bool { return strings.EqualFold(f.Codec.Name, "opus") })
	if o < 0 || !fit(list[o], &red) {
		return list
	}
	return slices.Insert(list, max(r, o+1), red)
}

// answerParameters are the parameters of an answer. Those of H264 that make the
// format have to be the offer's; with level-asymmetry-allowed on both sides
// each names its own level, and repeating the offer's is always right.
func answerParameters(ours codec.Codec, offered string) string {
	if !strings.EqualFold(ours.Name, "H264") {
		return ours.Fmtp
	}
	var kept []string
	for _, name := range []string{"level-asymmetry-allowed", "packetization-mode", "profile-level-id"} {
		if value := parameter(offered, name); value != "" {
			kept = append(kept, name+"="+value)
		}
	}
	return strings.Join(kept, ";")
}

// shared is what stands in both lists, in the order of the first.
func shared(ours, theirs []string) []string {
	var list []string
	for _, s := range ours {
		if slices.Contains(theirs, s) {
			list = append(list, s)
		}
	}
	return list
}
