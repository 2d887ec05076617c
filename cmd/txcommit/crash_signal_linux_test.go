package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/internal/supervise"
)

// TestSignal sends a signal at each state-changing call: nothing is committed, or all and the signal came too late.
func TestSignal(t *testing.T) {
	bin := needBinary(t)
	for i := range workloads {
		w := &workloads[i]
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			b := &breaker{T: t, w: w, bin: bin, dir: filepath.Join(workFolder(t), "stand"), codes: map[int]int{}}
			for n := 1; b.signal(n, unix.SIGINT, exitInterrupted); n += b.pace() {
			}
			for n := 1; b.signal(n, unix.SIGTERM, exitTerminated); n += b.pace() {
			}
			t.Logf("runs by exit code: %v", b.codes)
		})
	}
}

// signal sends a signal at call n; it returns whether there was one.
func (b *breaker) signal(n int, sig syscall.Signal, interrupted int) bool {
	s := b.w.ready(b, b.bin, b.dir)
	res := s.apply(b, supervise.Fault{At: n, Signal: sig})
	if res.Hit == nil {
		return false
	}
	b.codes[res.ExitCode]++
	may, ok := map[int]verdict{exitOK: renewed, interrupted: old}[res.ExitCode]
	is, err := s.checkTree(may)
	if err == nil {
		err = s.checkRest(b, is)
	}
	if err != nil || !ok {
		b.Errorf("%v at call %v: exit code %d: %v\n%s%s", sig, res.Hit, res.ExitCode, err, res.Stdout, res.Stderr)
	}
	return true
}

// TestSyncLies lets the first flush of the staged files fail, and no other: the kernel reports an error once and then
// takes the pages for clean, so a second flush proves nothing and the commit must not go on.
func TestSyncLies(t *testing.T) {
	bin := needBinary(t)
	for i := range workloads {
		w := &workloads[i]
		if len(w.flags) > 0 {
			continue // no flush before the commit point
		}
		t.Run(w.name, func(t *testing.T) {
			s := w.ready(t, bin, filepath.Join(workFolder(t), "stand"))
			flush := func(c supervise.Call) bool {
				return (c.Name == "fsync" || c.Name == "syncfs") && strings.Contains(c.FD, "/.txcommit/stage")
			}
			res := s.apply(t, supervise.Fault{At: 1, Errno: unix.EIO, Match: flush})
			is, err := s.checkTree(old)
			if err == nil {
				err = s.checkMessage(&res, unix.EIO)
			}
			if err == nil {
				err = s.checkRest(t, is)
			}
			if err != nil || res.ExitCode != exitFailed || res.Hit == nil {
				t.Errorf("first flush %v fails: exit code %d, %v, want 1 and all old\n%s", res.Hit, res.ExitCode, err, res.Stderr)
			}
		})
	}
}
