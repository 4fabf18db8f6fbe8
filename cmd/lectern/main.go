// Command lectern serves media rooms: the page, the signaling on both
// transports, and what belongs to running them (lectern --help is the manual).
// It is the only package that sees the sockets and what carries the media.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

// version is set by the linker (make build).
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal the second one has its ordinary effect: the
	// process ends at once.
	context.AfterFunc(ctx, stop)
	// A terminal that goes away does not end a call. There is nothing to read
	// again on a hangup: the files of a certificate are watched.
	signal.Ignore(syscall.SIGHUP)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// usageError is a mistake of whoever started the program, not a failure.
type usageError struct {
	error
	manual string // the command that prints it
}

// run is the whole program; it returns the exit code: 0, 1 for a failure, 2
// for a mistake in the command line or the configuration.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	err := dispatch(ctx, args, env, stdout, stderr)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "lectern: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "Run %s for the manual.\n", usage.manual)
		return 2
	}
	return 1
}

func dispatch(ctx context.Context, args, env []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "version", "--version", "-version":
			_, err := fmt.Fprintf(stdout, "lectern %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		case "bench":
			return runBench(ctx, args[1:], stdout, stderr)
		case "help", "--help", "-help", "-h":
			return writeManual(stdout)
		}
	}
	cfg, warnings, err := readConfig(args, env, os.ReadFile)
	if errors.Is(err, errHelp) {
		return writeManual(stdout)
	}
	if err != nil {
		return usageError{err, "lectern --help"}
	}
	log := newLogger(cfg, stderr)
	for _, w := range warnings {
		log.Warn(w)
	}
	return serve(ctx, cfg, log, stdout)
}

// buildVersion is the linker's version, or what Go knows of the commit.
func buildVersion() string {
	if version != "devel" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return version + "-" + s.Value[:12]
		}
	}
	return version
}
