//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// isolatedEnv is set in the process that runs in a mount namespace of its own.
const isolatedEnv = "TXCOMMIT_BENCH_ISOLATED"

// isolated runs f, as root in a copy of this process with a mount namespace of its own, and exits with f's code. The
// kernel takes the mounts away when the copy ends, also after SIGKILL.
func isolated(f func() int) {
	if measured() || servedSlow() {
		return
	}
	if os.Geteuid() != 0 || os.Getenv(isolatedEnv) != "" {
		os.Exit(f())
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = os.Args
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), isolatedEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread() // Pdeathsig is sent when the thread that has started the copy ends
	os.Exit(supervise(cmd))
}

// supervise runs cmd to its end and hands signals on, instead of dying of them before it.
func supervise(cmd *exec.Cmd) int {
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	go func() {
		for s := range sigs {
			if s != os.Interrupt { // ^C went to the whole process group
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	return 1
}
