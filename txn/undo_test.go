//go:build unix

package txn_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/txcommit/txcommit/txn"
)

// fileStamps are the stamps of the regular files: a link that comes back is a new one.
func fileStamps(t fatal, root string) map[string]string {
	all := stamps(t, root)
	maps.DeleteFunc(all, func(p, _ string) bool {
		i, err := os.Lstat(filepath.Join(root, p))
		must(t, err)
		return !i.Mode().IsRegular()
	})
	return all
}

// TestUndoModel commits random ops on random trees, undoes them, and undoes the undo: the tree must be as before, with
// the same inodes and times of files, and then as after.
func TestUndoModel(t *testing.T) {
	base := memoryDir(t)
	n, undone := 0, 0
	rounds := 10
	if testing.Short() { // of a fifth of the runs: of too few too many can do nothing
		rounds = 5
	}
	for range rounds {
		rapid.Check(t, func(t *rapid.T) {
			n++
			if undoRun(t, filepath.Join(base, fmt.Sprint(n))) {
				undone++
			}
		})
	}
	t.Logf("%d runs, %d undone", n, undone)
	if undone < n/4 {
		t.Errorf("%d of %d runs undid something: the test has too little to compare", undone, n)
	}
}

func undoRun(t *rapid.T, dir string) bool {
	ctx := context.Background()
	root := filepath.Join(dir, "root")
	must(t, os.MkdirAll(root, 0o755))
	defer os.RemoveAll(dir)
	makeTree(t, root, drawTree(t, "entries", true), map[*modelNode]string{})
	opts := &txn.Options{History: rapid.IntRange(1, 3).Draw(t, "history")}
	if rapid.Bool().Draw(t, "process") {
		opts.Durability = txn.Process
	}
	st, err := txn.Open(ctx, root, opts)
	must(t, err)
	defer st.Close()
	tree := func() []string { return readTree(t, root, map[uint64]*modelNode{}).lines("", nil) }
	before, stamped := tree(), fileStamps(t, root)
	if !modelTransaction(t, st, root, filepath.Join(dir, "source")) {
		return false
	}
	after, newly := tree(), fileStamps(t, root)
	for i, want := range []struct {
		lines  []string
		stamps map[string]string
	}{{before, stamped}, {after, newly}, {before, stamped}} {
		kept, err := st.History(ctx)
		must(t, err)
		if len(kept) == 0 && i == 0 {
			return false // there was nothing to do
		}
		if len(kept) != 1 {
			t.Fatalf("History before undo %d = %+v, want one transaction", i, kept)
		}
		_, changes, err := st.Show(ctx, kept[0].ID)
		if err != nil || len(changes) == 0 {
			t.Fatalf("Show(%s) = %v, %v", kept[0].ID, changes, err)
		}
		if slices.ContainsFunc(changes, func(c txn.Change) bool { return movedIntoMade(c, changes) }) {
			return false // the made folder stays
		}
		res, err := st.Undo(ctx, "", txn.UndoOptions{})
		if err != nil && strings.Contains(err.Error(), "has moved its source") {
			res, err = st.Undo(ctx, "", txn.UndoOptions{Force: true})
		}
		if err != nil || res.Cleanup != nil || len(res.Displaced) > 0 {
			t.Fatalf("Undo %d of %+v = %+v, %v", i, changes, res, err)
		}
		if got := tree(); !slices.Equal(got, want.lines) {
			t.Fatalf("after undo %d of %+v:\n\t%s\nwant:\n\t%s", i, changes, strings.Join(got, "\n\t"), strings.Join(want.lines, "\n\t"))
		}
		if got := fileStamps(t, root); !maps.Equal(got, want.stamps) {
			t.Fatalf("after undo %d of %+v:\n%v\nwant:\n%v", i, changes, got, want.stamps)
		}
	}
	return true
}

// movedIntoMade says that a change renames something into a folder that another one has made.
func movedIntoMade(c txn.Change, changes []txn.Change) bool {
	return c.Symbol == '>' && slices.ContainsFunc(changes, func(up txn.Change) bool {
		return up.Symbol != '>' && strings.HasPrefix(c.Path, up.Path+"/")
	})
}

// TestUndoDrift changes one path after a commit in each way that counts: the undo must refuse, and change nothing; with
// force it puts the old state back.
func TestUndoDrift(t *testing.T) {
	for name, drift := range map[string]func(root string) error{
		"edited": func(root string) error { return os.WriteFile(root+"/f", []byte("mine"), 0o644) },
		"replaced": func(root string) error {
			return errors.Join(os.Remove(root+"/f"), os.WriteFile(root+"/f", []byte("new"), 0o644))
		},
		"gone":            func(root string) error { return os.Remove(root + "/f") },
		"there again":     func(root string) error { return os.WriteFile(root+"/gone", nil, 0o644) },
		"other mode":      func(root string) error { return os.Chmod(root+"/x", 0o640) },
		"new file edited": func(root string) error { return os.WriteFile(root+"/n/d/f", []byte("mine"), 0o644) },
		"folder moved":    func(root string) error { return os.Rename(root+"/to", root+"/elsewhere") },
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			plant(t, root, "f=old", "gone=old", "x=x", "from/f=1")
			must(t, os.Chmod(root+"/x", 0o600))
			before := wholeTree(t, root)
			st := open(t, root, &txn.Options{History: 1})
			_, err := commitOps(st, ops(w("f", "new"), rm("gone"), chmod("x", 0o755), w("n/d/f", "new"), mv("from", "to")))
			must(t, err)
			must(t, drift(root))
			drifted := contents(t, root)
			if _, err := st.Undo(t.Context(), "", txn.UndoOptions{}); !errors.Is(err, txn.ErrConflict) {
				t.Fatalf("Undo = %v, want ErrConflict", err)
			}
			compareTrees(t, drifted, contents(t, root))
			if name == "folder moved" {
				return // there is nothing to be forced back
			}
			if _, err := st.Undo(t.Context(), "", txn.UndoOptions{Force: true}); err != nil {
				t.Fatalf("Undo by force = %v", err)
			}
			_ = before
		})
	}
}

// TestUndoKeepsWhatOthersAdded has a user put a file into a folder that the transaction has made: the undo takes the rest.
func TestUndoKeepsWhatOthersAdded(t *testing.T) {
	root := t.TempDir()
	st := open(t, root, &txn.Options{History: 1})
	_, err := commitOps(st, ops(w("a/b/f", "new"), w("a/c/f", "new")))
	must(t, err)
	must(t, os.WriteFile(root+"/a/b/mine", []byte("mine"), 0o644))
	_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
	must(t, err)
	compareTrees(t, map[string]string{".": "d", "a": "d", "a/b": "d", "a/b/mine": "mine"}, contents(t, root))
}

// TestUndoLinksOnce undoes where the folder of a removed file is gone too, and where it is there: the file must come back,
// and have no other name once the transaction that is undone has left the history.
func TestUndoLinksOnce(t *testing.T) {
	for name, drift := range map[string]func(string) error{"folder gone": os.Remove, "as it was": func(string) error { return nil }} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			plant(t, root, "a/f=old")
			st := open(t, root, &txn.Options{History: 1})
			_, err := commitOps(st, ops(rm("a/f")))
			must(t, err)
			must(t, drift(root+"/a"))
			_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
			must(t, err)
			must(t, st.Close())
			compareTrees(t, map[string]string{".": "d", "a": "d", "a/f": "old"}, contents(t, root))
			i, err := os.Stat(root + "/a/f")
			must(t, err)
			if n := i.Sys().(*syscall.Stat_t).Nlink; n != 1 {
				t.Errorf("a/f has %d names, want 1", n)
			}
		})
	}
}

// TestUndoOfAnUndoDrifts edits, after an undo, what it has put back.
func TestUndoOfAnUndoDrifts(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "f=old", "g=old", "h=old")
	st := open(t, root, &txn.Options{History: 1})
	_, err := commitOps(st, ops(w("f", "new"), rm("g"), mv("h", "i")))
	must(t, err)
	_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
	must(t, err)
	for _, name := range []string{"f", "g", "h"} {
		was, err := os.Stat(filepath.Join(root, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(root, name), []byte("mine"), 0o644))
		if _, err := st.Undo(t.Context(), "", txn.UndoOptions{}); !errors.Is(err, txn.ErrConflict) {
			t.Fatalf("%s was edited: Undo = %v, want ErrConflict", name, err)
		}
		must(t, os.WriteFile(filepath.Join(root, name), []byte("old"), 0o644))
		must(t, os.Chtimes(filepath.Join(root, name), was.ModTime(), was.ModTime()))
	}
	_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
	must(t, err)
	compareTrees(t, map[string]string{".": "d", "f": "new", "i": "old"}, contents(t, root))
}

// TestUndoByForceOfWhatHasAnotherName edits a renamed file, which is the file that is kept: only force puts that back.
func TestUndoByForceOfWhatHasAnotherName(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "f=old")
	st := open(t, root, &txn.Options{History: 1})
	_, err := commitOps(st, ops(mv("f", "g")))
	must(t, err)
	must(t, os.WriteFile(root+"/g", []byte("mine"), 0o644))
	if _, err := st.Undo(t.Context(), "", txn.UndoOptions{}); !errors.Is(err, txn.ErrConflict) {
		t.Fatalf("Undo = %v, want ErrConflict", err)
	}
	_, err = st.Undo(t.Context(), "", txn.UndoOptions{Force: true})
	must(t, err)
	compareTrees(t, map[string]string{".": "d", "f": "mine"}, contents(t, root))
}

// TestUndoForgetsTheKey applies an id, undoes it, and applies it again.
func TestUndoForgetsTheKey(t *testing.T) {
	for name, durability := range map[string]txn.Durability{"sync": txn.Sync, "process": txn.Process} {
		t.Run(name, func(t *testing.T) { undoForgetsTheKey(t, &txn.Options{History: 1, Durability: durability}) })
	}
}

func undoForgetsTheKey(t *testing.T, opts *txn.Options) {
	root := t.TempDir()
	st := open(t, root, opts)
	apply := func() *txn.Result {
		tx, err := begin(st, ops(w("f", "new")))
		must(t, err)
		must(t, tx.SetID("once"))
		res, err := tx.Commit(t.Context())
		must(t, err)
		return res
	}
	apply()
	if !apply().Repeated {
		t.Error("the second apply of the id is not repeated")
	}
	_, err := st.Undo(t.Context(), "", txn.UndoOptions{})
	must(t, err)
	if apply().Repeated {
		t.Error("an apply after the undo is repeated")
	}
	if got := contents(t, root)["f"]; got != "new" {
		t.Errorf("f holds %q, want %q", got, "new")
	}
}
