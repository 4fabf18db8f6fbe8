package main

import (
	"context"
	"errors"
	"io"

	"lectern/cmd/lectern/bench"
)

// runBench is lectern bench.
func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	err := bench.Command(ctx, buildVersion(), args, stdout, stderr)
	if errors.As(err, new(bench.UsageError)) {
		return usageError{err, "lectern bench --help"}
	}
	return err
}
