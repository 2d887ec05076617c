//go:build unix

package txcommit_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// TestClockJumps gives all of a store times of long ago, and of years ahead, as if the clock had been set since. A lock is
// waited for as long as was said, what a dead process has staged goes, what a live one stages stays, and commits go on.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back": 10 * 365 * 24 * time.Hour, "ahead": -10 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			root, st := seeded(t, map[string]string{"a": "old"})
			const timeout = 200 * time.Millisecond
			hasty := open(t, root, &txn.Options{LockTimeout: timeout})
			const dead = "019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f"
			if err := os.MkdirAll(filepath.Join(root, ".txcommit/stage", dead, "0"), 0o700); err != nil {
				t.Fatal(err)
			}
			tx, err := open(t, root).Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			w, err := tx.Create("slow", 0o644)
			if err == nil {
				_, err = w.Write([]byte("part "))
			}
			if err != nil {
				t.Fatal(err)
			}
			setTimes(t, root, time.Now().Add(jump))
			release, start := holdLock(t, root), time.Now()
			err = hasty.Update(ctx, put("a", "new"))
			if took := time.Since(start); !errors.Is(err, txn.ErrBusy) || took < timeout || took > timeout+grace {
				t.Errorf("while the store is held: %v after %v, want ErrBusy after %v", err, took, timeout)
			}
			release()
			if err := st.Update(ctx, put("a", "new")); err != nil {
				t.Error(err)
			}
			if rep, err := txn.Recover(ctx, root, nil); err != nil {
				t.Errorf("Recover = %+v, %v", rep, err)
			}
			if _, err := os.Lstat(filepath.Join(root, ".txcommit/stage", dead)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what a dead process has staged: %v, want it gone", err)
			}
			if _, err = w.Write([]byte("and all")); err == nil {
				err = w.Close()
			}
			if err == nil {
				_, err = tx.Commit(ctx)
			}
			if got := read(t, root, "slow"); err != nil || got != "part and all" {
				t.Errorf("what a live process has staged: slow = %q, %v", got, err)
			}
			clean(t, root)
		})
	}
}

// setTimes gives a time to all that is below a folder.
func setTimes(t *testing.T, root string, at time.Time) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}
