package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite README.md's table of settings")

// TestREADMEHasTheSettings compares README.md's table with the settings.
func TestREADMEHasTheSettings(t *testing.T) {
	const (
		file  = "../../README.md"
		begin = "<!-- settings: written by go test ./cmd/lectern -run TestREADME -update -->\n"
		end   = "<!-- end of settings -->\n"
	)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("README.md lacks the lines %q and %q", begin, end)
	}
	want := settingsTable()
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("README.md's table is not what settings() say; run the test with -update. It should be:\n%s", want)
	}
	if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func settingsTable() string {
	var b strings.Builder
	b.WriteString("| flag | default | |\n|---|---|---|\n")
	b.WriteString("| `--config FILE` | | YAML file with settings. |\n")
	defaults := Default()
	for _, s := range settings() {
		value := s.get(defaults)
		if value != "" {
			value = "`" + value + "` "
		}
		help := s.help
		if s.list {
			help += " May be given several times, or with commas."
		}
		row := fmt.Sprintf("--%s %s", s.name, s.arg)
		fmt.Fprintf(&b, "| `%s` | %s| %s |\n", strings.ReplaceAll(row, "|", `\|`), value, help)
	}
	return b.String()
}

// TestREADMETour has a server do what README.md's tour of /api/rooms says, in
// its order, with two people who join when the first is looked for.
func TestREADMETour(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?m)^    (ID=\$\()?api ([A-Z]+) +(\S+)(?: +'([^']*)')?`)
	p := startWith(t, append(anyRTCPort, "LECTERN_ADMIN_TOKEN="+adminToken), "--mode", "sfu")
	o := operator{t, p}
	last, done := "", 0
	for _, m := range call.FindAllStringSubmatch(string(b), -1) {
		if m[1] != "" {
			join(t, p, "lecture", "ann", "")
			second, _ := join(t, p, "lecture", "bob", "")
			last = second.id
		}
		path := strings.NewReplacer(`"`, "", "$ID", last, "lecture)", "lecture").Replace(m[3])
		if status, answer := o.do(m[2], "/api/rooms"+path, m[4]); status >= 300 {
			t.Errorf("%s: got %d %v", m[0], status, answer)
		}
		done++
	}
	if done != 9 {
		t.Errorf("README.md has %d calls, want 9", done)
	}
}
