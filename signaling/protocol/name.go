package protocol

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var errName = errors.New("protocol: a name has 1 to 64 visible characters and no control characters")

// Name normalises the name of a user, for showing and for comparing exactly. It
// is brought to NFKC, so that full width and other variants become the ordinary
// characters; each run of white space becomes one space, at the ends none; what
// cannot be seen is removed, except where a script or an emoji needs it. It
// fails if nothing is left, if more than MaxName characters are, or if there are
// control characters. A name that has been normalised stays as it is. It may be
// called concurrently.
func Name(s string) (string, error) {
	const longest = 16 * MaxName // no normalisation shrinks text by so much
	if len(s) > longest*utf8.UTFMax {
		return "", errName
	}
	s = strings.TrimSpace(s)
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Noncharacter_Code_Point, r) }) {
		return "", errName
	}
	// Once more, since what was removed may have kept others apart.
	s = norm.NFKC.String(visible(norm.NFKC.String(s)))
	if s == "" || utf8.RuneCountInString(s) > MaxName {
		return "", errName
	}
	return s, nil
}

var errRoom = errors.New(`protocol: a room is called neither "." nor ".."`)

// RoomName normalises the name of a room as Name does. It also fails for "." and
// "..": in an address they are steps of the path, even when they are
// percent-encoded (WHATWG URL), so no link can lead there.
func RoomName(s string) (string, error) {
	s, err := Name(s)
	if s == "." || s == ".." {
		return "", errRoom
	}
	return s, err
}

// InvalidName is what is wrong with a field of which Name or RoomName gave err.
func InvalidName(field string, err error) *Error {
	if errors.Is(err, errRoom) {
		return Invalid(field, `must not be "." or ".."`, `不能是 "." 或 ".."`)
	}
	return Invalid(field, "must have 1 to 64 visible characters and no control characters",
		"须为 1 到 64 个可见字符，且不含控制字符")
}

// visible makes runs of white space one space and removes what cannot be seen,
// and marks that have nothing to stand on.
func visible(s string) string {
	in := []rune(s)
	out := make([]rune, 0, len(in))
	for i, r := range in {
		last, next := rune(' '), rune(' ')
		if len(out) > 0 {
			last = out[len(out)-1]
		}
		if i+1 < len(in) {
			next = in[i+1]
		}
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Z, r) || r == brailleBlank:
			if last != ' ' {
				out = append(out, ' ')
			}
		case invisible(r) && !needed(out, r, next):
		case unicode.Is(unicode.M, r) && last == ' ':
		default:
			out = append(out, r)
		}
	}
	return strings.TrimSuffix(string(out), " ")
}

const (
	brailleBlank = '\u2800'
	nullNotehead = '\U0001D159'
	nonJoiner    = '\u200C'
	joiner       = '\u200D'
	keycap       = '\u20E3'
	vowelBreak   = '\u180E' // Mongolian vowel separator
	blackFlag    = '\U0001F3F4'
)

// invisible reports whether a character has no shape of its own.
func invisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) ||
		unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) || r == nullNotehead
}

// needed reports whether an invisible character changes what is seen: a joiner
// within an emoji or a word of a script that has them (RFC 5892 appendix A is
// stricter), a selector of a variant, a tag of a flag.
func needed(before []rune, r, next rune) bool {
	if len(before) == 0 {
		return false
	}
	last := before[len(before)-1]
	switch {
	case r == joiner && pictograph(next):
		return pictograph(base(before))
	case r == joiner || r == nonJoiner:
		return cursive(base(before)) && cursive(next)
	case r == vowelBreak:
		return unicode.Is(unicode.Mongolian, last) && unicode.Is(unicode.Mongolian, next) && unicode.IsLetter(next)
	case r == '\uFE0E' || r == '\uFE0F':
		return unicode.Is(unicode.S, last) || next == keycap && (unicode.IsDigit(last) || last == '#' || last == '*')
	case r >= '\uFE00' && r <= '\uFE02' || r >= '\U000E0100' && r <= '\U000E01EF':
		return unicode.Is(unicode.Han, last)
	case unicode.Is(unicode.Variation_Selector, r):
		return r < '\u2000' && unicode.Is(unicode.Mongolian, last) && unicode.IsLetter(last)
	case r >= '\U000E0020' && r <= '\U000E007F':
		return last == blackFlag || last >= '\U000E0020' && last < '\U000E007F'
	}
	return false
}

// base is the last character that is more than a mark or a modifier.
func base(text []rune) rune {
	for i := len(text) - 1; i >= 0; i-- {
		r := text[i]
		if !unicode.Is(unicode.M, r) && !(r >= '\U0001F3FB' && r <= '\U0001F3FF') {
			return r
		}
	}
	return 0
}

func pictograph(r rune) bool {
	return unicode.Is(unicode.So, r) || r >= '\U0001F000' && r <= '\U0001FAFF'
}

// cursive reports whether a letter is of a script that is written with joiners.
func cursive(r rune) bool {
	return unicode.IsLetter(r) && unicode.In(r,
		unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mandaic, unicode.Mongolian, unicode.Phags_Pa,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
		unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}
