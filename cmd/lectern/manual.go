package main

import (
	"fmt"
	"io"
	"strings"
)

// manualWidth is how many columns the manual uses.
const manualWidth = 78

// writeManual prints what lectern --help says, made from the table of
// settings.
func writeManual(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`Lectern serves video rooms: open its page, choose a room, send others the link.

Usage:
  lectern [flags]     serve until interrupted
  lectern bench       measure a running server; see lectern bench --help
  lectern version     print the version

Every flag can also be set by an environment variable or in a YAML file; a flag
goes before the variable, and the variable before the file. In the file a
setting has the name of its flag without the dashes:

  listen: ":8443"
  tls: self
  ice-server: ["stun:stun.example.org:3478"]

Flags:
  --config FILE
      YAML file with settings.
      Environment: LECTERN_CONFIG.
`)
	defaults := Default()
	for _, s := range settings() {
		fmt.Fprintf(&b, "\n  --%s %s\n", s.name, s.arg)
		help := s.help
		if s.list {
			help += " May be given several times, or with commas."
		}
		help += fmt.Sprintf(" Environment: %s.", s.env())
		if d := s.get(defaults); d != "" {
			help += fmt.Sprintf(" Default: %s", d)
		}
		b.WriteString(wrap(help, "      "))
	}
	b.WriteString(`
The server stops on SIGINT and SIGTERM: it tells the clients, closes their
connections so that they come back, and ends within five seconds. A second
signal ends it at once. Exit codes: 0 stopped, 1 failed, 2 wrong settings.
`)
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks text between words.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > manualWidth && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
	return b.String()
}
