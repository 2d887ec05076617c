//go:build unix

package main

import (
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal, which this process shares with the command that it runs; nil if there is none. It
// does for one command what a shell does for its jobs. What fails here is nobody's concern: the terminal may be gone.
type terminal struct {
	fd    int
	given bool // the command has been given the foreground
	asked bool // somebody has pressed ^Z since the command was stopped last
}

func openTerminal() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	signal.Ignore(unix.SIGTTOU) // else to take the foreground back would stop us
	return &terminal{fd: fd}
}

// release ends the sharing when the command has ended.
func (t *terminal) release() {
	if t == nil {
		return
	}
	t.takeBack()
	signal.Reset(unix.SIGTTOU)
	_ = unix.Close(t.fd)
}

func (t *terminal) give(group int) { _ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) }

func (t *terminal) takeBack() {
	if t.given {
		t.give(unix.Getpgrp())
	}
	t.given = false
}

// pressed notes that ^Z was sent to the command.
func (t *terminal) pressed() {
	if t != nil {
		t.asked = true
	}
}

// stopped does what is to be done when the command's group was stopped. Where it asked for the terminal and we have it, it
// gets it and goes on, unless ^Z came while it was being stopped: SIGCONT would make the command forget that. Else we stop
// as well, so that the shell notices, and both go on when the shell says so.
func (t *terminal) stopped(group int, by syscall.Signal) {
	if t == nil {
		return // nobody is there who would let us go on
	}
	asks := by == unix.SIGTTIN || by == unix.SIGTTOU
	if now, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP); asks && !t.asked && err == nil && now == unix.Getpgrp() {
		t.give(group)
		t.given = true
	} else {
		t.takeBack()
		stopSelf()
	}
	t.asked = false
	_ = unix.Kill(-group, unix.SIGCONT)
}

// stopSelf stops this process, as ^Z would have. It is not SIGTSTP, whose default the Go runtime does not restore once it
// was caught, and not SIGSTOP, which would stop us also where no shell is there to let us go on.
func stopSelf() {
	runtime.LockOSThread() // which raise is about
	defer runtime.UnlockOSThread()
	raise(unix.SIGTTIN)
}
