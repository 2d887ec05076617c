package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
)

// exitOwn is the exit code for txcommit's own failures where other ones are those of a command that it runs.
const exitOwn = 125

// passes marks the commands that pass the exit code of another command on.
const passes = "passes-exit-code"

// coded is a report that decides on the exit code.
type coded interface {
	report
	exitCode() int
}

// passedOn returns the exit code of a command whose report decides on it, or that passes another one's on. code is what it
// would be otherwise; where it says that the change is in place, it stays, and so does the one for a signal.
func (a *app) passedOn(cmd *cobra.Command, err error, code int) int {
	if r, ok := a.report.(coded); ok && code == exitOK {
		return r.exitCode()
	}
	if _, ok := cmd.Annotations[passes]; !ok {
		return code
	}
	if e, ok := errors.AsType[*commandError](err); ok {
		return e.end.code
	}
	switch code {
	case exitOK, exitCleanup:
		return exitOK
	case exitInterrupted, exitTerminated:
		return code
	}
	return exitOwn
}

// ended tells how a command has ended.
type ended struct {
	code   int    // 128+n for signal n
	signal string // its name, if one has killed the command or stopped us
}

func (e ended) String() string {
	if e.signal != "" {
		return "ended by " + e.signal
	}
	return fmt.Sprintf("exit status %d", e.code)
}

// errCommand matches what another command has failed at.
var errCommand = errors.New("the command has failed")

// commandError says that a command has not succeeded.
type commandError struct {
	end  ended
	text string
}

func (e *commandError) Error() string { return e.text }
func (e *commandError) Unwrap() error { return errCommand }

// child is a command that txcommit runs.
type child struct {
	cmd *exec.Cmd
	// keep is an open file that the command inherits, so that its lock lasts as long as the command; nil for none.
	keep *os.File
}

// child makes a command with the standard files of txcommit. Where the standard output is to carry one JSON object, the
// command's output goes to standard error.
func (a *app) child(argv []string) *child {
	c := exec.Command(argv[0], argv[1:]...)
	c.Stdin, c.Stdout, c.Stderr = a.stdin, a.stdout, a.stderr
	if a.flags.json() {
		c.Stdout = a.stderr
	}
	return &child{cmd: c}
}

// startError says why a command could not be started, by the name that it was called by.
func startError(name string, err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return at(atCommand, &fs.PathError{Op: "start", Path: name, Err: err})
}
