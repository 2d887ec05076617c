//go:build unix

package txn_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// TestHistoryIsBounded commits five times with two kept, and then once with none.
func TestHistoryIsBounded(t *testing.T) {
	root := t.TempDir()
	st := open(t, root, &txn.Options{History: 2})
	for i := range 5 {
		res, err := commitOps(st, ops(w("f", fmt.Sprint("version ", i))))
		must(t, err)
		if want := int64(len("version 0")); i > 0 && res.Kept != want {
			t.Errorf("commit %d keeps %d bytes, want %d", i, res.Kept, want)
		}
	}
	kept, err := st.History(t.Context())
	if err != nil || len(kept) != 2 || kept[0].Bytes != 9 {
		t.Errorf("History = %+v, %v; want two transactions that keep 9 bytes", kept, err)
	}
	on, err := os.ReadDir(root + "/.txcommit/history")
	if err != nil || len(on) != 2 {
		t.Errorf("history/ holds %v, %v; want two folders", on, err)
	}
	none := open(t, root, nil)
	_, err = commitOps(none, ops(w("f", "last")))
	must(t, err)
	if kept, err = none.History(t.Context()); err != nil || len(kept) > 0 {
		t.Errorf("History = %+v, %v; want none", kept, err)
	}
	checkLitter(t, root, true)
}

// TestHistoryLetsTheJournalShrink has a transaction of level process make the journal grow, and then commits something small
// twice: the journal must be small again, and what is kept still be there.
func TestHistoryLetsTheJournalShrink(t *testing.T) {
	txn.NeedStamp(t)
	root := t.TempDir()
	must(t, os.Mkdir(root+"/d", 0o755))
	var many []manifest.Op
	for i := range 8000 {
		many = append(many, w(fmt.Sprintf("d/a-file-with-a-longer-name-%d", i), ""))
	}
	_, err := commitOps(open(t, root, &txn.Options{History: 2, Durability: txn.Process}), many)
	must(t, err)
	size := func() int64 {
		i, err := os.Stat(root + "/.txcommit/journal.db")
		must(t, err)
		return i.Size()
	}
	grown := size()
	st := open(t, root, &txn.Options{History: 1})
	for i := range 3 {
		_, err := commitOps(st, ops(w("f", fmt.Sprint(i))))
		must(t, err)
	}
	if now := size(); grown <= 512<<10 || now >= grown {
		t.Errorf("the journal has %d bytes, %d before; want it to grow beyond 512 KiB and shrink", now, grown)
	}
	if kept, err := st.History(t.Context()); err != nil || len(kept) != 1 {
		t.Errorf("History = %+v, %v; want one transaction", kept, err)
	}
	res, err := st.Undo(t.Context(), "", txn.UndoOptions{})
	if err != nil || res.Cleanup != nil {
		t.Errorf("Undo = %+v, %v", res, err)
	}
}

// TestHistoryAfterTheClockWasSetBack makes the last transaction in the history one of tomorrow: the next one is the last
// all the same, and what must go for it is the oldest.
func TestHistoryAfterTheClockWasSetBack(t *testing.T) {
	root := t.TempDir()
	st := open(t, root, &txn.Options{History: 2})
	commit := func(path string) string {
		res, err := commitOps(st, ops(w(path, "new")))
		must(t, err)
		return res.ID
	}
	commit("f")
	second := commit("g")
	commitTomorrow(t, root, second)
	third := commit("h")
	if kept, err := st.History(t.Context()); err != nil || len(kept) != 2 || kept[0].ID != third || kept[1].ID != second {
		t.Errorf("History = %+v, %v; want %s and %s", kept, err, third, second)
	}
	fourth := commit("i")
	if kept, err := st.History(t.Context()); err != nil || len(kept) != 2 || kept[0].ID != fourth || kept[1].ID != third {
		t.Errorf("History = %+v, %v; want %s and %s", kept, err, fourth, third)
	}
}

// commitTomorrow changes the time of a transaction in the journal.
func commitTomorrow(t *testing.T, root, id string) {
	t.Helper()
	db, err := journal.Open(os.OpenFile, root+"/.txcommit/journal.db")
	must(t, err)
	defer db.Close()
	all, err := db.Records()
	must(t, err)
	for _, r := range all {
		if r.ID.String() != id {
			continue
		}
		r.State = journal.Kept // so that it goes
		must(t, db.SetState(r, journal.Abandoned))
		must(t, db.Delete(r))
		r.State, r.Created = journal.Decided, time.Now().Add(24*time.Hour).UnixNano()
		must(t, db.Put(nil, r))
	}
}

// TestReadOnlyStore looks at the history of a store that was opened read-only: it may not be changed.
func TestReadOnlyStore(t *testing.T) {
	root := t.TempDir()
	_, err := commitOps(open(t, root, &txn.Options{History: 1}), ops(w("f", "new")))
	must(t, err)
	must(t, os.WriteFile(root+"/.txcommit/view.lock", nil, 0o600)) // not clean, which a recovery would change
	st := open(t, root, &txn.Options{ReadOnly: true})
	if kept, err := st.History(t.Context()); err != nil || len(kept) != 1 {
		t.Errorf("History = %+v, %v; want one transaction", kept, err)
	}
	if _, _, err := st.Show(t.Context(), ""); err != nil {
		t.Errorf("Show = %v", err)
	}
	if dropped, err := st.GC(t.Context(), 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("GC = %+v, %v; want ErrPermission", dropped, err)
	}
	if _, err := st.Undo(t.Context(), "", txn.UndoOptions{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Undo = %v, want ErrPermission", err)
	}
	if b, err := os.ReadFile(root + "/.txcommit/view.lock"); err != nil || len(b) > 0 {
		t.Errorf("view.lock holds %q, %v; want it as it was", b, err)
	}
}

// TestGCSwept has a dead process's leftover come before the store is opened, and after: GC counts each once.
func TestGCSwept(t *testing.T) {
	root := t.TempDir()
	_, err := commitOps(open(t, root, nil), ops(w("f", "new")))
	must(t, err)
	must(t, os.Mkdir(root+"/.txcommit/stage/before", 0o700))
	st := open(t, root, nil)
	for i, name := range []string{"after", "later"} {
		must(t, os.Mkdir(root+"/.txcommit/stage/"+name, 0o700))
		if done, err := st.GC(t.Context(), 0); err != nil || done.Swept != 2-i || len(done.Dropped) > 0 {
			t.Errorf("GC with %s = %+v, %v; want %d swept, nothing dropped", name, done, err, 2-i)
		}
	}
}

// TestUndoKeepsHistory undoes the last of four transactions with each length of the history: with KeepHistory the undo takes
// its place and nothing else goes; without it the length goes for the undo, too.
func TestUndoKeepsHistory(t *testing.T) {
	for history, beyond := range []int{0, 1, 2, 3, 4, 4} {
		for _, keep := range []bool{false, true} {
			root := t.TempDir()
			st := open(t, root, &txn.Options{History: 5})
			for i := range 4 {
				_, err := commitOps(st, ops(w("f", fmt.Sprint(i))))
				must(t, err)
			}
			was, err := st.History(t.Context())
			must(t, err)
			st = open(t, root, &txn.Options{History: history})
			undo, err := st.Undo(t.Context(), "", txn.UndoOptions{KeepHistory: keep})
			must(t, err)
			want := beyond
			if keep {
				want = 4
			}
			kept, err := st.History(t.Context())
			if err != nil || len(kept) != want {
				t.Errorf("history %d, keep %v: %d are kept (%v), want %d", history, keep, len(kept), err, want)
				continue
			}
			for i, k := range kept {
				if i == 0 && k.ID != undo.ID || i > 0 && k.ID != was[i].ID {
					t.Errorf("history %d, keep %v: %s is at %d, want the undo and then what was there", history, keep, k.ID, i)
				}
			}
		}
	}
}

// TestHistoryWithoutWhatIsUndone puts something into the way of a transaction that leaves the history when it is undone, as if
// the process had died before: the next one to look must drop it.
func TestHistoryWithoutWhatIsUndone(t *testing.T) {
	root := t.TempDir()
	plant(t, root, "f=old")
	st := open(t, root, &txn.Options{History: 3})
	first, err := commitOps(st, ops(w("f", "new")))
	must(t, err)
	must(t, st.Close()) // which waits until the trash is empty
	must(t, os.Mkdir(root+"/.txcommit/trash/"+first.ID, 0o755))
	st = open(t, root, &txn.Options{History: 3})
	undo, err := st.Undo(t.Context(), "", txn.UndoOptions{})
	if err != nil || !errors.Is(undo.Cleanup, fs.ErrExist) {
		t.Fatalf("Undo = %+v, %v; want Cleanup ErrExist", undo, err)
	}
	must(t, st.Close())
	if kept, err := open(t, root, nil).History(t.Context()); err != nil || len(kept) != 1 || kept[0].ID != undo.ID {
		t.Errorf("History = %+v, %v; want %s", kept, err, undo.ID)
	}
	if on, err := os.ReadDir(root + "/.txcommit/history"); err != nil || len(on) != 1 {
		t.Errorf("history/ holds %v, %v; want one folder", on, err)
	}
}

// TestUndoOfAMove moves a source into the tree: the undo would leave what was moved in the history alone, so it takes force.
func TestUndoOfAMove(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, "root/", "src/f=only copy")
	root := filepath.Join(dir, "root")
	st := open(t, root, &txn.Options{History: 1})
	tx, err := st.Begin(t.Context())
	must(t, err)
	must(t, tx.SyncTree("pub", filepath.Join(dir, "src"), txn.TreeOptions{Move: true}))
	_, err = tx.Commit(t.Context())
	must(t, err)
	if _, err := st.Undo(t.Context(), "", txn.UndoOptions{}); !errors.Is(err, txn.ErrConflict) {
		t.Fatalf("Undo = %v, want ErrConflict", err)
	}
	compareTrees(t, map[string]string{".": "d", "pub": "d", "pub/f": "only copy"}, contents(t, root))
	_, err = st.Undo(t.Context(), "", txn.UndoOptions{Force: true})
	must(t, err)
	compareTrees(t, map[string]string{".": "d"}, contents(t, root))
}

// TestHistoryUnderAnOlderJournal puts an older journal back: what it does not speak of is put aside, not deleted.
func TestHistoryUnderAnOlderJournal(t *testing.T) {
	root := t.TempDir()
	st := open(t, root, &txn.Options{History: 1})
	_, err := commitOps(st, ops(w("f", "one")))
	must(t, err)
	db := filepath.Join(root, ".txcommit/journal.db")
	older, err := os.ReadFile(db)
	must(t, err)
	_, err = commitOps(st, ops(w("f", "two")))
	must(t, err)
	must(t, os.WriteFile(db, older, 0o600))
	rep, err := txn.Recover(t.Context(), root, nil)
	if err != nil || len(rep.Displaced) != 1 {
		t.Fatalf("Recover = %+v, %v; want one folder displaced", rep, err)
	}
	found := ""
	for p, c := range contents(t, filepath.Join(root, rep.Displaced[0])) {
		if strings.HasSuffix(p, ".new") {
			found = c
		}
	}
	if found != "one" {
		t.Errorf("%s holds %q, want what was replaced: %q", rep.Displaced[0], found, "one")
	}
}
