//go:build amd64 || arm64

package supervise

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// modeEnv marks the re-executed child. Its value is one of the modes. The
// target never sees it.
const modeEnv = "TXCOMMIT_SUPERVISE"

const (
	modeRun      = "run"       // exec os.Args[0] with os.Args[1:]
	modeAllOpens = "all-opens" // the same, reporting plain opens too
	modeProbe    = "probe"     // make two calls, for Supported
)

// stepExec is the step that fails because of the target, not of this package.
const stepExec = "exec"

// childSocket is the child's end of the socket pair: the first extra file.
const childSocket = 3

// probeErrno is an errno that no fsync returns by itself.
const probeErrno = unix.EOWNERDEAD

// mainCalled tells Run that a re-executed test binary would not run its tests.
var mainCalled bool

// Main must be called first in TestMain of every test binary that uses Run. In
// the child that Run starts it becomes the target and never returns; otherwise
// it does nothing.
func Main() {
	mainCalled = true
	mode, ok := os.LookupEnv(modeEnv)
	if !ok {
		return
	}
	runtime.LockOSThread() // filter and no_new_privs belong to the thread that calls exec
	listener, err := install(filter(watchedCalls(), mode == modeAllOpens))
	if err != nil {
		giveUp("install filter", err)
	}
	if err := unix.Sendmsg(childSocket, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		giveUp("send listener", err)
	}
	unix.Close(listener)
	if mode == modeProbe {
		syscall.Exit(probe()) // os.Exit writes coverage files, which would count
	}
	os.Unsetenv(modeEnv)
	unix.CloseOnExec(childSocket)
	giveUp(stepExec, syscall.Exec(os.Args[0], os.Args[1:], os.Environ()))
}

// giveUp tells Run through the socket which step failed, with which errno.
func giveUp(step string, err error) {
	errno, _ := err.(syscall.Errno)
	msg := strconv.Itoa(int(errno)) + " " + step
	_ = unix.Sendmsg(childSocket, []byte(msg), nil, nil, unix.MSG_NOSIGNAL)
	syscall.Exit(127)
}

// givenUp returns the message of giveUp as an error, or nil if it is none.
func givenUp(msg []byte, path string) error {
	number, step, _ := strings.Cut(string(msg), " ")
	errno, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return nil
	case step == stepExec:
		return &os.PathError{Op: step, Path: path, Err: syscall.Errno(errno)}
	}
	return fmt.Errorf("supervise: %s: %w", step, syscall.Errno(errno))
}

// probe returns 0 if the first fsync was refused by the supervisor and the
// second reached the kernel.
func probe() int {
	if unix.Fsync(-1) == probeErrno && unix.Fsync(-1) == unix.EBADF {
		return 0
	}
	return 1
}
