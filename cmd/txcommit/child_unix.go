//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// ending are the signals by which somebody wants the command to end: after one of them nothing is committed, even if the
// command then exits with 0.
var ending = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM}

// forwarded are the other signals that the command gets too. It is not in the terminal's foreground, so those of the
// terminal (SIGWINCH, SIGTSTP) come to us only.
var forwarded = []os.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGTSTP, unix.SIGCONT}

// run runs the command in a process group of its own and forwards signals to that group, each once. A command that wants
// to use the terminal is given it then, and with it the keys that send signals.
func (c *child) run(ctx context.Context) (ended, error) {
	signals := make(chan os.Signal, 16)
	for _, s := range append(slices.Clone(ending), forwarded...) {
		if !signal.Ignored(s) { // as by nohup: the command shall ignore it too
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	if err := ctx.Err(); err != nil {
		return ended{}, err
	}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.start(); err != nil {
		return ended{}, startError(c.cmd.Args[0], err)
	}
	group := c.cmd.Process.Pid
	states := make(chan unix.WaitStatus)
	failed := make(chan error, 1)
	go func() { failed <- watch(group, states) }()
	tty := openTerminal()
	defer tty.release()
	var last os.Signal // of those that are to end the command
	for {
		select {
		case s := <-signals:
			if slices.Contains(ending, s) {
				last = s
			}
			if s == unix.SIGTSTP {
				tty.pressed()
			}
			_ = unix.Kill(-group, s.(syscall.Signal)) // it may have ended
		case st := <-states:
			if st.Stopped() {
				tty.stopped(group, st.StopSignal())
				continue
			}
			_ = c.cmd.Process.Release()
			return endOf(st, last), nil
		case err := <-failed:
			return ended{}, os.NewSyscallError("wait4", err)
		}
	}
}

// start starts the command. What it is to keep it inherits under the number that the file has here: lower ones may be
// in use, as for the job server of make.
func (c *child) start() error {
	if c.keep == nil {
		return c.cmd.Start()
	}
	fd := c.keep.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	err := c.cmd.Start()
	unix.CloseOnExec(int(fd))
	return err
}

// watch sends each stop of the process, and its end.
func watch(pid int, states chan<- unix.WaitStatus) error {
	for {
		var st unix.WaitStatus
		switch _, err := unix.Wait4(pid, &st, unix.WUNTRACED, nil); {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		}
		states <- st
		if !st.Stopped() {
			return nil
		}
	}
}

// endOf tells how a command has ended that was sent last, if that is a signal.
func endOf(st unix.WaitStatus, last os.Signal) ended {
	switch {
	case st.Signaled():
		return ended{128 + int(st.Signal()), unix.SignalName(st.Signal())}
	case st.ExitStatus() == 0 && last != nil:
		s := last.(syscall.Signal)
		return ended{128 + int(s), unix.SignalName(s)}
	}
	return ended{code: st.ExitStatus()}
}
