package txn

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/errors"
)

// world is a store with a committed tree t, and the source of it with one file changed.
type world struct {
	root, source string
	store        *Store
	move         bool // the source goes
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{root: t.TempDir(), source: t.TempDir()}
	w.put(t, w.source, "same", "1")
	w.put(t, w.source, "sub/changed", "1")
	var err error
	w.store, err = Open(t.Context(), w.root, nil)
	need(t, err)
	t.Cleanup(func() { _ = w.store.Close() })
	need(t, w.store.Update(t.Context(), w.sync))
	w.put(t, w.source, "sub/changed", "22")
	return w
}

func (w *world) put(t *testing.T, dir, name, content string) {
	t.Helper()
	name = filepath.Join(dir, name)
	need(t, os.MkdirAll(filepath.Dir(name), 0o755))
	need(t, os.WriteFile(name, []byte(content), 0o600))
}

func (w *world) path(name string) string { return filepath.Join(w.root, name) }

func (w *world) sync(tx *Tx) error {
	return tx.SyncTree("t", w.source, TreeOptions{Prune: true, Move: w.move})
}

// other commits something by another store, as another process would.
func (w *world) other(t *testing.T, f func(*Tx) error) {
	t.Helper()
	st, err := Open(t.Context(), w.root, nil)
	need(t, err)
	need(t, st.Update(t.Context(), f))
	need(t, st.Close())
}

// looked returns a commit that has looked at the tree and staged, and has not locked the store yet.
func (w *world) looked(t *testing.T, f func(*Tx) error) (c *commit, effective bool) {
	t.Helper()
	tx, err := w.store.Begin(t.Context())
	need(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	need(t, f(tx))
	c = &commit{tx: tx, store: w.store, res: &Result{}, wait: newWaiter(time.Minute)}
	state, err := tx.openState()
	need(t, err)
	_, c.stored, err = isStore(state)
	need(t, err)
	effective, err = c.stageFirst(t.Context())
	need(t, err)
	return c, effective
}

// looks are cases of TestStands.
var looks = map[string]struct {
	tx     func(*Tx) error // instead of the tree's
	before func(*testing.T, *world)
	after  func(*testing.T, *world)
	want   bool
}{
	"nobody did anything": {want: true},
	"nothing to do": {want: true, before: func(t *testing.T, w *world) {
		w.other(t, w.sync)
	}},
	"a process died doing steps": {before: func(t *testing.T, w *world) {
		f, err := os.OpenFile(w.path(".txcommit/view.lock"), os.O_WRONLY, 0)
		need(t, err)
		_, err = f.WriteAt([]byte("dirty"), 0)
		need(t, errors.Join(err, f.Close()))
	}},
	"a process died after its steps": {before: diedLate},
	"and somebody recovered": {before: diedLate, after: func(t *testing.T, w *world) {
		st, err := Open(t.Context(), w.root, nil)
		need(t, err)
		if len(st.Recovered()) != 1 {
			t.Fatalf("recovered %v", st.Recovered())
		}
		need(t, st.Close())
	}},
	"somebody committed": {after: func(t *testing.T, w *world) {
		w.other(t, write("elsewhere"))
	}},
	"somebody looked": {want: true, after: func(t *testing.T, w *world) {
		w.other(t, func(tx *Tx) error { return tx.Mkdir("t", 0o777) })
	}},
	"as many puts, of an older journal": {before: func(t *testing.T, w *world) {
		journal := w.path(".txcommit/journal.db")
		b, err := os.ReadFile(journal)
		need(t, err)
		w.other(t, write("elsewhere"))
		need(t, os.WriteFile(journal, b, 0o600))
	}, after: func(t *testing.T, w *world) {
		w.other(t, write("elsewhere again"))
	}},
	"another content of what changes": {after: func(t *testing.T, w *world) {
		w.put(t, w.root, "t/sub/changed", "foreign")
	}},
	"another mode of what changes": {after: func(t *testing.T, w *world) {
		need(t, os.Chmod(w.path("t/sub/changed"), 0o640))
	}},
	"what changes is gone": {after: func(t *testing.T, w *world) {
		need(t, os.Remove(w.path("t/sub/changed")))
	}},
	"another mode of its folder": {after: func(t *testing.T, w *world) {
		need(t, os.Chmod(w.path("t/sub"), 0o2755))
	}},
	"another folder": {after: func(t *testing.T, w *world) {
		need(t, os.Rename(w.path("t/sub"), w.path("t/old")))
		need(t, os.Mkdir(w.path("t/sub"), 0o755))
		need(t, os.Rename(w.path("t/old/changed"), w.path("t/sub/changed")))
	}},
	"another store on the way": {tx: write("t/sub/new/f"), before: func(t *testing.T, w *world) {
		need(t, os.Mkdir(w.path("t/sub/new"), 0o755))
	}, after: func(t *testing.T, w *world) {
		need(t, os.Mkdir(w.path("t/sub/.txcommit"), 0o755))
	}},
	"a link on the way": {tx: write("link/changed"), before: func(t *testing.T, w *world) {
		need(t, os.Symlink("t/sub", w.path("link")))
	}},
	"another content of what was in place": {want: true, after: func(t *testing.T, w *world) {
		w.put(t, w.root, "t/same", "foreign")
	}},
	"a source that goes":       {before: func(_ *testing.T, w *world) { w.move = true }},
	"a condition":              {tx: write("t/sub/changed", IfPresent())},
	"a folder that goes":       {tx: func(tx *Tx) error { return tx.RemoveAll("t/sub") }},
	"a folder that is renamed": {tx: func(tx *Tx) error { return tx.Rename("t/sub", "u") }},
	"a file that is renamed":   {want: true, tx: func(tx *Tx) error { return tx.Rename("t/same", "t/sub/other") }},
	"new folders":              {want: true, tx: write("a/b/c/d")},
}

func write(path string, conds ...Cond) func(*Tx) error {
	return func(tx *Tx) error { return tx.WriteFile(path, []byte("other"), 0o600, conds...) }
}

// TestStands checks when the look at the tree without the lock does for the one under it.
func TestStands(t *testing.T) {
	NeedStamp(t)
	for name, test := range looks {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.before != nil {
				test.before(t, w)
			}
			if test.tx == nil {
				test.tx = w.sync
			}
			c, _ := w.looked(t, test.tx)
			if test.after != nil {
				test.after(t, w)
			}
			need(t, w.store.locked(t.Context(), newWaiter(time.Minute), func(ses *session) error {
				_, err := ses.recover(t.Context())
				if got := c.first != nil && c.first.stands(ses); got != test.want {
					t.Errorf("the first look stands: %v, want %v", got, test.want)
				}
				return err
			}))
		})
	}
}

// diedLate leaves a transaction unfinished all of whose steps are done.
func diedLate(t *testing.T, w *world) {
	need(t, w.store.Close())
	var err error
	w.store, err = Open(t.Context(), w.root, &Options{History: 1})
	need(t, err)
	need(t, w.store.Update(t.Context(), func(tx *Tx) error { return tx.WriteFile("elsewhere", nil, 0o600) }))
	kept, err := os.ReadDir(w.path(".txcommit/history"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("history/ holds %v (%v)", kept, err)
	}
	id := kept[0].Name()
	need(t, os.Rename(w.path(".txcommit/history/"+id), w.path(".txcommit/stage/"+id)))
}

// TestLookedAgain commits something else between the first look and the lock: what was in place for the first one has to
// be written then.
func TestLookedAgain(t *testing.T) {
	NeedStamp(t)
	for name, uptodate := range map[string]bool{"nothing to do": true, "one of two files to do": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if uptodate {
				w.other(t, w.sync)
			}
			c, effective := w.looked(t, w.sync)
			if effective == uptodate {
				t.Fatalf("the first look has found something to do: %v", effective)
			}
			w.other(t, func(tx *Tx) error { return tx.WriteFile("t/same", []byte("2"), 0o600) })
			need(t, c.locked(t.Context(), effective))
			for name, want := range map[string]string{"t/same": "1", "t/sub/changed": "22"} {
				if got, err := os.ReadFile(w.path(name)); string(got) != want {
					t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
				}
			}
		})
	}
}

// TestCommitByFirstLook commits by what was seen without the lock, and checks that this is what was done.
func TestCommitByFirstLook(t *testing.T) {
	NeedStamp(t)
	w := newWorld(t)
	c, effective := w.looked(t, w.sync)
	scan := c.first.scan
	if need(t, c.locked(t.Context(), effective)); !scan.locked {
		t.Error("the tree was looked at again")
	}
	if got, err := os.ReadFile(w.path("t/sub/changed")); string(got) != "22" {
		t.Errorf("t/sub/changed is %q (%v)", got, err)
	}
	if c.res.Changed != 1 || c.res.Unchanged != 1 {
		t.Errorf("the result is %+v", c.res)
	}
}

// TestFirstLookIsClosed looks again and again where the first look does not stand, and counts what stays open.
func TestFirstLookIsClosed(t *testing.T) {
	NeedStamp(t)
	w := newWorld(t)
	open := func() int {
		_ = w.store.trashEmptied() // what it cannot delete is not of interest
		fds, err := os.ReadDir("/proc/self/fd")
		need(t, err)
		return len(fds)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which closes what is lost
	before := 0
	for i := range 6 {
		c, _ := w.looked(t, w.sync)
		w.put(t, w.root, "t/sub/changed", strconv.Itoa(i)) // after its folder was opened to see that this is not as it was
		need(t, c.locked(t.Context(), true))
		need(t, c.tx.release())
		w.put(t, w.root, "t/sub/changed", "1")
		if i == 0 {
			before = open()
		}
	}
	if after := open(); after > before+4 { // each commit loses two; what other tests have left may come and go
		t.Errorf("%d files are open, and %d after the first of the commits", after, before)
	}
}

// TestCancelledWithNothingToDo cancels a commit that has found nothing to do: it consumes nothing.
func TestCancelledWithNothingToDo(t *testing.T) {
	w := newWorld(t)
	w.other(t, w.sync)
	w.move = true
	c, effective := w.looked(t, w.sync)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.locked(ctx, effective); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(w.source, "same")); err != nil {
		t.Error(err)
	}
}
