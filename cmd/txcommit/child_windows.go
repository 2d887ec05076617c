package main

import (
	"context"
	"errors"
	"os/exec"

	"golang.org/x/sys/windows"
)

// run runs the command in the console that it shares with us: the keys that interrupt reach both, so that nothing is
// forwarded. After them nothing is committed, even if the command then exits with 0. What the command is to keep open it
// does not get: a stage folder can be swept while the command of a txcommit that was killed goes on.
func (c *child) run(ctx context.Context) (ended, error) {
	if err := ctx.Err(); err != nil {
		return ended{}, err
	}
	if err := c.cmd.Start(); err != nil {
		return ended{}, startError(c.cmd.Args[0], err)
	}
	err := c.cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return ended{}, err
	}
	end := ended{code: c.cmd.ProcessState.ExitCode()}
	if end.code == 0 && ctx.Err() != nil || uint32(end.code) == uint32(windows.STATUS_CONTROL_C_EXIT) {
		end = ended{exitInterrupted, "SIGINT"}
	}
	return end, nil
}
