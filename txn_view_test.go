//go:build unix

package txcommit_test

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/txcommit/txcommit/txn"
)

// TestCommitInsideView checks that a commit on the goroutine of a view is busy at once, although the lock timeout is far
// away, that its function is not even called, and that nothing is left of it. Views may be nested, also while a commit
// waits for the outer one.
func TestCommitInsideView(t *testing.T) {
	root, st := seeded(t, map[string]string{"a": "old"})
	called := false
	inside := func(fs.FS) error {
		err := st.Update(ctx, func(tx *txn.Tx) error {
			called = true
			return put("a", "new")(tx)
		})
		if !errors.Is(err, txn.ErrBusy) || called {
			t.Errorf("Update inside View: %v, called %v; want ErrBusy at once", err, called)
		}
		tx, err := st.Begin(ctx)
		if err != nil {
			return err
		}
		if err := put("a", "new")(tx); err != nil {
			return err
		}
		if _, err := tx.Commit(ctx); !errors.Is(err, txn.ErrBusy) {
			t.Errorf("Commit inside View: %v, want ErrBusy", err)
		}
		return nil
	}
	within(t, lockTimeout/2, "commits inside a view", func() {
		if err := st.View(ctx, func(fsys fs.FS) error {
			return errors.Join(inside(fsys), st.View(ctx, inside), inside(fsys))
		}); err != nil {
			t.Errorf("View: %v", err)
		}
	})
	if got := read(t, root, "a"); got != "old" {
		t.Errorf("a = %q, want old", got)
	}
	clean(t, root)
	if err := st.Update(ctx, put("a", "new")); err != nil {
		t.Errorf("Update after View: %v", err)
	}
}

// TestCommitsWaitForView holds a view while another goroutine and another process want to commit: both are seen to
// wait, the view goes on to see the old tree, a view inside it does not wait behind them, and both succeed after it.
func TestCommitsWaitForView(t *testing.T) {
	root, st := seeded(t, map[string]string{"a": "old", "held": "old"})
	var mine error
	var wg sync.WaitGroup
	var c *crew
	err := st.View(ctx, func(fsys fs.FS) error {
		wg.Go(func() { mine = st.Update(ctx, put("a", "new")) })
		c = hire(t, newRand(t), root, "hold", 1, 0)
		eventually(t, "somebody has the lock and waits for the view", func() bool {
			s, err := txn.Status(ctx, root, nil)
			return err == nil && s.State == "busy"
		})
		var got [2]string
		err := st.View(ctx, func(inner fs.FS) (err error) {
			got[0], err = readFS(inner, "a")
			return err
		})
		if err != nil {
			return fmt.Errorf("inner view: %w", err)
		}
		got[1], err = readFS(fsys, "held")
		if got != [2]string{"old", "old"} {
			t.Errorf("the view sees %q, want old", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if mine != nil {
		t.Errorf("the goroutine's Update: %v", mine)
	}
	eventually(t, "the process's commit", func() bool { return c.acks.Load() > 0 || t.Failed() })
	c.dismiss()
	if a, held := read(t, root, "a"), read(t, root, "held"); a != "new" || held == "old" {
		t.Errorf("after the view: a = %q, held = %q, want both new", a, held)
	}
	clean(t, root)
}

// TestFirstCommitAndViews has views on a root without a store while the first commit of all comes, in many roots: each
// view sees both files or none, and none of them makes the state folder by itself.
func TestFirstCommitAndViews(t *testing.T) {
	for range 30 / fewer {
		root := t.TempDir()
		st := open(t, root)
		var done atomic.Bool
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				own, err := txn.Open(ctx, root, &txn.Options{LockTimeout: lockTimeout})
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				defer own.Close()
				for last := false; !last; {
					last = done.Load()
					if err := viewBoth(own); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		err := st.Update(ctx, func(tx *txn.Tx) error {
			return errors.Join(put("x/one", "new")(tx), put("y/two", "new")(tx))
		})
		done.Store(true)
		if err != nil {
			t.Errorf("the first commit: %v", err)
		}
		wg.Wait()
		clean(t, root)
	}
}

func viewBoth(st *txn.Store) error {
	return st.View(ctx, func(fsys fs.FS) error {
		_, one := fs.Stat(fsys, "x/one")
		_, two := fs.Stat(fsys, "y/two")
		if (one == nil) != (two == nil) {
			return fmt.Errorf("a view has seen half of the first commit: %v, %v", one, two)
		}
		return nil
	})
}

// TestOpenWhileOthersCommit opens and closes stores while another process commits: none may fail, and each sees a state.
func TestOpenWhileOthersCommit(t *testing.T) {
	root, _ := seeded(t, map[string]string{"held": "old"})
	c := hire(t, newRand(t), root, "hold", 1, 0)
	for i := range 60 / fewer {
		st, err := txn.Open(ctx, root, &txn.Options{LockTimeout: lockTimeout})
		if err != nil {
			t.Errorf("Open %d: %v", i, err)
			break
		}
		if len(st.Recovered()) > 0 {
			t.Errorf("Open %d has recovered %v, of a process that lives", i, st.Recovered())
		}
		if err := st.Close(); err != nil {
			t.Errorf("Close %d: %v", i, err)
		}
	}
	eventually(t, "a commit", func() bool { return c.acks.Load() > 0 || t.Failed() })
	c.dismiss()
	clean(t, root)
}

// TestFirstCommitsThatFail lets first transactions of a root fail or be given up while others succeed: who takes the
// half-made state folder away must not take it from under the others.
func TestFirstCommitsThatFail(t *testing.T) {
	rng := newRand(t)
	for range 40 / fewer {
		root := t.TempDir()
		limit := [4]int{}
		for i := range limit {
			limit[i] = rng.IntN(60)
		}
		inParallel(t, 12, func(i int) error {
			st, err := txn.Open(ctx, root, &txn.Options{LockTimeout: lockTimeout})
			if err != nil {
				return err
			}
			defer st.Close()
			switch i % 3 {
			case 0:
				return st.Update(ctx, put(fmt.Sprint("file", i), "new"))
			case 1:
				err := st.Update(newCountdown(limit[i/3]), put(fmt.Sprint("file", i), "new"))
				if err != nil && !errors.Is(err, errCountdown) {
					return fmt.Errorf("cancelled at %d: %w", limit[i/3], err)
				}
				return nil
			}
			return giveUp(st)
		})
		clean(t, root)
		for i := 0; i < 12; i += 3 {
			if got := read(t, root, fmt.Sprint("file", i)); got != "new" {
				t.Errorf("file%d = %q, want new", i, got)
			}
		}
	}
}

// giveUp stages something large and rolls back.
func giveUp(st *txn.Store) error {
	tx, err := st.Begin(ctx)
	if err != nil {
		return err
	}
	w, err := tx.Create("never", 0o644)
	if err != nil {
		return err
	}
	_, err = w.Write(make([]byte, 200<<10))
	return errors.Join(err, w.Close(), tx.Rollback())
}

var errCountdown = errors.New("counted down")

// countdown is a context that is cancelled when it is asked for the n-th time whether it is.
type countdown struct {
	mu   sync.Mutex
	left int
	done chan struct{}
}

func newCountdown(n int) *countdown { return &countdown{left: n, done: make(chan struct{})} }

func (c *countdown) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *countdown) Done() <-chan struct{}       { return c.done }
func (c *countdown) Value(any) any               { return nil }
func (c *countdown) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == -1 {
		close(c.done)
	}
	if c.left < 0 {
		return errCountdown
	}
	return nil
}
