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

// Supported returns nil if Run works here. It finds out by using it: a child
// has one call refused and another let go. The answer is computed once.
func Supported() error { return supported() }

var supported = sync.OnceValue(func() error {
	res, err := run(Fault{At: 1, Errno: probeErrno}, Options{}, modeProbe, "probe", nil)
	if err == nil && (res.ExitCode != 0 || res.Calls != 2) {
		err = fmt.Errorf("supervise: probe saw %d calls and exited with %d", res.Calls, res.ExitCode)
	}
	return err
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
	mode := modeRun
	if o.All {
		mode = modeAllOpens
	}
	return run(f, o, mode, path, argv)
}

// run starts one child and sees it to its end.
func run(f Fault, o Options, mode, path string, argv []string) (res Result, err error) {
	if !mainCalled {
		return res, errors.New("supervise: Main is not called in TestMain")
	}
	t, err := start(o, mode, path, argv)
	if err != nil {
		return res, err
	}
	defer t.close()
	deadline := time.Now().Add(o.timeout() + grace)
	timer := time.AfterFunc(o.timeout(), t.expire)
	defer timer.Stop()

	listener, err := t.receiveListener(path)
	if err != nil {
		return res, t.verdict(err, o.timeout())
	}
	defer unix.Close(listener)
	s := supervisor{target: t, fault: f, options: o, listener: listener, deadline: deadline, res: &res}
	err = s.loop()
	t.finish()
	if err == nil {
		err = t.execError(path)
	}
	t.report(&res)
	return res, t.verdict(err, o.timeout())
}

// grace is how long processes may take to die after the timeout.
const grace = 2 * time.Second

// start starts the child in a process group of its own.
func start(o Options, mode, path string, argv []string) (t *target, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "supervise socket")
	defer theirs.Close()
	t = &target{socket: pair[0], waited: make(chan struct{})}
	defer func() {
		if err != nil {
			t.closeFiles()
		}
	}()
	env := o.Env
	if env == nil {
		env = os.Environ()
	}
	t.cmd = &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        append([]string{path}, argv...),
		Dir:         o.Dir,
		Env:         append(env[:len(env):len(env)], modeEnv+"="+mode),
		ExtraFiles:  []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
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
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		// The exit status is in cmd.ProcessState, and nothing else can fail:
		// there are no pipes to copy.
		_ = t.cmd.Wait()
		close(t.waited)
	}()
	return t, nil
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
