package main

import (
	"strings"
	"testing"
)

// FuzzYAML reads any bytes as a file of settings: either they are valid
// settings, or the error is one line that names the file.
func FuzzYAML(f *testing.F) {
	for _, text := range []string{
		"", "max-members: 50", "origins: [https://a.example, https://b.example]", "origins: &a [*a]", "a: &a {b: *a}", "stage: [1]", "? [a]\n: b", "stage: 1\nstage: 2",
		"mode: ~", "grace: 1h\n---\ngrace: 2h", "!!binary stage: 1", "stage: !!binary MQ==", "- a", "\xff\xfe", "ice-server: turn:u:p@h:1", "stagee: 1", "grace: 9999999999999h",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := readConfig([]string{"--config", "c.yaml"}, nil, func(string) ([]byte, error) { return text, nil })
		if err != nil {
			if !strings.Contains(err.Error(), "c.yaml") {
				t.Fatalf("%q: the error does not say where: %v", text, err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			return // it names the setting
		}
		_ = c.iceServers()
		_ = c.rtcAddresses()
	})
}
