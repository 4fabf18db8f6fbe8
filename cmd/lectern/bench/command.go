package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Command is lectern bench: it reads the flags, runs, and writes the report to
// stdout, or where --json says. Errors are a UsageError, what kept it from
// measuring, or that something did not work; then the report was written.
func Command(ctx context.Context, version string, args []string, stdout, stderr io.Writer) error {
	p, err := parse(args)
	if errors.Is(err, errHelp) {
		return writeHelp(stdout)
	}
	if err != nil {
		return err
	}
	if err := p.open(); err != nil {
		return err
	}
	line := progress{w: stderr, on: isTerminal(stderr)}
	r, err := Run(ctx, p, line.say)
	line.clear()
	if err != nil {
		return err
	}
	r.Version = version
	if err := write(r, &p, stdout); err != nil {
		return err
	}
	switch {
	case !r.OK:
		return fmt.Errorf("not everything worked: %s", r.Failures[0])
	case r.EndedEarly != "":
		return errors.New(r.EndedEarly)
	}
	return nil
}

// open makes sure that the report can be written, before it takes a minute to get.
func (p *Plan) open() error {
	if p.JSON == "" || p.JSON == "-" {
		return nil
	}
	f, err := os.OpenFile(p.JSON, os.O_WRONLY|os.O_CREATE, 0o644) //nolint:gosec // for everybody
	if err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	return f.Close()
}

// write writes the report as the plan says.
func write(r *Report, p *Plan, stdout io.Writer) error {
	if p.JSON == "" {
		return r.WriteTable(stdout)
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	b = append(b, '\n')
	if p.JSON == "-" {
		_, err = stdout.Write(b)
		return err
	}
	if err := os.WriteFile(p.JSON, b, 0o644); err != nil { //nolint:gosec // for everybody
		return fmt.Errorf("--json: %w", err)
	}
	return r.WriteTable(stdout)
}

// progress is one line of a terminal that is written over again.
type progress struct {
	w  io.Writer
	on bool
}

func (p progress) say(text string) {
	if p.on {
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
	}
}

func (p progress) clear() { p.say("") }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a file descriptor
}
