package txn_test

import (
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/txcommit/txcommit/txn"
)

// TestMovedThere moves a source to another mount, where something is pruned and something is in place already: the source goes.
func TestMovedThere(t *testing.T) {
	needRoot(t)
	dir := memoryDir(t)
	root := planted(t, dir)
	mountAt(t, "tmpfs", root+"/m", "tmpfs", 0, "size=8m,mode=755")
	plant(t, root, "f=home", "m/t/old=1", "m/t/same=2")
	plant(t, dir, "src/new=3", "src/same=2")
	st := open(t, root, nil)
	tx, err := st.Begin(t.Context())
	must(t, err)
	must(t, tx.SyncTree("m/t", dir+"/src", txn.TreeOptions{Prune: true, Move: true}))
	res, err := tx.Commit(t.Context())
	if err != nil || res.Cleanup != nil {
		t.Fatalf("%v, cleanup: %v", err, res.Cleanup)
	}
	if _, err := os.Lstat(dir + "/src/new"); !os.IsNotExist(err) {
		t.Errorf("the source is there: %v", err)
	}
	got := contents(t, root)
	if _, old := got["m/t/old"]; old || got["m/t/new"] != "3" || got["m/t/same"] != "2" {
		t.Errorf("got %q", got)
	}
}

// TestUndoLinkThere undoes the removal of a link in a folder that is another mount by then.
func TestUndoLinkThere(t *testing.T) {
	needRoot(t)
	root := planted(t, memoryDir(t))
	plant(t, root, "b/f=1")
	must(t, os.Symlink("f", root+"/b/l"))
	st := open(t, root, &txn.Options{History: 1})
	must(t, st.Update(t.Context(), func(tx *txn.Tx) error { return tx.Remove("b/l") }))
	mountAt(t, root+"/b", root+"/b", "", unix.MS_BIND, "")
	if _, err := st.Undo(t.Context(), "", txn.UndoOptions{}); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(root + "/b/l"); err != nil || to != "f" {
		t.Errorf("%q, %v", to, err)
	}
}

// TestDroppedElsewhere has another program do, between staging and the lock, all that a transaction wants on another mount: the
// outer folder goes, and what was staged in it is forgotten, also where each file is synced by itself, as on an overlay.
func TestDroppedElsewhere(t *testing.T) {
	needRoot(t)
	for _, kind := range []string{"tmpfs", "overlay"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			root := planted(t, dir)
			if kind == "overlay" {
				plant(t, dir, "lower/", "upper/", "work/")
				mountAt(t, "overlay", root, "overlay", 0, "lowerdir="+dir+"/lower,upperdir="+dir+"/upper,workdir="+dir+"/work")
				must(t, os.Mkdir(root+"/m", 0o755))
			}
			mountAt(t, "tmpfs", root+"/m", "tmpfs", 0, "size=8m,mode=755")
			plant(t, root, "f=old", "m/f=old")
			_, err := commitOps(open(t, root, nil), ops(w("made", "1")))
			must(t, err)
			var once sync.Once
			st := open(t, root, &txn.Options{Progress: func(p txn.Progress) {
				if p.Phase == txn.PhaseStage && p.Files == p.OfFiles {
					once.Do(func() { must(t, os.WriteFile(root+"/m/f", []byte("new"), 0o600)) })
				}
			}})
			res, err := commitOps(st, ops(w("f", "new"), w("m/f", "new")))
			got := contents(t, root)
			if err != nil || res.Bytes != 3 || got["f"] != "new" || got["m/f"] != "new" {
				t.Errorf("%v, %+v: %q", err, res, got)
			}
			if left := outerFolders(t, root); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			checkLitter(t, root, true)
		})
	}
}
