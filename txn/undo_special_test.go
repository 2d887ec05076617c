//go:build unix

package txn_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestUndoSpecialFiles removes a FIFO by itself, with its folder, and by a file in the folder's place: the undo must bring
// back the very FIFO, and its undo take it away again.
func TestUndoSpecialFiles(t *testing.T) {
	const path = "d/p"
	for name, opts := range map[string]*txn.Options{"sync": {History: 1}, "process": {History: 1, Durability: txn.Process}} {
		for what, o := range map[string][]manifest.Op{
			"by itself": ops(rm(path)), "with its folder": ops(rmAll("d")), "replaced with its folder": ops(rmAll("d"), mv("f", "d")),
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				root := t.TempDir()
				plant(t, root, "d/p|", "d/x=1", "f=2")
				before, err := os.Lstat(root + "/" + path)
				must(t, err)
				st := open(t, root, opts)
				_, err = commitOps(st, o)
				must(t, err)
				for range 2 {
					_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
					must(t, err)
					after, err := os.Lstat(root + "/" + path)
					must(t, err)
					if !os.SameFile(before, after) || after.Mode() != before.Mode() {
						t.Errorf("the undo has made %v, want the old %v", after.Mode(), before.Mode())
					}
					_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
					must(t, err)
					if _, err := os.Lstat(root + "/" + path); err == nil {
						t.Error("the FIFO is still there after the undo of the undo")
					}
				}
			})
		}
	}
}

// TestUndoOfAMoveOntoSomething puts something to the old name of a renamed file or folder: the undo must be a conflict that
// names it, with force too where that cannot replace it, and change nothing.
func TestUndoOfAMoveOntoSomething(t *testing.T) {
	for what, entry := range map[string]string{"file": "old", "folder": "old/x"} {
		for there, make := range map[string]func(string) error{
			"file":         func(p string) error { return os.WriteFile(p, []byte("mine"), 0o644) },
			"empty folder": func(p string) error { return os.Mkdir(p, 0o755) },
		} {
			t.Run(what+" onto "+there, func(t *testing.T) {
				root := t.TempDir()
				plant(t, root, entry+"=1")
				st := open(t, root, &txn.Options{History: 1})
				_, err := commitOps(st, ops(mv("old", "new")))
				must(t, err)
				must(t, make(root+"/old"))
				before := contents(t, root)
				_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
				var at *txn.Error
				if !errors.Is(err, txn.ErrConflict) || !errors.As(err, &at) || at.Path != "old" || !strings.Contains(err.Error(), "is there again") {
					t.Errorf("Undo = %v, want a conflict about old, which is there again", err)
				}
				compareTrees(t, before, contents(t, root))
				must(t, os.Remove(root+"/old"))
				_, err = st.Undo(t.Context(), "", txn.UndoOptions{})
				must(t, err)
			})
		}
	}
}
