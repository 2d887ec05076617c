package txn_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/windows"

	"github.com/txcommit/txcommit/txn"
)

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%+v", err)
	}
}

func openStore(t *testing.T, root string) *txn.Store {
	t.Helper()
	st, err := txn.Open(t.Context(), root, &txn.Options{History: 1, AllowUnsafeFS: true})
	noError(t, err)
	t.Cleanup(func() { _ = st.Close() })
	return st
}

// plantFiles writes files, and their folders.
func plantFiles(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(root, filepath.FromSlash(name))
		noError(t, os.MkdirAll(filepath.Dir(p), 0o755))
		noError(t, os.WriteFile(p, []byte(content), 0o644))
	}
}

// wantTree compares all files and folders of a root with what is wanted; folders end with a slash.
func wantTree(t *testing.T, root string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	noError(t, filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == root:
			return nil
		case e.Name() == ".txcommit":
			return fs.SkipDir
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			got[rel+"/"] = ""
			return nil
		}
		b, err := os.ReadFile(p)
		for tries := 0; errors.Is(err, windows.ERROR_SHARING_VIOLATION) && tries < 100; tries++ { // see docs/platforms.md
			time.Sleep(time.Millisecond)
			b, err = os.ReadFile(p)
		}
		got[rel] = string(b)
		return err
	}))
	if !maps.Equal(got, want) {
		t.Errorf("the tree is %q\nwant %q", got, want)
	}
}

// Windows is refused, unless the user accepts what is lost there.
func TestRefusedByDefault(t *testing.T) {
	if _, err := txn.Open(t.Context(), t.TempDir(), nil); !errors.Is(err, txn.ErrUnsupported) {
		t.Errorf("Open: %v, want ErrUnsupported", err)
	}
}

// Every kind of op there is here, together and undone.
func TestOps(t *testing.T) {
	root, source := t.TempDir(), t.TempDir()
	before := map[string]string{
		"keep": "kept", "change": "old", "go": "gone", "here": "moved", "dir/": "", "dir/a": "1", "dir/sub/": "", "dir/sub/b": "2",
		"folder/": "", "folder/f": "3", "tree/": "", "tree/same": "s", "tree/old": "o", "locked": "4",
	}
	files := map[string]string{}
	for name, content := range before {
		if !strings.HasSuffix(name, "/") {
			files[name] = content
		}
	}
	plantFiles(t, root, files)
	noError(t, os.Chmod(filepath.Join(root, "locked"), 0o444))
	plantFiles(t, source, map[string]string{"same": "s", "new/deep": "n"})
	st := openStore(t, root)
	noError(t, st.Update(t.Context(), func(tx *txn.Tx) error {
		return errors.Join(
			tx.WriteFile("change", []byte("new"), 0o644),
			tx.WriteFile("locked", []byte("5"), 0o644),
			tx.WriteFile("made/deep/x", []byte("x"), 0o644),
			tx.Mkdir("empty", 0o755),
			tx.Remove("go"),
			tx.RemoveAll("dir"),
			tx.Rename("here", "there"),
			tx.Rename("folder", "renamed"),
			tx.Chmod("keep", 0o444),
			tx.SyncTree("tree", source, txn.TreeOptions{Prune: true}),
		)
	}))
	wantTree(t, root, map[string]string{
		"keep": "kept", "change": "new", "there": "moved", "renamed/": "", "renamed/f": "3", "made/": "", "made/deep/": "",
		"made/deep/x": "x", "empty/": "", "tree/": "", "tree/same": "s", "tree/new/": "", "tree/new/deep": "n", "locked": "5",
	})
	for _, name := range []string{"keep", "locked"} { // a file that is replaced keeps its mode
		if i, err := os.Stat(filepath.Join(root, name)); err != nil || i.Mode().Perm() != 0o444 {
			t.Errorf("%s: %v, %v; want read-only", name, i.Mode(), err)
		}
	}
	plan := func() *txn.Plan {
		tx, err := st.Begin(t.Context())
		noError(t, err)
		defer tx.Rollback()
		noError(t, errors.Join(tx.Chmod("keep", 0o400), tx.Chmod("there", 0o755), tx.Mkdir("empty", 0o700)))
		p, err := tx.Plan(t.Context())
		noError(t, err)
		return p
	}()
	for _, c := range plan.Changes {
		if c.Symbol != '=' {
			t.Errorf("a mode of which the system keeps nothing is a change: %+v", c)
		}
	}
	_, err := st.Undo(t.Context(), "", txn.UndoOptions{})
	noError(t, err)
	wantTree(t, root, before)
}

// A transaction that is refused leaves everything as it was.
func TestRefused(t *testing.T) {
	root := t.TempDir()
	plantFiles(t, root, map[string]string{"a": "1", "dir/b": "2", "x.txt": "3"})
	want := map[string]string{"a": "1", "dir/": "", "dir/b": "2", "x.txt": "3"}
	st := openStore(t, root)
	for name, op := range map[string]func(*txn.Tx) error{
		"expected another content": func(tx *txn.Tx) error { return tx.WriteFile("a", nil, 0o644, txn.IfAbsent()) },
		"a full folder":            func(tx *txn.Tx) error { return tx.Remove("dir") },
		"two names of one file": func(tx *txn.Tx) error {
			return errors.Join(tx.WriteFile("x.txt", []byte("4"), 0o644), tx.WriteFile("X.TXT", []byte("5"), 0o644))
		},
		"the state folder":       func(tx *txn.Tx) error { return tx.WriteFile(".TxCommit/x", nil, 0o644) },
		"its short name":         func(tx *txn.Tx) error { return tx.WriteFile("TXCOMM~1/x", nil, 0o644) },
		"a stream":               func(tx *txn.Tx) error { return tx.WriteFile("a:b", nil, 0o644) },
		"a device":               func(tx *txn.Tx) error { return tx.WriteFile("dir/nul", nil, 0o644) },
		"a backslash":            func(tx *txn.Tx) error { return tx.WriteFile(`dir\c`, nil, 0o644) },
		"a link":                 func(tx *txn.Tx) error { return tx.Symlink("a", "link") },
		"outside":                func(tx *txn.Tx) error { return tx.WriteFile(`..\out`, nil, 0o644) },
		"another drive":          func(tx *txn.Tx) error { return tx.WriteFile(`c:/out`, nil, 0o644) },
		"a name for another one": func(tx *txn.Tx) error { return tx.WriteFile("a.", []byte("x"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			err := st.Update(t.Context(), func(tx *txn.Tx) error {
				return errors.Join(tx.WriteFile("new", []byte("n"), 0o644), op(tx))
			})
			t.Log(err)
			if err == nil {
				t.Error("it was committed")
			}
			wantTree(t, root, want)
		})
	}
}

// What a program holds open without sharing it cannot be replaced: the transaction is undone, and works later.
func TestInUse(t *testing.T) {
	root := t.TempDir()
	plantFiles(t, root, map[string]string{"a": "1", "b": "2"})
	st := openStore(t, root)
	both := func(tx *txn.Tx) error {
		return errors.Join(tx.WriteFile("a", []byte("new"), 0o644), tx.WriteFile("b", []byte("new"), 0o644))
	}
	f, err := os.Open(filepath.Join(root, "b")) // package os does not share it for deletion
	noError(t, err)
	if err := st.Update(t.Context(), both); err == nil {
		t.Error("a file in use was replaced")
	}
	wantTree(t, root, map[string]string{"a": "1", "b": "2"})
	noError(t, f.Close())
	noError(t, st.Update(t.Context(), both))
	wantTree(t, root, map[string]string{"a": "new", "b": "new"})
}

// Eight writers, each with a store of its own, move two files on that must never differ.
func TestWritersTogether(t *testing.T) {
	const writers, rounds = 8, 5
	root := t.TempDir()
	plantFiles(t, root, map[string]string{"one": "0", "two": "0"})
	var g errgroup.Group
	for range writers {
		g.Go(func() error {
			st, err := txn.Open(context.Background(), root, &txn.Options{AllowUnsafeFS: true})
			if err != nil {
				return err
			}
			defer st.Close()
			for range rounds {
				if err := countUp(st, root); err != nil {
					return err
				}
			}
			return nil
		})
	}
	noError(t, g.Wait())
	n := fmt.Sprint(writers * rounds)
	wantTree(t, root, map[string]string{"one": n, "two": n})
}

// countUp adds one to both files, by compare and swap.
func countUp(st *txn.Store, root string) error {
	for {
		var n int
		seen, err := os.ReadFile(filepath.Join(root, "one"))
		if err != nil {
			continue // somebody is just replacing it
		}
		if _, err := fmt.Sscan(string(seen), &n); err != nil {
			return err
		}
		err = st.Update(context.Background(), func(tx *txn.Tx) error {
			next := []byte(fmt.Sprint(n + 1))
			return errors.Join(
				tx.WriteFile("one", next, 0o644, txn.IfSHA256(sha256.Sum256(seen))),
				tx.WriteFile("two", next, 0o644),
			)
		})
		if !errors.Is(err, txn.ErrConflict) && !errors.Is(err, fs.ErrPermission) { // others read it just now
			return err
		}
	}
}
