//go:build unix

package txcommit_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
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

// stageLarge stages more than is kept in memory, and leaves the writer open.
func stageLarge(tx *txn.Tx) error {
	w, err := tx.Create("large", 0o644)
	if err == nil {
		_, err = w.Write(make([]byte, 200<<10))
	}
	return err
}

func begin(t *testing.T, st *txn.Store) *txn.Tx {
	t.Helper()
	tx, err := st.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestEndings checks the ways in which a transaction and a store end, and that what was staged goes with them.
func TestEndings(t *testing.T) {
	tests := []struct {
		name string
		run  func(t *testing.T, st *txn.Store)
	}{
		{"error in Update", func(t *testing.T, st *txn.Store) {
			err := st.Update(ctx, func(tx *txn.Tx) error { return errors.Join(stageLarge(tx), errCountdown) })
			wantErr(t, "Update", err, errCountdown)
		}},
		{"panic in Update", panicInUpdate},
		{"Rollback twice", rollbackTwice},
		{"Commit twice", commitTwice},
		{"Close with open transactions", closeWithOpen},
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

func panicInUpdate(t *testing.T, st *txn.Store) {
	defer func() {
		if r := recover(); r != errCountdown {
			t.Errorf("recover() = %v, want %v", r, errCountdown)
		}
	}()
	_ = st.Update(ctx, func(tx *txn.Tx) error {
		wantErr(t, "stage", stageLarge(tx), nil)
		panic(errCountdown)
	})
}

func rollbackTwice(t *testing.T, st *txn.Store) {
	tx := begin(t, st)
	wantErr(t, "stage", stageLarge(tx), nil)
	wantErr(t, "Rollback", tx.Rollback(), nil)
	wantErr(t, "the second Rollback", tx.Rollback(), txn.ErrTxDone)
	_, err := tx.Commit(ctx)
	wantErr(t, "Commit", err, txn.ErrTxDone)
	wantErr(t, "WriteFile", put("a", "new")(tx), txn.ErrTxDone)
	_, err = tx.Create("b", 0o644)
	wantErr(t, "Create", err, txn.ErrTxDone)
}

func commitTwice(t *testing.T, st *txn.Store) {
	tx := begin(t, st)
	wantErr(t, "Mkdir", tx.Mkdir("dir", 0o755), nil)
	_, err := tx.Commit(ctx)
	wantErr(t, "Commit", err, nil)
	_, err = tx.Commit(ctx)
	wantErr(t, "the second Commit", err, txn.ErrTxDone)
	wantErr(t, "Rollback", tx.Rollback(), txn.ErrTxDone)
	_, err = tx.Plan(ctx)
	wantErr(t, "Plan", err, txn.ErrTxDone)
}

func closeWithOpen(t *testing.T, st *txn.Store) {
	one, two := begin(t, st), begin(t, st)
	wantErr(t, "stage", errors.Join(stageLarge(one), stageLarge(two)), nil)
	wantErr(t, "Close", st.Close(), nil)
	wantErr(t, "the second Close", st.Close(), nil)
	_, err := one.Commit(ctx)
	wantErr(t, "Commit", err, txn.ErrTxDone)
	wantErr(t, "Rollback", two.Rollback(), txn.ErrTxDone)
	wantErr(t, "Update", st.Update(ctx, put("a", "new")), txn.ErrClosed)
	wantErr(t, "View", st.View(ctx, func(fs.FS) error { return nil }), txn.ErrClosed)
	_, err = st.Begin(ctx)
	wantErr(t, "Begin", err, txn.ErrClosed)
}
