//go:build unix

package fsys

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestRemoveAllAtOnce lets several remove the same tree at the same time: none may fail, and nothing may be left.
func TestRemoveAllAtOnce(t *testing.T) {
	for round := range 50 {
		root := t.TempDir()
		for i := range 40 {
			if err := os.MkdirAll(filepath.Join(root, fmt.Sprintf("tree/%d/%d", i%8, i)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		d, err := OpenDir(root)
		if err != nil {
			t.Fatal(err)
		}
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = d.RemoveAll("tree") })
		}
		wg.Wait()
		_ = d.Close()
		for i, err := range errs {
			if err != nil {
				t.Errorf("round %d: RemoveAll %d: %v", round, i, err)
			}
		}
		if _, err := os.Stat(filepath.Join(root, "tree")); !os.IsNotExist(err) {
			t.Fatalf("round %d: something is left: %v", round, err)
		}
	}
}
