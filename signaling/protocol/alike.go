package protocol

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Looks gives two keys of a name, which must be normal (Name). Two names look
// alike if they have a key in common: that is so if they differ only in case,
// in characters that cannot be seen, or in letters of the same shape, such as
// the Latin and the Cyrillic A. It may be called concurrently.
//
// One key is of the letters in lower case, the other of the letters as they
// are: a capital I looks like a small L and a Cyrillic В like a Latin B, but not
// so their lower cases.
func Looks(name string) [2]string {
	var lower, shown strings.Builder
	for _, r := range norm.NFD.String(name) {
		if invisible(r) {
			continue
		}
		lower.WriteRune(small(shape(small(r))))
		shown.WriteRune(small(shape(r)))
	}
	return [2]string{lower.String(), shown.String()}
}

// small folds case, without a change of length: all letters that SimpleFold
// takes for one become the same.
func small(r rune) rune {
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	return unicode.ToLower(least)
}

func shape(r rune) rune {
	if ascii, ok := shapes[r]; ok {
		return ascii
	}
	return r
}

// shapes is set here and never changed.
var shapes = func() map[rune]rune {
	m := make(map[rune]rune, 512)
	for ascii, list := range lookAlikes {
		for _, r := range list {
			m[r] = ascii
		}
	}
	return m
}()

// lookAlikes are the characters that look like a letter or a digit of ASCII, an
// apostrophe or a hyphen: those of confusables.txt of Unicode Technical Standard
// #39, version 13.0 (© 2020 Unicode, Inc., https://www.unicode.org/terms_of_use.html),
// that are one character for one and are left by NFKC. Those of Hebrew,
// Arabic, Han and Kana are left out: there the shapes of ordinary letters are
// taken for one, such as those of vav and final nun.
var lookAlikes = map[rune]string{
	'\'': "ʹʻʼʽʾˈˊˋ˴՚՝ᑊᛌ‘’‛′‵ꞌ",
	'-':  "˗‐‒–⁃−Ⲻ",
	'2':  "ƧϨᒿꙄꛯꝚ",
	'3':  "ƷȜЗӠⳌꝪꞫ𑣊𖼻",
	'4':  "Ꮞ𑢯",
	'5':  "Ƽ𑢻",
	'6':  "бᏮⳒ𑣕",
	'7':  "𐓒𑣆",
	'8':  "Ȣȣ৪੪𐌚",
	'9':  "৭੧୨൭ⳊꝮ𑢬𑣌𑣖",
	'A':  "ΑАᎪᗅꓮ𐊠𖽀",
	'B':  "ΒВᏴᗷꓐꞴ𐊂𐊡𐌁",
	'C':  "СᏟⲤꓚ𐊢𐌂𐐕𐔜𑣩𑣲",
	'D':  "Ꭰᗞᗪꓓ",
	'E':  "ΕЕᎬ⋿ⴹꓰ𐊆𑢦𑢮",
	'F':  "ϜᖴꓝꞘ𐊇𐊥𐔥𑢢𑣂",
	'G':  "ԌᏀᏳꓖ",
	'H':  "ΗНᎻᕼⲎꓧ𐋏",
	'J':  "ͿЈᎫᒍꓙꞲ",
	'K':  "ΚКᏦᛕⲔꓗ𐔘",
	'L':  "ᏞᒪⳐꓡ𐐛𐔦𑢣𑢲𖼖",
	'M':  "ΜϺМᎷᗰᛖⲘꓟ𐊰𐌑",
	'N':  "ΝⲚꓠ𐔓",
	'O':  "0ΟОՕ০ଠ୦ዐⲞⵔ〇ꓳ𐊒𐊫𐐄𐓂𐔖𑓐𑢵𑣠",
	'P':  "ΡРᏢᑭⲢꓑ𐊕",
	'Q':  "ⵕ",
	'R':  "ƦᎡᏒᖇꓣ𐒴𖼵",
	'S':  "ЅՏᏕᏚꓢ𐊖𐐠𖼺",
	'T':  "ΤТᎢ⊤⟙Ⲧꓔ𐊗𐊱𐌕𑢼𖼊",
	'U':  "Սሀᑌ∪⋃ꓴ𐓎𑢸𖽂",
	'V':  "ѴᏙᐯⴸꓦꛟ𐔝𑢠𖼈",
	'W':  "ԜᎳᏔꓪ𑣦𑣯",
	'X':  "ΧХᚷⲬⵝꓫꞳ𐊐𐊴𐌗𐌢𐔧𑣬",
	'Y':  "ΥУҮᎩᎽⲨꓬ𐊲𑢤𖽃",
	'Z':  "ΖᏃꓜ𐋵𑢩𑣥",
	'a':  "ɑαа",
	'b':  "ƄЬᏏᑲᖯ",
	'c':  "сᴄⲥꮯ𐐽",
	'd':  "ԁᏧᑯꓒ",
	'e':  "еҽꬲ",
	'f':  "քẝꞙꬵ",
	'g':  "ƍɡցᶃ",
	'h':  "һհᏂ",
	'i':  "ıɩɪιіӏᎥꙇꭵ𑣃",
	'j':  "ϳј",
	'l':  "1I|ƖǀΙІӀᛁ∣Ⲓⵏꓲ𐊊𐌉𐌠𖼨",
	'n':  "ոռ",
	'o':  "οσоօ०੦૦௦౦೦ഠ൦๐໐ဝ၀ჿᴏᴑⲟꬽ𐐬𐓪𑣈𑣗",
	'p':  "ρрⲣ",
	'q':  "ԛգզ",
	'r':  "гᴦⲅꭇꭈꮁ",
	's':  "ƽѕꜱꮪ𐑈𑣁",
	'u':  "ʋυսᴜꞟꭎꭒ𐓶𑣘",
	'v':  "νѵᴠ∨⋁ꮩ𑜆𑣀",
	'w':  "ɯѡԝաᴡꮃ𑜊𑜎𑜏",
	'x':  "×хᕁᕽ᙮⤫⤬⨯",
	'y':  "ɣʏγуүყᶌỿꭚ𑣜",
	'z':  "ᴢꮓ𑣄",
}
