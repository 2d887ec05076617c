//go:build unix

package txcommit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/txcommit/txcommit/txn"
)

// fill is a content that tells whose it is in every line.
func fill(name string) string { return strings.Repeat(name+"\n", 4000/(len(name)+1)) }

func writeOnce(st *txn.Store, _ *rand.Rand, token string) error {
	return st.Update(ctx, put("one", fill(token)))
}

func writeTen(st *txn.Store, name string) error {
	errs := make([]error, 10)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = writeOnce(st, nil, fmt.Sprintf("%s-%d", name, i)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// TestHundredWriters lets a hundred goroutines write one file at once, through one store, ten stores, and ten processes.
// All must succeed, and what is left must be one of their contents, whole.
func TestHundredWriters(t *testing.T) {
	const stores = 10
	tests := []struct {
		name string
		run  func(t *testing.T, root string)
	}{
		{"one store", func(t *testing.T, root string) {
			st := open(t, root)
			inParallel(t, stores, func(i int) error { return writeTen(st, fmt.Sprintf("write%d.0", i)) })
		}},
		{"ten stores", func(t *testing.T, root string) {
			inParallel(t, stores, func(i int) error {
				st, err := txn.Open(ctx, root, &txn.Options{LockTimeout: lockTimeout})
				if err != nil {
					return err
				}
				return errors.Join(writeTen(st, fmt.Sprintf("write%d.0", i)), st.Close())
			})
		}},
		{"ten processes", func(t *testing.T, root string) {
			hire(t, newRand(t), root, "write", stores, 0).wait.Wait()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			tt.run(t, root)
			atRest(t, root)
			got := read(t, root, "one")
			for i := range stores {
				for j := range 10 {
					if got == fill(fmt.Sprintf("write%d.0-%d", i, j)) {
						return
					}
				}
			}
			t.Errorf("the file holds %q, want one writer's content, whole", got)
		})
	}
}

// inParallel runs f for 0 to n-1 at once and reports the errors.
func inParallel(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	within(t, 2*lockTimeout+grace, t.Name(), wg.Wait)
	for i, err := range errs {
		if err != nil {
			t.Errorf("%d of %d: %v", i, n, err)
		}
	}
}

// TestEqualAndDisjointPaths commits from many goroutines to paths of their own and to common ones in one transaction;
// where the race detector is on it looks into every part of the engine.
func TestEqualAndDisjointPaths(t *testing.T) {
	const goroutines, rounds = 12, 30 / fewer
	root, st := seeded(t, map[string]string{"common": "seed"})
	inParallel(t, goroutines, func(g int) error {
		for i := range rounds {
			own := fmt.Sprintf("own/%d/%d", g, i)
			err := st.Update(ctx, func(tx *txn.Tx) error {
				w, err := tx.Create(own, 0o644)
				if err != nil {
					return err
				}
				_, err = w.Write([]byte(own))
				return errors.Join(err, w.Close(), tx.WriteFile("common", []byte(own), 0o644))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	last := read(t, root, "common")
	for g := range goroutines {
		for i := range rounds {
			own := fmt.Sprintf("own/%d/%d", g, i)
			if got := read(t, root, own); got != own {
				t.Errorf("%s holds %q, want %q", own, got, own)
			}
		}
	}
	if !strings.HasSuffix(last, fmt.Sprintf("/%d", rounds-1)) {
		t.Errorf("the common file holds %q, want the last of somebody's transactions", last)
	}
	clean(t, root)
}

// TestWritersAndRemovers lets some write what others remove at the same time, files and folders. Each op is right whatever
// the others have done, so none may fail because the tree changed between a look without the lock and the one under it.
func TestWritersAndRemovers(t *testing.T) {
	const goroutines, rounds = 8, 40 / fewer
	root, st := seeded(t, map[string]string{"x": "seed"})
	ops := []func(tx *txn.Tx) error{
		put("x", "new"),
		func(tx *txn.Tx) error { return errors.Join(tx.RemoveAll("x"), tx.RemoveAll("dir")) },
		func(tx *txn.Tx) error { return errors.Join(put("dir/sub/y", "new")(tx), put("x", fill("x"))(tx)) },
		func(tx *txn.Tx) error { return errors.Join(tx.RemoveAll("dir/sub"), put("dir/z", "new")(tx)) },
	}
	inParallel(t, goroutines, func(g int) error {
		for i := range rounds {
			if err := st.Update(ctx, ops[(g+i)%len(ops)]); err != nil {
				return fmt.Errorf("op %d in round %d: %w", (g+i)%len(ops), i, err)
			}
		}
		return nil
	})
	clean(t, root)
}
