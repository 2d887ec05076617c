//go:build amd64 || arm64

package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Supported returns nil if Run works here. It finds out by using it: a thread of
// this process has one call refused and another let go. The answer is computed
// once.
func Supported() error { return supported() }

// probeErrno is an errno that no fsync returns by itself.
const probeErrno = unix.EOWNERDEAD

var supported = sync.OnceValue(func() error {
	var refused, executed error
	st, err := startWith(filter(watchedCalls(), false), func() error {
		refused, executed = unix.Fsync(-1), unix.Fsync(-1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("supervise: install filter: %w", err)
	}
	defer st.close()
	var res Result
	s := supervisor{
		target: &target{cmd: &exec.Cmd{Args: []string{"probe"}}}, fault: Fault{At: 1, Errno: probeErrno}, starter: st, probing: true,
		deadline: time.Now().Add(defaultTimeout), res: &res,
	}
	if err := errors.Join(s.awaitStart(), s.loop()); err != nil {
		return err
	}
	if refused != probeErrno || executed != unix.EBADF {
		return fmt.Errorf("supervise: probe: calls returned %v and %v", refused, executed)
	}
	return nil
})

// Run runs argv under supervision and waits until the target and all its
// descendants have ended. argv[0] is looked up as by exec.Command.
//
// The error is about the supervision: the target could not be started (a
// *fs.PathError or *exec.Error), or it was still running after Options.Timeout
// and was killed (errors.Is context.DeadlineExceeded; the Result is filled in).
// A target that fails or dies is no error. Nothing of the target's group is left
// running when Run returns, panics, or is left by runtime.Goexit in Fault.Stop.
// A descendant that moved to another process group is killed at its next
// counted call, and otherwise finds its calls failing with ENOSYS.
//
// Run may be called from several goroutines.
func Run(f Fault, o Options, argv ...string) (Result, error) {
	if len(argv) == 0 {
		return Result{}, errors.New("supervise: no command")
	}
	path := argv[0]
	if filepath.Base(path) == path {
		found, err := exec.LookPath(path)
		if err != nil {
			return Result{}, err
		}
		path = found
	}
	return run(f, o, path, argv)
}

// run starts one child and sees it to its end.
func run(f Fault, o Options, path string, argv []string) (res Result, err error) {
	t, err := prepare(o, path, argv)
	if err != nil {
		return res, err
	}
	st, err := startWith(filter(watchedCalls(), o.All), t.start)
	if err != nil {
		t.closeFiles()
		return res, fmt.Errorf("supervise: install filter: %w", err)
	}
	defer st.close()
	s := supervisor{
		target: t, fault: f, options: o, starter: st,
		deadline: time.Now().Add(o.timeout() + grace), res: &res,
	}
	if err := s.awaitStart(); err != nil {
		_ = s.loop() // until the thread is gone
		t.closeFiles()
		return res, err
	}
	defer t.close()
	timer := time.AfterFunc(o.timeout(), t.expire)
	defer timer.Stop()

	err = s.loop()
	t.finish()
	t.report(&res)
	return res, t.verdict(err, o.timeout())
}

// grace is how long processes may take to die after the timeout.
const grace = 2 * time.Second

// prepare makes everything that the child needs but itself.
func prepare(o Options, path string, argv []string) (t *target, err error) {
	t = &target{waited: make(chan struct{})}
	defer func() {
		if err != nil {
			t.closeFiles()
		}
	}()
	t.cmd = &exec.Cmd{Path: path, Args: argv, Dir: o.Dir, Env: o.Env, SysProcAttr: &syscall.SysProcAttr{Setpgid: true}}
	if t.stdout, err = t.memoryFile("stdout", nil); err != nil {
		return nil, err
	}
	if t.stderr, err = t.memoryFile("stderr", nil); err != nil {
		return nil, err
	}
	t.cmd.Stdout, t.cmd.Stderr = t.stdout, t.stderr
	if o.Stdin != nil {
		if t.cmd.Stdin, err = t.memoryFile("stdin", o.Stdin); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// start starts the child in a process group of its own. It runs on the thread
// whose filter the child inherits.
func (t *target) start() error {
	if err := t.cmd.Start(); err != nil {
		return err
	}
	go func() {
		// The exit status is in cmd.ProcessState, and nothing else can fail:
		// there are no pipes to copy.
		_ = t.cmd.Wait()
		close(t.waited)
	}()
	return nil
}

// memoryFile returns a new file in memory, positioned at its start.
func (t *target) memoryFile(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("supervise-"+name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), name)
	t.files = append(t.files, f)
	if len(content) == 0 {
		return f, nil
	}
	_, err = f.WriteAt(content, 0)
	return f, err
}
