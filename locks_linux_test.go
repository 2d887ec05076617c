package txcommit_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// TestInheritedLock lets a child inherit the lock of a process that is killed then: the store stays busy for as long as the
// child lives, and not a moment longer.
func TestInheritedLock(t *testing.T) {
	root, st := seeded(t, map[string]string{"a": "old"})
	hasty := open(t, root, &txn.Options{LockTimeout: -1})
	lock, err := os.OpenFile(filepath.Join(root, ".txcommit/lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The shell takes the lock by its descriptor 3, hands it to a child, says which, and is killed.
	parent := exec.CommandContext(t.Context(), "sh", "-c", `cat <&4 >/dev/null & echo $!; wait`)
	hold, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer release.Close()
	parent.ExtraFiles = []*os.File{lock, hold}
	said, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX), parent.Start(), lock.Close(), hold.Close()); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscan(said, &child); err != nil {
		t.Fatal(err)
	}
	_ = parent.Process.Kill()
	_, _ = parent.Process.Wait()
	if err := hasty.Update(ctx, put("a", "new")); !errors.Is(err, txn.ErrBusy) {
		t.Errorf("while the child %d lives: %v, want ErrBusy", child, err)
	}
	_ = release.Close() // the child ends
	if err := st.Update(ctx, put("a", "new")); err != nil {
		t.Errorf("after the child is gone: %v", err)
	}
	clean(t, root)
}

// TestNothingIsInherited runs a command in a view, and one that stages: neither gets a descriptor of the store, so neither
// can hold a lock after the command itself is gone.
func TestNothingIsInherited(t *testing.T) {
	needProc(t)
	root, _ := seeded(t, map[string]string{"a": "old"})
	for _, args := range [][]string{{"view", "--"}, {"run", "--path", "d", "--allow-empty", "--"}} {
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"-C", root}, append(args, "sh", "-c", "ls -l /proc/self/fd")...)...)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "/.txcommit/") && strings.Contains(string(out), "lock") {
			t.Errorf("%q: %v; the command has\n%s", args, err, out)
		}
	}
}

// TestPidNamespace has a holder in a pid namespace of its own, where its pid means another process: it is waited for, what
// it stages is nobody's leftover, and when it is killed the store is free.
func TestPidNamespace(t *testing.T) {
	if out, err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").CombinedOutput(); err != nil {
		if os.Getenv("TXCOMMIT_REQUIRE") == "all" {
			t.Fatalf("needs pid namespaces: %v\n%s", err, out)
		}
		t.Skipf("needs pid namespaces: %v", err)
	}
	root, st := seeded(t, map[string]string{"a": "old"})
	inside := exec.CommandContext(t.Context(), "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", binary, "-C", root,
		"run", "--path", "built", "--", "sh", "-c", `echo part > "$TXCOMMIT_STAGE/f" && echo staged && cat`)
	hold, err := inside.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := inside.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(said, make([]byte, len("staged\n"))); err != nil {
		t.Fatal(err)
	}
	for range 3 { // what others do meanwhile leaves its staging alone
		if err := st.Update(ctx, put("a", "new")); err != nil {
			t.Fatal(err)
		}
		if rep, err := txn.Recover(ctx, root, nil); err != nil || rep.Swept > 0 {
			t.Fatalf("Recover beside a process that stages = %+v, %v; want nothing swept", rep, err)
		}
	}
	_ = hold.Close()
	_, _ = io.Copy(io.Discard, said)
	if err := inside.Wait(); err != nil {
		t.Errorf("run: %v", err)
	}
	if got := read(t, root, "built/f"); got != "part\n" {
		t.Errorf("built/f = %q", got)
	}
	atRest(t, root)
}

// waiters starts 50 processes that wait for the store's lock, which somebody holds.
func waiters(tb testing.TB, root string) (cmds []*exec.Cmd) {
	tb.Helper()
	for range 50 {
		cmd, _ := cli(tb, root, `{"version":1,"ops":[{"op":"write","path":"a","content":"new"}]}`, "apply", "-", "--lock-timeout", "1h")
		cmds = append(cmds, cmd)
	}
	eventually(tb, "all wait for the lock", func() bool {
		for _, c := range cmds {
			if !waitsForLock(c.Process.Pid) {
				return false
			}
		}
		return true
	})
	return cmds
}

// served waits until all waiters have had their turn.
func served(tb testing.TB, cmds []*exec.Cmd) {
	tb.Helper()
	for _, c := range cmds {
		if err := c.Wait(); err != nil {
			tb.Errorf("a waiter: %v", err)
		}
	}
}

// TestWaiters has 50 processes that wait for one lock: all get their turn.
func TestWaiters(t *testing.T) {
	root, _ := seeded(t, map[string]string{"a": "old"})
	release := holdLock(t, root)
	cmds := waiters(t, root)
	release()
	served(t, cmds)
	clean(t, root)
}

// BenchmarkWaiters has 50 processes that have waited for one lock for ten seconds: together they should take less than 2 %
// of one processor. How often one tries is held by TestPauses of package txn.
func BenchmarkWaiters(b *testing.B) {
	root, _ := seeded(b, map[string]string{"a": "old"})
	release := holdLock(b, root)
	cmds := waiters(b, root)
	<-time.After(10 * time.Second) // they have got used to waiting
	used := func() (sum time.Duration) {
		for _, c := range cmds {
			sum += cpuTime(b, c.Process.Pid)
		}
		return sum
	}
	before, start := used(), time.Now()
	for b.Loop() {
		<-time.After(8 * time.Second)
	}
	b.ReportMetric(100*float64(used()-before)/float64(time.Since(start)), "%cpu")
	release()
	served(b, cmds)
}

// cpuTime is what the threads of a process have used.
func cpuTime(tb testing.TB, pid int) (sum time.Duration) {
	tb.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		tb.Fatalf("threads of %d: %v, %v", pid, threads, err)
	}
	for _, thread := range threads {
		b, err := os.ReadFile(thread)
		if err != nil {
			tb.Fatal(err)
		}
		var used time.Duration
		if _, err := fmt.Sscan(string(b), &used); err != nil {
			tb.Fatal(err)
		}
		sum += used
	}
	return sum
}

// TestNobodyStarves has readers that always hold a view, one overlapping the next, and writers that never pause, in stores
// of their own as other processes would have: all get their turns within their lock timeout.
func TestNobodyStarves(t *testing.T) {
	root, _ := seeded(t, map[string]string{"a": "0"})
	const turns, each = 50, 3
	var reads, writes atomic.Int64
	var all sync.WaitGroup
	goOn := func() bool { return !t.Failed() && (reads.Load() < turns || writes.Load() < turns) }
	for i := range each {
		reader, writer := open(t, root), open(t, root)
		all.Go(func() {
			for goOn() {
				err := reader.View(ctx, func(f fs.FS) error {
					_, err := fs.ReadFile(f, "a")
					before := writes.Load()
					for end := time.Now().Add(5 * time.Millisecond); time.Now().Before(end) && writes.Load() == before; {
						time.Sleep(time.Millisecond) // others come in the meantime
					}
					return err
				})
				if err != nil {
					t.Errorf("after %d reads and %d writes: View: %v", reads.Load(), writes.Load(), err)
				}
				reads.Add(1)
			}
		})
		all.Go(func() {
			for goOn() {
				if err := writer.Update(ctx, put("a", fmt.Sprint(i, writes.Load()))); err != nil {
					t.Errorf("after %d reads and %d writes: Update: %v", reads.Load(), writes.Load(), err)
				}
				writes.Add(1)
			}
		})
	}
	within(t, 3*lockTimeout, "readers and writers", all.Wait)
	t.Logf("%d reads, %d writes", reads.Load(), writes.Load())
}
