//go:build amd64 || arm64

package supervise

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A target is the child process and what belongs to it. Its output goes to
// memory files rather than pipes, so that it is complete even after a kill and
// nobody has to wait for a descendant that keeps a pipe open.
type target struct {
	cmd            *exec.Cmd
	stdout, stderr *os.File
	files          []*os.File // everything to close
	waited         chan struct{}

	mu      sync.Mutex // guards the following
	over    bool       // close was called: the group's id may mean others now
	dying   bool       // the group was killed
	expired bool       // by the timeout
}

// signal sends sig to the target's process group, if that still exists.
func (t *target) signal(sig syscall.Signal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.signalLocked(sig)
}

func (t *target) signalLocked(sig syscall.Signal) {
	if t.over {
		return
	}
	t.dying = t.dying || sig == unix.SIGKILL
	_ = unix.Kill(-t.cmd.Process.Pid, sig) // ESRCH: all gone already
}

// expire kills the target because its time is up.
func (t *target) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expired = !t.over
	t.signalLocked(unix.SIGKILL)
}

// isDying reports whether the group was killed.
func (t *target) isDying() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dying
}

// finish waits until the child is reaped. After it the group is left alone.
func (t *target) finish() {
	<-t.waited
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// close kills what is left of the group, reaps the child and closes the files.
// After finish it does the last of these only.
func (t *target) close() {
	t.signal(unix.SIGKILL)
	t.finish()
	t.closeFiles()
}

func (t *target) closeFiles() {
	for _, f := range t.files {
		f.Close()
	}
}

// verdict returns err, or the timeout that explains it better.
func (t *target) verdict(err error, timeout time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.expired {
		return err
	}
	return fmt.Errorf("supervise: %s: still running after %v: %w", t.name(), timeout, context.DeadlineExceeded)
}

// name is the target's name for messages.
func (t *target) name() string { return t.cmd.Args[0] }

// report fills in how the target ended and what it printed.
func (t *target) report(res *Result) {
	res.ExitCode = t.cmd.ProcessState.ExitCode()
	if status, ok := t.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		res.Signal = status.Signal()
	}
	res.Stdout, res.Stderr = contents(t.stdout), contents(t.stderr)
}

// contents returns what is in a memory file. It does not move the offset, which
// the file shares with the target.
func contents(f *os.File) []byte {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return fmt.Appendf(b, "[supervise: %v]", err)
	}
	return b
}
