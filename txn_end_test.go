//go:build unix

package txcommit_test

import (
	"context"
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

// twoFiles is a transaction of several kinds of op.
func twoFiles(tx *txn.Tx) error {
	return errors.Join(put("a", "new")(tx), put("dir/b", "new")(tx), tx.Rename("c", "d"), tx.Mkdir("e", 0o755))
}

// TestCancelAnywhere cancels the context of a commit each time it is looked at, one moment later in each round: until the
// commit gets through, its error is the context's, the tree is old, and nothing is staged. In the first half the root has
// a store, in the second it has none.
func TestCancelAnywhere(t *testing.T) {
	for _, stored := range []bool{true, false} {
		for n := 0; ; n++ {
			root := t.TempDir()
			if err := os.WriteFile(filepath.Join(root, "c"), []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			st := open(t, root)
			if stored {
				if err := st.Update(ctx, put("z", "old")); err != nil {
					t.Fatal(err)
				}
			}
			at := newCountdown(n)
			err := st.Update(at, twoFiles)
			got := [4]string{read(t, root, "a"), read(t, root, "dir/b"), read(t, root, "c"), read(t, root, "d")}
			want := [4]string{"", "", "old", ""}
			if err == nil {
				want = [4]string{"new", "new", "", "old"}
			}
			if err != nil && !errors.Is(err, errCountdown) || got != want {
				t.Errorf("store %v, cancelled at look %d: %v and %q, want the context's error and %q", stored, n, err, got, want)
			}
			clean(t, root)
			if _, serr := os.Stat(filepath.Join(root, ".txcommit")); err != nil && !stored && serr == nil {
				s, serr := txn.Status(ctx, root, nil)
				if serr != nil || s.Store == "" { // a store that is whole, and has no transaction yet, may stay
					t.Errorf("cancelled at look %d: a half-made store is left: %+v, %v", n, s, serr)
				}
			}
			if err == nil {
				t.Logf("store %v: %d moments", stored, n)
				break
			}
			if n == 1000 {
				t.Fatal("the commit never gets through")
			}
			if err := st.Update(ctx, twoFiles); err != nil {
				t.Errorf("store %v, after the cancelled one: %v", stored, err)
			}
		}
	}
}

// TestCancelWhileWaiting cancels commits, views and an Open that wait for a lock: each returns the context's error, and
// leaves nothing.
func TestCancelWhileWaiting(t *testing.T) {
	root, st := seeded(t, map[string]string{"a": "old"})
	release := holdLock(t, root)
	stop, cancel := context.WithCancel(ctx)
	waiting := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for _, f := range []func() error{
		func() error {
			return st.Update(stop, func(tx *txn.Tx) error { defer func() { waiting <- struct{}{} }(); return put("a", "new")(tx) })
		},
		func() error {
			return st.Update(stop, func(tx *txn.Tx) error { defer func() { waiting <- struct{}{} }(); return put("b", "new")(tx) })
		},
		func() error {
			waiting <- struct{}{}
			_, err := txn.Open(stop, root, nil)
			return err
		},
		func() error {
			waiting <- struct{}{}
			_, err := txn.Recover(stop, root, nil)
			return err
		},
	} {
		wg.Go(func() {
			if err := f(); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled while it waits: %v, want %v", err, context.Canceled)
			}
		})
	}
	for range 4 {
		<-waiting
	}
	cancel()
	within(t, lockTimeout/2, "what was cancelled", wg.Wait)
	release()
	if got := read(t, root, "a") + read(t, root, "b"); got != "old" {
		t.Errorf("a and b = %q, want old", got)
	}
	clean(t, root)
}

// TestEndings checks the ways in which a transaction and a store end, and that what was staged goes with them.
func TestEndings(t *testing.T) {
	large := make([]byte, 200<<10)
	stage := func(tx *txn.Tx) error {
		w, err := tx.Create("large", 0o644)
		if err == nil {
			_, err = w.Write(large)
		}
		return err
	}
	boom := errors.New("boom")
	begin := func(t *testing.T, st *txn.Store) *txn.Tx {
		tx, err := st.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	is := func(t *testing.T, what string, got, want error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	tests := []struct {
		name string
		run  func(t *testing.T, st *txn.Store)
	}{
		{"error in Update", func(t *testing.T, st *txn.Store) {
			is(t, "Update", st.Update(ctx, func(tx *txn.Tx) error { return errors.Join(stage(tx), boom) }), boom)
		}},
		{"panic in Update", func(t *testing.T, st *txn.Store) {
			defer func() {
				if r := recover(); r != boom {
					t.Errorf("recover() = %v, want %v", r, boom)
				}
			}()
			_ = st.Update(ctx, func(tx *txn.Tx) error {
				if err := stage(tx); err != nil {
					t.Error(err)
				}
				panic(boom)
			})
		}},
		{"Rollback twice", func(t *testing.T, st *txn.Store) {
			tx := begin(t, st)
			is(t, "stage", stage(tx), nil)
			is(t, "Rollback", tx.Rollback(), nil)
			is(t, "the second Rollback", tx.Rollback(), txn.ErrTxDone)
			_, err := tx.Commit(ctx)
			is(t, "Commit", err, txn.ErrTxDone)
			is(t, "WriteFile", put("a", "new")(tx), txn.ErrTxDone)
			_, err = tx.Create("b", 0o644)
			is(t, "Create", err, txn.ErrTxDone)
		}},
		{"Commit twice", func(t *testing.T, st *txn.Store) {
			tx := begin(t, st)
			is(t, "Mkdir", tx.Mkdir("dir", 0o755), nil)
			_, err := tx.Commit(ctx)
			is(t, "Commit", err, nil)
			_, err = tx.Commit(ctx)
			is(t, "the second Commit", err, txn.ErrTxDone)
			is(t, "Rollback", tx.Rollback(), txn.ErrTxDone)
			_, err = tx.Plan(ctx)
			is(t, "Plan", err, txn.ErrTxDone)
		}},
		{"Close with open transactions", func(t *testing.T, st *txn.Store) {
			one, two := begin(t, st), begin(t, st)
			is(t, "stage", errors.Join(stage(one), stage(two)), nil)
			is(t, "Close", st.Close(), nil)
			is(t, "the second Close", st.Close(), nil)
			_, err := one.Commit(ctx)
			is(t, "Commit", err, txn.ErrTxDone)
			is(t, "Rollback", two.Rollback(), txn.ErrTxDone)
			is(t, "Update", st.Update(ctx, put("a", "new")), txn.ErrClosed)
			is(t, "View", st.View(ctx, func(fs.FS) error { return nil }), txn.ErrClosed)
			_, err = st.Begin(ctx)
			is(t, "Begin", err, txn.ErrClosed)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, st := seeded(t, map[string]string{"a": "old"})
			tt.run(t, st)
			if got := read(t, root, "a"); got != "old" {
				t.Errorf("a = %q, want old", got)
			}
			clean(t, root)
		})
	}
}

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
