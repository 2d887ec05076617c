package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole command: it reads and writes only what it is given, and returns the exit code.
//
// SIGINT and SIGTERM cancel the context and stay caught, however often they come: after the commit point the commit is
// finished. A closed pipe at standard output is an error of the write, not the death of a process that has committed.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	sigint, stopInt := heeding(context.Background(), os.Interrupt)
	defer stopInt()
	ctx, stopTerm := heeding(sigint, syscall.SIGTERM)
	defer stopTerm()

	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	a.signalled = func() int {
		switch {
		case sigint.Err() != nil:
			return exitInterrupted
		case ctx.Err() != nil:
			return exitTerminated
		}
		return 0
	}
	return a.execute(ctx, args)
}

// heeding returns a context that a signal cancels, unless whoever started us wants it ignored: a shell does for what it
// starts in the background.
func heeding(ctx context.Context, s os.Signal) (context.Context, context.CancelFunc) {
	if signal.Ignored(s) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, s)
}
