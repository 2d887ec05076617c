//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// dirEnv holds the folder on which the inner process mounts its tmpfs.
const dirEnv = "TXCOMMIT_SANDBOX"

// errOutside says why there is no sandbox.
var errOutside = errors.New("the tests were not started by sandbox.Main")

// Main runs the tests in a sandbox and returns their exit code. It belongs into TestMain, as os.Exit(sandbox.Main(m)).
func Main(m *testing.M) int {
	if dir := os.Getenv(dirEnv); dir != "" {
		if errOutside = enter(dir); errOutside != nil {
			fmt.Fprintf(os.Stderr, "sandbox: %v\n", errOutside)
		}
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "txcommit-sandbox-")
	if err != nil {
		errOutside = err
		return m.Run()
	}
	defer os.Remove(dir) // empty again as soon as the namespace is gone
	code, err := outer(dir)
	if err == nil {
		return code
	}
	errOutside = err
	return m.Run()
}

// outer starts this program again, in namespaces of its own, and waits for it. An error says that it could not start.
func outer(dir string) (code int, err error) {
	runtime.LockOSThread() // the death signal comes with the end of the thread that has forked
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), dirEnv+"="+dir, "TMPDIR="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   unix.CLONE_NEWPID,
		Unshareflags: unix.CLONE_NEWNS, // makes all mounts private, too
		Pdeathsig:    unix.SIGKILL,
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		if _, ok := <-signals; ok {
			_ = cmd.Process.Kill() // and with the first process of the namespace all the others
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	}
	fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
	return 1, nil
}

// enter completes the namespaces from inside: a /proc that knows the processes in here, and the tmpfs.
func enter(dir string) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("%s is set, but this is process %d", dirEnv, os.Getpid())
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}

// TempDir makes a folder in the memory of the sandbox.
func TempDir(t testing.TB, pattern string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
	})
	return dir
}
