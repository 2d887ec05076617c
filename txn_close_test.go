//go:build unix

package txcommit_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// TestCloseWhileInUse closes a store while goroutines commit and view: what has begun ends as usual, what comes later is
// told that the store is closed, and exactly the acknowledged commits are there.
func TestCloseWhileInUse(t *testing.T) {
	for round := range 20 / fewer {
		root, st := seeded(t, map[string]string{"a": "old"})
		var committed [6]atomic.Int64
		started := make(chan struct{}, 64)
		var wg sync.WaitGroup
		for g := range committed {
			wg.Go(func() {
				for n := 0; ; n++ {
					err := st.Update(ctx, put(fmt.Sprintf("f%d-%d", g, n), "new"))
					if errors.Is(err, txn.ErrClosed) || errors.Is(err, txn.ErrTxDone) {
						return
					}
					if err == nil {
						err = st.View(ctx, func(fsys fs.FS) error { _, err := readFS(fsys, "a"); return err })
						committed[g].Store(int64(n + 1))
					}
					if err != nil && !errors.Is(err, txn.ErrClosed) {
						t.Errorf("round %d: %v", round, err)
						return
					}
					select {
					case started <- struct{}{}:
					default:
					}
				}
			})
		}
		for range round % 12 {
			<-started
		}
		if err := st.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		within(t, lockTimeout, "what was running at Close", wg.Wait)
		for g := range committed {
			n := committed[g].Load()
			if read(t, root, fmt.Sprintf("f%d-%d", g, n)) != "" || n > 0 && read(t, root, fmt.Sprintf("f%d-%d", g, n-1)) != "new" {
				t.Errorf("round %d, goroutine %d: %d commits acknowledged, and the tree holds another number", round, g, n)
			}
		}
		clean(t, root)
	}
}

// TestNoDescriptorLeaks counts this process's descriptors before and after many commits, views, conflicts, cancelled
// commits and stores: there may be no more than before.
func TestNoDescriptorLeaks(t *testing.T) {
	needProc(t)
	base := inMemory(t)
	st, root := open(t, filepath.Join(base, "one")), filepath.Join(base, "two")
	if err := st.Update(ctx, put("a", "old")); err != nil {
		t.Fatal(err)
	}
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := descriptors()
	for i := range 2000 / fewer {
		errs := errors.Join(
			st.Update(ctx, put("a", fmt.Sprint(i))),
			expect(st.Update(ctx, put("a", "no", txn.IfAbsent())), txn.ErrConflict),
			st.View(ctx, func(fsys fs.FS) error { _, err := readFS(fsys, "a"); return err }),
		)
		if i%20 == 0 {
			own, err := txn.Open(ctx, root, nil)
			if err != nil {
				t.Fatal(err)
			}
			errs = errors.Join(errs,
				expect(own.Update(newCountdown(i/20%20), put("b", "no")), errCountdown),
				own.View(ctx, func(fs.FS) error { return nil }),
				giveUp(own),
				own.Close(),
			)
		}
		if errs != nil {
			t.Fatalf("round %d: %v", i, errs)
		}
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// inMemory returns a folder with two empty folders, on a file system whose syncs cost nothing if there is one.
func inMemory(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("/dev/shm", "txcommit-")
	if err != nil {
		base = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(base, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return base
}

// expect turns the error that is due into none. A commit that gets through is let go.
func expect(got, want error) error {
	if got == nil || errors.Is(got, want) {
		return nil
	}
	return fmt.Errorf("%w, want %w", got, want)
}
