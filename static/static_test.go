package static

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// The page's budget, in bytes. The wire's is for a visit in English from the
// front page into a call; what a click or a language needs comes later.
const (
	wholeBudget = 200 << 10
	wireBudget  = 60 << 10
)

// later holds what a call begins without.
var later = map[string]bool{
	"js/lang/zh-CN.js": true, "js/ui/dialog.js": true, "js/ui/settings.js": true,
	"js/ui/shortcut-sheet.js": true, "js/ui/sparkline.js": true, "js/ui/stats-panel.js": true,
}

func each(t *testing.T, files fs.FS, do func(name string, data []byte)) {
	t.Helper()
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err == nil {
			do(name, data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBudget(t *testing.T) {
	whole, wire, found := 0, 0, 0
	each(t, Files, func(name string, data []byte) {
		whole += len(data)
		if later[name] {
			found++
			return
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = z.Write(data)
		_ = z.Close()
		wire += min(b.Len(), len(data))
	})
	t.Logf("%d bytes, %d of them on the wire", whole, wire)
	if whole > wholeBudget || wire > wireBudget {
		t.Errorf("%d bytes of at most %d, %d on the wire of at most %d", whole, wholeBudget, wire, wireBudget)
	}
	if found != len(later) {
		t.Errorf("%d of the %d files that come later exist", found, len(later))
	}
}

func TestFS(t *testing.T) {
	if err := fstest.TestFS(Files, "index.html", "css/tokens.css", "js/main.js", "js/core/room.js"); err != nil {
		t.Error(err)
	}
}

var stringWithSigns = regexp.MustCompile(`"[^"\n]*([{};]|/\*)[^"\n]*"`)

// TestStripping holds what stripJS takes for granted of the sources, and that
// lines keep their numbers.
func TestStripping(t *testing.T) {
	each(t, sources, func(name string, src []byte) {
		strip := strippers[path.Ext(name)]
		if strip == nil {
			return
		}
		out := strip(src)
		if path.Ext(name) == ".css" {
			if found := stringWithSigns.Find(src); found != nil || bytes.Contains(src, []byte("url(")) {
				t.Errorf("%s: a string or an address that would change: %s", name, found)
			}
			return
		}
		if bytes.Count(out, []byte("\n")) != bytes.Count(src, []byte("\n")) {
			t.Errorf("%s: lines have moved", name)
		}
		if bytes.Contains(out, []byte("/**")) {
			t.Errorf("%s: a comment is left", name)
		}
		for i, line := range strings.Split(string(out), "\n") {
			if strings.Count(line, "`")%2 != 0 {
				t.Errorf("%s:%d: a template goes over the line's end, or a comment began in a string", name, i+1)
			}
		}
		for i, line := range strings.Split(string(src), "\n") {
			starts := []int{strings.Index(line, "/**")}
			if at := lineComment.FindStringIndex(line); at != nil {
				starts = append(starts, at[0])
			}
			for _, at := range starts {
				for _, quote := range []string{"'", `"`, "`"} {
					if at >= 0 && strings.Count(line[:at], quote)%2 != 0 {
						t.Errorf("%s:%d: a string contains the start of a comment", name, i+1)
					}
				}
			}
		}
	})
}

func TestStripCSS(t *testing.T) {
	const src = "/* What. */\n\na:hover, b {\n  color: var(--x);\n  margin: 0 1px;\n}\n@media (min-width: 3px) { c > d { top: 0; } }\n"
	const want = "a:hover, b{color:var(--x);margin:0 1px}@media (min-width: 3px){c > d{top:0}}"
	if got := string(stripCSS([]byte(src))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStripJS(t *testing.T) {
	const src = "// Why.\nimport x from 'y'; // Why.\n\n/**\n * @param {number} n\n */\nexport function f(n) {\n  const u = /** @type {string} */ (g('http://a'));\n}\n"
	const want = "\nimport x from 'y';\n\n\n\n\nexport function f(n) {\nconst u = (g('http://a'));\n}\n"
	if got := string(stripJS([]byte(src))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
