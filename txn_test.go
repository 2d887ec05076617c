//go:build unix

// Package txcommit_test tests the engine as its users see it, through package txn and the real binary: many processes
// and goroutines on one root, some of them killed.
package txcommit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

const (
	// workerEnv makes the test binary behave as one of the workers.
	workerEnv = "TXCOMMIT_TEST_WORKER"
	// lockTimeout is that of all stores of these tests, but for those that are about it.
	lockTimeout = 20 * time.Second
	// grace is how much later than its lock timeout a process may end.
	grace = 10 * time.Second
)

var ctx = context.Background()

// binary is the real txcommit, built once.
var binary string

// self is the test binary.
var self, _ = os.Executable()

func TestMain(m *testing.M) {
	if name := os.Getenv(workerEnv); name != "" {
		os.Exit(work(name))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "txcommit-root-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "txcommit")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/txcommit").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// newRand returns a source of random numbers whose seed is logged. TXCOMMIT_SEED repeats a run.
func newRand(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("TXCOMMIT_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("TXCOMMIT_SEED: %v", err)
		}
	}
	t.Logf("TXCOMMIT_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func open(tb testing.TB, root string, opts ...*txn.Options) *txn.Store {
	tb.Helper()
	o := &txn.Options{LockTimeout: lockTimeout}
	if len(opts) > 0 {
		o = opts[0]
	}
	st, err := txn.Open(ctx, root, o)
	if err != nil {
		tb.Fatalf("Open(%s): %v", root, err)
	}
	tb.Cleanup(func() { _ = st.Close() })
	return st
}

// seeded is a root that a first transaction has filled with files.
func seeded(tb testing.TB, files map[string]string) (root string, st *txn.Store) {
	tb.Helper()
	root = tb.TempDir()
	st = open(tb, root)
	err := st.Update(ctx, func(tx *txn.Tx) error {
		for p, content := range files {
			if err := tx.WriteFile(p, []byte(content), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatalf("fill the root: %v", err)
	}
	return root, st
}

// put is a transaction that writes one file.
func put(path, content string, conds ...txn.Cond) func(*txn.Tx) error {
	return func(tx *txn.Tx) error { return tx.WriteFile(path, []byte(content), 0o644, conds...) }
}

// read returns a file's content; "" if there is none.
func read(t *testing.T, root, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

func ifContent(content string) txn.Cond { return txn.IfSHA256(sha256.Sum256([]byte(content))) }

// atRest recovers the store of root and checks that nothing is left of anybody: status clean, nothing staged, nothing
// in trash/, nothing put aside.
func atRest(t *testing.T, root string) {
	t.Helper()
	rep, err := txn.Recover(ctx, root, &txn.Options{LockTimeout: lockTimeout})
	if err != nil {
		t.Fatalf("Recover: %v", err)
	}
	t.Logf("the last recovery: %d transactions ended, %d stage folders swept", len(rep.Recovered), rep.Swept)
	clean(t, root)
}

// clean checks that nothing is left of anybody, without a recovery.
func clean(t *testing.T, root string) {
	t.Helper()
	st, err := txn.Status(ctx, root, nil)
	if err != nil {
		t.Fatalf("Status: %v", err)
	}
	if st.State != "clean" || len(st.Pending) > 0 || st.Leftovers > 0 || len(st.Displaced) > 0 {
		t.Errorf("Status = %+v, want clean with nothing left", st)
	}
	trash := filepath.Join(root, ".txcommit/trash")
	eventually(t, "trash/ is empty", func() bool { // it is emptied while the process goes on
		left, _ := os.ReadDir(trash)
		return len(left) == 0
	})
	for _, folder := range []string{"stage", "displaced"} {
		entries, err := os.ReadDir(filepath.Join(root, ".txcommit", folder))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		for _, e := range entries {
			t.Errorf("left in .txcommit/%s: %s", folder, e.Name())
		}
	}
}

// within fails the test when f has not returned before the limit, and says where everybody waits.
func within(t *testing.T, limit time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		panic(fmt.Sprintf("%s: %s has not ended within %v", t.Name(), what, limit))
	}
}

// eventually polls until ok, up to a generous limit.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	const most = 4 * lockTimeout
	limit := time.After(most)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatalf("%s: not within %v", what, most)
		}
	}
}

// needProc skips a test that looks into /proc, or fails it where nothing may be skipped.
func needProc(t *testing.T) {
	t.Helper()
	_, err := os.Stat("/proc/self/fd")
	if err != nil && os.Getenv("TXCOMMIT_REQUIRE") == "all" {
		t.Fatalf("needs /proc: %v", err)
	}
	if err != nil {
		t.Skipf("needs /proc: %v", err)
	}
}

// waitsForLock says whether the process pid has the lock file of a store open.
func waitsForLock(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && strings.HasSuffix(target, "/.txcommit/lock") {
			return true
		}
	}
	return false
}

// isStopped says whether a signal has stopped the process pid.
func isStopped(t *testing.T, pid int) bool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "T")
}

// cli starts the real binary on root.
func cli(tb testing.TB, root, stdin string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	tb.Helper()
	cmd = exec.Command(binary, append(args, "-C", root)...)
	stderr = &bytes.Buffer{}
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), stderr
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, stderr
}
