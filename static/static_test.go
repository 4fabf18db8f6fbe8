package static

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"path"
	"regexp"
	"testing"
	"testing/fstest"
)

// The page's budget, in bytes. The wire's is for a visit in English from the
// front page into a call; what a click or a language needs comes later.
const (
	wholeBudget = 200 << 10
	wireBudget  = 62 << 10
)

// later holds what a call begins without.
var later = map[string]bool{
	"js/core/files.js": true, "js/core/pace.js": true, "js/core/transfers.js": true,
	"js/lang/zh-CN.js": true, "js/ui/dialog.js": true, "js/ui/settings.js": true,
	"js/ui/shortcut-sheet.js": true, "js/ui/sparkline.js": true, "js/ui/stats-panel.js": true,
	"css/chat.css": true, "js/ui/chat-drawer.js": true, "js/ui/chat-message.js": true, "js/ui/links.js": true,
	"css/dialog.css": true, "js/ui/member-menu.js": true, "js/ui/hand-queue.js": true, "js/ui/removed.js": true, "js/ui/stage-dialog.js": true,
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

// TestShrinking holds that every source is one that can be shrunk, and that what
// others name in a module is still there.
func TestShrinking(t *testing.T) {
	exported := regexp.MustCompile(`(?m)^export (?:async )?(?:function|class|const) (\w+)`)
	each(t, sources, func(name string, src []byte) {
		out, err := fs.ReadFile(Files, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) == 0 || len(out) > len(src) {
			t.Errorf("%s: %d bytes of %d", name, len(out), len(src))
		}
		if path.Ext(name) != ".js" {
			return
		}
		for _, m := range exported.FindAllSubmatch(src, -1) {
			if !regexp.MustCompile(`export (?:async )?(?:function|class|const) ` + string(m[1]) + `\b|export\{[^}]*\b` + string(m[1]) + `\b`).Match(out) {
				t.Errorf("%s: %s is not exported", name, m[1])
			}
		}
	})
}

func TestShrink(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"a.css", "/* What. */\n\na:hover, b {\n  color: var(--x);\n  margin: 0 1px;\n}\n@media (min-width: 3px) { c > d { top: 0; } }\n", "a:hover,b{color:var(--x);margin:0 1px}@media(min-width:3px){c>d{top:0}}"},
		{"a.js", "// Why.\nimport x from 'y'; // Why.\n\n/**\n * @param {number} number\n */\nexport function f(number) {\n  const url = g('http://a // b');\n  return url + number + x;\n}\n", `import x from"y";export function f(e){const t=g("http://a // b");return t+e+x}`},
		{"a.svg", "<svg>\n  <path/>\n</svg>", "<svg>\n<path/>\n</svg>"},
	} {
		got, err := shrinkers[path.Ext(c.name)]([]byte(c.src))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	if _, err := shrinkJS([]byte("function {")); err == nil {
		t.Error("no error for what is no script")
	}
}
