//go:build unix

package txn_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/txcommit/txcommit/txn"
)

// The tree as it would be after a commit is a well-behaved file system, and shows what the commit then makes.
func TestTxFS(t *testing.T) {
	root := oldTree(t, map[string]string{
		"keep": "k", "old": "o", "dir/a": "a", "dir/b": "b", "gone/x": "x", "moved/deep/y": "y", "swap1": "1", "swap2": "22",
	})
	ctx := context.Background()
	st, err := txn.Open(ctx, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	tx, err := st.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		tx.WriteFile("old", []byte("new content"), 0o644),
		tx.WriteFile("fresh/deep/file", []byte("f"), 0o600),
		tx.Remove("dir/a"),
		tx.RemoveAll("gone"),
		tx.Rename("moved", "here/now"),
		tx.Rename("swap1", "swap2"), tx.Rename("swap2", "swap1"),
		tx.Symlink("dir", "link"),
		tx.Symlink("../dir/b", "fresh/to-b"),
		tx.Chmod("keep", 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"keep": "k", "old": "new content", "fresh/deep/file": "f", "dir/b": "b", "here/now/deep/y": "y",
		"swap1": "22", "swap2": "1", "link/b": "b", "fresh/to-b": "b",
	}
	fsys := tx.FS()
	if err := fstest.TestFS(fsys, "keep", "old", "fresh/deep/file", "dir/b", "here/now/deep/y", "swap1", "swap2", "fresh/to-b"); err != nil {
		t.Fatal(err)
	}
	compare := func(fsys fs.FS) {
		t.Helper()
		for name, data := range want {
			if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != data {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, data)
			}
		}
		for _, name := range []string{"dir/a", "gone", "gone/x", "moved", ".txcommit", ".txcommit/lock"} {
			if _, err := fs.Stat(fsys, name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: got %v, want that it does not exist", name, err)
			}
		}
		if i, err := fs.Stat(fsys, "keep"); err != nil || i.Mode().Perm() != 0o600 {
			t.Errorf("mode of keep: got %v, %v", i, err)
		}
	}
	compare(fsys)
	if _, err := os.Stat(filepath.Join(root, ".txcommit")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a look made the state folder: %v", err)
	}
	if _, err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	err = st.View(ctx, func(fsys fs.FS) error {
		compare(fsys)
		return fstest.TestFS(fsys, "keep", "old", "fresh/deep/file", "dir/b", "here/now/deep/y", "swap1", "swap2")
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.ReadFile(tx.FS(), "keep"); !errors.Is(err, txn.ErrTxDone) {
		t.Errorf("FS of an ended transaction: got %v, want ErrTxDone", err)
	}
}

// oldTree makes a root with files in it.
func oldTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, data := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
