//go:build unix

package txn_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/txcommit/txcommit/journal"
	"github.com/txcommit/txcommit/txn"
	"github.com/txcommit/txcommit/txn/manifest"
)

// records opens a store's journal, which nobody else must have open, and passes on its records.
func records(t *testing.T, root string, f func(db *journal.DB, all []*journal.Record)) {
	t.Helper()
	db, err := journal.Open(os.OpenFile, filepath.Join(root, ".txcommit/journal.db"))
	must(t, err)
	all, err := db.Records()
	must(t, err)
	f(db, all)
	must(t, db.Close())
}

func countRecords(t *testing.T, root string) (n int) {
	records(t, root, func(_ *journal.DB, all []*journal.Record) { n = len(all) })
	return n
}

// reboot makes the records of a store look like those of another boot. What a power loss does to the tree is the test's.
func reboot(t *testing.T, root string) {
	t.Helper()
	records(t, root, func(db *journal.DB, all []*journal.Record) {
		must(t, db.Delete(all...))
		for _, r := range all {
			r.Boot = "another boot"
			must(t, db.Put(nil, r))
		}
	})
}

var quick = &txn.Options{Durability: txn.Process}

// TestProcessRecords keeps the records of level process until a commit of level sync has made their files durable; one
// with nothing to do does, too (field.md 14: a fast path that skips what is unfinished).
func TestProcessRecords(t *testing.T) {
	txn.NeedStamp(t)
	for _, last := range []struct {
		name string
		ops  []manifest.Op
		left int
	}{
		{"something to do", ops(w("last", "x")), 1}, // its own, which goes with the next put
		{"nothing to do", ops(w("f2", "2")), 0},
		{"no op at all", nil, 0},
	} {
		t.Run(last.name, func(t *testing.T) {
			root := memoryDir(t)
			st := open(t, root, quick)
			for i := range 5 {
				_, err := commitOps(st, ops(w(fmt.Sprint("f", i), fmt.Sprint(i)), chmod("f0", 0o600))[:1+min(i, 1)])
				must(t, err)
			}
			if n := countRecords(t, root); n != 5 {
				t.Errorf("%d records of level process, want 5", n)
			}
			_, err := commitOps(st, ops(w("f1", "1")))
			must(t, err)
			if n := countRecords(t, root); n != 5 {
				t.Errorf("after nothing to do at level process: %d records, want 5", n)
			}
			safe := open(t, root, nil)
			_, err = commitOps(safe, last.ops)
			must(t, err)
			if n := countRecords(t, root); n != last.left {
				t.Errorf("after a commit of level sync: %d records, want %d", n, last.left)
			}
			checkLitter(t, root, true)
		})
	}
}

// TestProcessReboot loses power after commits of level process. What the tree does not hold any more is reported once,
// as ErrIncomplete with the paths; nothing is redone or undone. What was overtaken by a later transaction is not torn.
func TestProcessReboot(t *testing.T) {
	txn.NeedStamp(t)
	for _, c := range []struct {
		name string
		txs  [][]manifest.Op
		loss func(root string) error
		torn string
	}{
		{name: "all there", txs: [][]manifest.Op{ops(w("f", "new"), w("d/g", "1"), ln("l", "f"), mkdir("e"), rm("gone"), chmod("mode", 0o600), mv("from", "to"), mv("dir", "dir2"))}},
		{name: "emptied", txs: [][]manifest.Op{ops(w("f", "new"), w("g", "1"))}, loss: func(root string) error { return os.Truncate(root+"/f", 0) }, torn: "f"},
		{name: "old again", txs: [][]manifest.Op{ops(chmod("mode", 0o600), rm("gone"))}, loss: func(root string) error { return os.Chmod(root+"/mode", 0o644) }, torn: "mode"},
		{name: "missing", txs: [][]manifest.Op{ops(w("new", "1"), w("d/x", "2"))}, loss: func(root string) error { return joinAll(os.Remove(root+"/new"), os.RemoveAll(root+"/d")) }, torn: "d, new"},
		{name: "part of a folder", txs: [][]manifest.Op{ops(treeOp("pub", "src"))}, loss: func(root string) error { return os.Truncate(root+"/pub/s/x", 1) }, torn: "pub"},
		{name: "overwritten", txs: [][]manifest.Op{ops(w("f", "1")), ops(w("f", "2"))}},
		{name: "removed later", txs: [][]manifest.Op{ops(w("f", "1"), w("n", "1")), ops(rm("f"), rm("n"))}},
		{name: "renamed later", txs: [][]manifest.Op{ops(w("f", "1")), ops(mv("f", "g")), ops(mv("g", "h"))}},
		{name: "folder removed later", txs: [][]manifest.Op{ops(w("d/e/f", "1")), ops(w("d/e/g", "1")), ops(rmAll("d"))}},
		{name: "folder renamed later", txs: [][]manifest.Op{ops(w("d/e/f", "1")), ops(w("d/e/g", "1")), ops(mv("d", "d2"))}},
		{name: "changed in a new folder later", txs: [][]manifest.Op{ops(w("d/f", "1")), ops(w("d/f", "2")), ops(w("d/g", "2"), chmod("d/g", 0o600))[:1]}},
		{name: "mode later", txs: [][]manifest.Op{ops(chmod("mode", 0o600)), ops(chmod("mode", 0o644))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := memoryDir(t)
			t.Chdir(dir)
			plant(t, dir, "root/f=old", "root/gone=1", "root/mode=1", "root/from=1", "root/dir/x=1", "src/s/x=123", "src/y=1")
			st := open(t, "root", quick)
			for _, o := range c.txs {
				_, err := commitOps(st, o)
				must(t, err)
			}
			must(t, st.Close())
			if c.loss != nil {
				must(t, c.loss("root"))
			}
			reboot(t, "root")
			left := contents(t, "root")
			checkTorn(t, c.torn)
			compareTrees(t, left, contents(t, "root"))
			_, err := commitOps(open(t, "root", nil), ops(w("next", "1")))
			must(t, err)
		})
	}
}

// TestProcessRebootOutOfOrder commits the transaction that was begun first last: it is the one that counts.
func TestProcessRebootOutOfOrder(t *testing.T) {
	dir := memoryDir(t)
	t.Chdir(dir)
	plant(t, dir, "root/f=old")
	st := open(t, "root", quick)
	early, err := begin(st, ops(rm("f")))
	must(t, err)
	_, err = commitOps(st, ops(w("f", "late")))
	must(t, err)
	_, err = early.Commit(t.Context())
	must(t, err)
	must(t, st.Close())
	reboot(t, "root")
	checkTorn(t, "")
}

// TestProcessTornTwice loses parts of two transactions: status announces that they will be looked at, and the error of
// Open tells of both and carries the report, since nothing says it again.
func TestProcessTornTwice(t *testing.T) {
	txn.NeedStamp(t)
	dir := memoryDir(t)
	t.Chdir(dir)
	plant(t, dir, "root/f=old")
	st := open(t, "root", quick)
	for _, name := range []string{"f", "g"} {
		_, err := commitOps(st, ops(w(name, "new")))
		must(t, err)
		must(t, os.Truncate("root/"+name, 0))
	}
	must(t, st.Close())
	reboot(t, "root")

	state, err := txn.Status(t.Context(), "root", nil)
	must(t, err)
	if len(state.Pending) != 2 || state.Pending[0].Outcome != "to verify" || state.Pending[1].Outcome != "to verify" {
		t.Errorf("status: %+v, want two to verify", state.Pending)
	}
	_, err = txn.Open(t.Context(), "root", nil)
	if !errors.Is(err, txn.ErrIncomplete) || !errors.Is(err, txn.ErrTorn) {
		t.Fatalf("Open: %v, want ErrIncomplete and ErrTorn", err)
	}
	for _, name := range []string{"f", "g"} {
		if !strings.Contains(err.Error(), "with durability process: "+name) {
			t.Errorf("Open: %v, want it to name %s", err, name)
		}
	}
	var carried *txn.RecoveryError
	if !errors.As(err, &carried) || len(carried.Report.Recovered) != 2 ||
		len(carried.Report.Recovered[0].Torn) != 1 || len(carried.Report.Recovered[1].Torn) != 1 {
		t.Errorf("Open: %+v, want an error that carries what was torn", carried)
	}
	checkTorn(t, "")
}

func joinAll(errs ...error) error { return errors.Join(errs...) }

// checkTorn opens ./root twice: what is torn is said the first time.
func checkTorn(t *testing.T, torn string) {
	t.Helper()
	st, err := txn.Open(t.Context(), "root", nil)
	switch {
	case err == nil && torn == "":
		for _, r := range st.Recovered() {
			if r.Outcome != "completed" {
				t.Errorf("recovered: %+v", r)
			}
		}
		must(t, st.Close())
	case torn == "":
		t.Errorf("got %v, want no error", err)
	case !errors.Is(err, txn.ErrIncomplete) || !strings.HasSuffix(err.Error(), "with durability process: "+torn):
		t.Errorf("got %v, want ErrIncomplete about %s", err, torn)
	}
	if st, err = txn.Open(t.Context(), "root", nil); err != nil || len(st.Recovered()) > 0 {
		t.Errorf("the second time: %v", err)
		return
	}
	must(t, st.Close())
}
