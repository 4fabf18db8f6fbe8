package protocol_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"lectern/signaling/protocol"
)

// ordinary are names that people have; they stay as they are.
var ordinary = []string{
	"ann", "Ann Cooper", "user0", "O'Neil", "O’Neil", "Jean-Luc", "ann@example.org", "Ünal Çağlar", "Nguyễn Văn A", "Ελένη", "Анна",
	"王小明", "山田 太郎", "ヨーコ", "김민준", "นายสมชาย", "नेहा शर्मा", "শ্রেয়া", "தமிழ்", "ශ්\u200dරී", "محمد", "علی\u200cرضا", "יעל", "አበበ",
	"葛\U000E0100城", "ᠮᠣᠩᠭᠣᠯ", "😀", "Ann 👩‍💻", "👨‍👩‍👧‍👦", "❤️", "👍🏽", "👩🏽‍❤️‍💋‍👨🏻", "🏴‍☠️", "🇩🇪", "1️⃣", "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F",
	"\U0001FAE9", // of Unicode 16
}

func TestOrdinaryNamesStay(t *testing.T) {
	for _, name := range ordinary {
		if got, err := protocol.Name(name); err != nil || got != name {
			t.Errorf("%q became %q, %v", name, got, err)
		}
	}
	for i, a := range ordinary {
		for _, b := range ordinary[:i] {
			// Two of them differ in the shape of an apostrophe only.
			if alike(a, b) && !strings.HasPrefix(a, "O") {
				t.Errorf("%q and %q are taken for alike", a, b)
			}
		}
	}
}

func TestNameIsNormal(t *testing.T) {
	for given, want := range map[string]string{
		"  ann ": "ann", "Ann\u00A0 \u3000Cooper": "Ann Cooper", "Ａｎｎ": "Ann", "ｱﾝ": "アン", "e\u0301": "é", "e\u200B\u0301": "é",
		"A\u200Bn\u2060n\u00AD": "Ann", "\u202EnnA": "nnA", "Ann\uFE0F": "Ann", "Ann\u200D": "Ann", "A\u200Dnn": "Ann", "\u0301Ann": "Ann",
		"Ann\u2028Lee": "Ann Lee", "\uFEFFAnn": "Ann", "Ann\U000E0041": "Ann", "Ann\u115F": "Ann", "Ann\u2800Lee": "Ann Lee",
	} {
		if got, err := protocol.Name(given); err != nil || got != want {
			t.Errorf("%+q became %+q, %v; want %+q", given, got, err, want)
		}
	}
}

func TestBlankNamesAreRefused(t *testing.T) {
	for _, name := range []string{
		"", " ", "\u3164", "\u2028", "\u00A0", "\u200B\u200D", "\u00AD", "\u2800", "\uFFA0", "\u115F\u1160", "\uFE0F", "\u0301", "\u202E",
		"\U000E0041", "\u034F", "\u180E", "a\x00b", "a\nb", "\u0085a\u0085b", "\uFFFF", strings.Repeat("a", 65), strings.Repeat("\uFDFA", 5),
	} {
		if got, err := protocol.Name(name); err == nil {
			t.Errorf("%+q passes as %+q", name, got)
		}
	}
}

func TestNamesThatLookAlike(t *testing.T) {
	for _, name := range []string{
		"ann", "ANN", "Ann\u200B", "Ann\u2060", "A\u00ADnn", "\u202EAnn", "Ann\u00A0", " Ann ", "Аnn", "Αnn", "Ａｎｎ", "𝐀𝐧𝐧", "Aոո", "Ꭺnn",
	} {
		if !alike("Ann", name) {
			t.Errorf("Ann and %+q are not alike", name)
		}
	}
	for _, pair := range [][2]string{
		{"Alice", "AIice"}, {"Ben", "Вen"}, {"BEN", "ВЕN"}, {"user0", "userO"}, {"Ann Lee", "Ann  Lee"}, {"Ann Lee", "Ann\u3000Lee"},
		{"علی\u200cرضا", "علیرضا"}, {"葛\U000E0100城", "葛城"}, {"Zoë", "Zоë"}, {"Zoë", "Zoe\u0308"}, {"Σίσυφος", "ΣΊΣΥΦΟΣ"}, {"❤️", "❤"},
	} {
		if !alike(pair[0], pair[1]) {
			t.Errorf("%+q and %+q are not alike", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{"Ann", "Anna"}, {"Jose", "José"}, {"user1", "user2"}, {"Ali", "All"}, {"Bern", "Bem"}, {"王小明", "王小朋"}, {"Ann Lee", "AnnLee"}, {"בן", "בו"},
	} {
		if alike(pair[0], pair[1]) {
			t.Errorf("%+q and %+q are alike", pair[0], pair[1])
		}
	}
}

func TestRoomsThatNoLinkLeadsTo(t *testing.T) {
	for _, name := range []string{".", "..", " . ", "．", "‥", "․", ".\u200B."} {
		if got, err := protocol.RoomName(name); err == nil {
			t.Errorf("%+q passes as %+q", name, got)
		}
	}
	for _, name := range []string{"...", "a.b", "r5", ".a", "%2E", "房间", "a/b"} {
		if got, err := protocol.RoomName(name); err != nil || got != name {
			t.Errorf("%q became %q, %v", name, got, err)
		}
	}
}

func alike(a, b string) bool {
	a, err1 := protocol.Name(a)
	b, err2 := protocol.Name(b)
	if err1 != nil || err2 != nil {
		return false
	}
	for _, one := range protocol.Looks(a) {
		for _, other := range protocol.Looks(b) {
			if one == other {
				return true
			}
		}
	}
	return false
}

func FuzzName(f *testing.F) {
	for _, name := range ordinary {
		f.Add(name)
	}
	for _, name := range []string{"\u3164", "A\u200Bnn", "¨x", "a\u200D\u200Db", "☠\uFE0F\u200D\u200B☠", "\u0600", "ᠮ\u180E\u180Bᠠ", "\u2028", "𝐀"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, given string) {
		name, err := protocol.Name(given)
		if err != nil {
			if name != "" {
				t.Fatalf("%+q is refused and %+q", given, name)
			}
			return
		}
		if n := utf8.RuneCountInString(name); n < 1 || n > protocol.MaxName {
			t.Fatalf("%+q has %d characters", name, n)
		}
		if again, err := protocol.Name(name); err != nil || again != name {
			t.Fatalf("%+q is normal as %+q, but that as %+q, %v", given, name, again, err)
		}
		keys := protocol.Looks(name)
		if strings.TrimSpace(keys[0]) == "" || strings.TrimSpace(keys[1]) == "" {
			t.Fatalf("%+q looks like nothing", name)
		}
	})
}
