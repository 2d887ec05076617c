//go:build unix

package txcommit_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// holdLock locks the store of root as a program would that does nothing else, and returns what releases it.
func holdLock(tb testing.TB, root string) (release func()) {
	tb.Helper()
	f, err := os.OpenFile(filepath.Join(root, ".txcommit/lock"), os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		tb.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = f.Close() })
	tb.Cleanup(release)
	return release
}

// TestBusyInTime lets many goroutines of one store wait for a lock that nobody gives: all are told that the store is busy
// after their lock timeout, and none waits for the timeouts of the others before its own.
func TestBusyInTime(t *testing.T) {
	root, _ := seeded(t, map[string]string{"a": "old"})
	const timeout = 2 * time.Second
	st := open(t, root, &txn.Options{LockTimeout: timeout})
	hasty := open(t, root, &txn.Options{LockTimeout: -1})
	release := holdLock(t, root)
	if err := hasty.Update(ctx, put("a", "new")); !errors.Is(err, txn.ErrBusy) {
		t.Errorf("without a timeout: %v, want ErrBusy", err)
	}
	within(t, timeout+grace, "commits that wait in vain", func() {
		inParallel(t, 8, func(int) error {
			start := time.Now()
			err := st.Update(ctx, put("a", "new"))
			if took := time.Since(start); !errors.Is(err, txn.ErrBusy) || took < timeout {
				return fmt.Errorf("%w after %v, want ErrBusy after %v", err, took, timeout)
			}
			return nil
		})
	})
	release()
	if got := read(t, root, "a"); got != "old" {
		t.Errorf("a = %q, want old", got)
	}
	clean(t, root)
	if err := st.Update(ctx, put("a", "new")); err != nil {
		t.Errorf("after the lock is free: %v", err)
	}
}

// heldBy returns the pid of the process that holds the store, 0 if none does.
func heldBy(t *testing.T, root string) int {
	t.Helper()
	s, err := txn.Status(ctx, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != "busy" || s.Holder == nil {
		return 0
	}
	return s.Holder.PID
}

// TestBusySaysWhoHoldsIt stops a process that holds the store, because a view of this process keeps it waiting, and asks
// in every way who that is: by the library, by the command, and by status.
func TestBusySaysWhoHoldsIt(t *testing.T) {
	needProc(t)
	root, st := seeded(t, map[string]string{"held": "old"})
	hasty := open(t, root, &txn.Options{LockTimeout: 50 * time.Millisecond})
	var c *crew
	err := st.View(ctx, func(fs.FS) error {
		c = hire(t, newRand(t), root, "hold", 1, 0)
		holder := 0
		eventually(t, "the worker is stopped while it holds the store", func() bool {
			if holder = heldBy(t, root); holder == 0 || holder == os.Getpid() {
				return false
			}
			if err := syscall.Kill(holder, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the signal has come", func() bool { return isStopped(t, holder) })
			if heldBy(t, root) == holder {
				return true
			}
			// It has only looked for what is to be recovered.
			if err := syscall.Kill(holder, syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			return false
		})
		defer syscall.Kill(holder, syscall.SIGCONT)
		want := fmt.Sprintf("held by pid %d on ", holder)
		others := make(chan error)
		go func() { others <- hasty.Update(ctx, put("a", "new")) }()
		if err := <-others; !errors.Is(err, txn.ErrBusy) || !strings.Contains(err.Error(), want) {
			t.Errorf("Update: %v, want ErrBusy that says %q", err, want)
		}
		cmd, stderr := cli(t, root, `{"version":1,"ops":[{"op":"mkdir","path":"d"}]}`, "apply", "-", "--lock-timeout", "50ms")
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 4 || !strings.Contains(stderr.String(), want) {
			t.Errorf("apply: exit code %d and %q, want 4 and %q", cmd.ProcessState.ExitCode(), stderr, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the worker's commit", func() bool { return c.acks.Load() > 0 || t.Failed() })
	c.dismiss()
	clean(t, root)
}

// TestNoteIsTakenBack commits, and then holds the lock without a note about it: nobody else is named as its holder.
func TestNoteIsTakenBack(t *testing.T) {
	root, _ := seeded(t, map[string]string{"a": "old"})
	hasty := open(t, root, &txn.Options{LockTimeout: -1})
	release := holdLock(t, root)
	if err := hasty.Update(ctx, put("a", "new")); !errors.Is(err, txn.ErrBusy) || !strings.Contains(err.Error(), "held by another process") {
		t.Errorf("Update: %v, want ErrBusy that names nobody", err)
	}
	if s, err := txn.Status(ctx, root, nil); err != nil || s.State != "busy" || s.Holder != nil {
		t.Errorf("Status: %+v, %v; want busy and no holder", s, err)
	}
	release()
	clean(t, root)
}

// TestViewsKeepWritersOut checks that a commit that waits for a view in vain says so, and leaves the tree old.
func TestViewsKeepWritersOut(t *testing.T) {
	root, st := seeded(t, map[string]string{"a": "old"})
	hasty := open(t, root, &txn.Options{LockTimeout: 50 * time.Millisecond})
	err := st.View(ctx, func(fs.FS) error {
		others := make(chan error)
		go func() { others <- hasty.Update(ctx, put("a", "new")) }()
		if err := <-others; !errors.Is(err, txn.ErrBusy) || !strings.Contains(err.Error(), "readers hold the view") {
			t.Errorf("Update: %v, want ErrBusy because of readers", err)
		}
		return nil
	})
	if got := read(t, root, "a"); got != "old" || err != nil {
		t.Errorf("a = %q, View: %v; want old", got, err)
	}
	clean(t, root)
}

// TestSignalWhileWaiting interrupts the command while it waits for the lock: it ends at once with the signal's exit code,
// long before its lock timeout, and leaves the tree old.
func TestSignalWhileWaiting(t *testing.T) {
	needProc(t)
	for _, tt := range []struct {
		sig  syscall.Signal
		want int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		root, _ := seeded(t, map[string]string{"a": "old"})
		release := holdLock(t, root)
		m := `{"version":1,"ops":[{"op":"write","path":"a","content":"new"}]}`
		cmd, stderr := cli(t, root, m, "apply", "-", "--lock-timeout", "1h")
		eventually(t, "the command waits for the lock", func() bool { return waitsForLock(cmd.Process.Pid) })
		if err := cmd.Process.Signal(tt.sig); err != nil {
			t.Fatal(err)
		}
		within(t, lockTimeout, "the interrupted command", func() { _ = cmd.Wait() })
		if got := cmd.ProcessState.ExitCode(); got != tt.want || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("%v: exit code %d and %q, want %d", tt.sig, got, stderr, tt.want)
		}
		release()
		if got := read(t, root, "a"); got != "old" {
			t.Errorf("%v: a = %q, want old", tt.sig, got)
		}
		clean(t, root)
	}
}

// TestConflictFirst checks that a transaction whose condition does not hold any more is a conflict, also when other ops
// of it cannot be done because of what changed: who retries on ErrConflict must get to hear it.
func TestConflictFirst(t *testing.T) {
	root, st := seeded(t, map[string]string{"counter": "2", "q": "moved"})
	ops := map[string]func(tx *txn.Tx) error{
		"rename of what is gone": func(tx *txn.Tx) error { return tx.Rename("p", "r") },
		"remove of what is gone": func(tx *txn.Tx) error { return tx.Remove("p") },
		"chmod of what is gone":  func(tx *txn.Tx) error { return tx.Chmod("p", 0o600) },
		"below a file":           put("q/r", "new"),
	}
	for name, op := range ops {
		for _, first := range []bool{true, false} {
			err := st.Update(ctx, func(tx *txn.Tx) error {
				if first {
					return errors.Join(put("counter", "3", ifContent("1"))(tx), op(tx))
				}
				return errors.Join(op(tx), put("counter", "3", ifContent("1"))(tx))
			})
			if !errors.Is(err, txn.ErrConflict) {
				t.Errorf("%s, condition first %v: %v, want ErrConflict", name, first, err)
			}
		}
	}
	clean(t, root)
}
