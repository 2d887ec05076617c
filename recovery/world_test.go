//go:build unix

package recovery

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// world is a store that is made by hand, in the middle of a transaction.
type world struct {
	*testing.T
	root string
	env  *Env
	rec  *journal.Record
	next uint32 // number of the next step
}

const txid = "019a1f0e-5d5c-7cc8-a9a5-0d1f6c1b2a3f"

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldIn(t, memoryDir(t))
}

func newWorldIn(t *testing.T, root string) *world {
	t.Helper()
	w := &world{T: t, root: root}
	for _, p := range []string{"", "/stage", "/trash", "/displaced", "/history", "/stage/" + txid, "/stage/" + txid + "/0"} {
		w.must(os.Mkdir(w.path(".txcommit"+p), 0o700))
	}
	w.write(".txcommit/stage/"+txid+OwnerSuffix, "")
	w.must(journal.Format(os.OpenFile, w.path(".txcommit/journal.db")))
	w.open()
	w.rec = &journal.Record{
		ID: uuid.MustParse(txid), State: journal.Decided, Created: 1,
		Stage: w.inode(".txcommit/stage/" + txid),
		Subs:  []journal.Sub{{Name: "0", Inode: w.inode(".txcommit/stage/" + txid + "/0")}},
		Parents: []journal.Parent{
			{Path: ".", Inode: w.inode(".")},
		},
	}
	return w
}

// memoryDir returns a new folder in memory, where a sync costs nothing; elsewhere where there is no such thing.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "txcommit-recovery")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// open opens the store as a process does that has just taken its lock.
func (w *world) open() {
	w.Helper()
	dir := func(p string) *fsys.Dir {
		d, err := fsys.OpenDir(w.path(p))
		w.must(err)
		w.Cleanup(func() { _ = d.Close() })
		return d
	}
	db, err := journal.Open(os.OpenFile, w.path(".txcommit/journal.db"))
	w.must(err)
	w.Cleanup(func() { _ = db.Close() })
	view, err := os.OpenFile(w.path(".txcommit/view.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	w.must(err)
	w.Cleanup(func() { _ = view.Close() })
	w.env = &Env{
		Thorough: true,
		Root:     dir("."), State: dir(".txcommit"), Stage: dir(".txcommit/stage"), Trash: dir(".txcommit/trash"),
		Displaced: dir(".txcommit/displaced"), History: dir(".txcommit/history"), DB: db, View: view,
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) path(p string) string { return filepath.Join(w.root, p) }

// staged is the path of a name in the stage subfolder.
func (w *world) staged(name string) string { return ".txcommit/stage/" + txid + "/0/" + name }

func (w *world) write(p, content string) {
	w.Helper()
	w.must(os.WriteFile(w.path(p), []byte(content), 0o644))
}

// replace puts another file at p, as an editor does that renames.
func (w *world) replace(p, content string) {
	w.Helper()
	w.write("temporary", content)
	w.rename("temporary", p)
}

func (w *world) rename(from, to string) {
	w.Helper()
	w.must(syscall.Rename(w.path(from), w.path(to))) // os.Rename refuses over an empty folder
}

func (w *world) link(from, to string) {
	w.Helper()
	w.must(os.Link(w.path(from), w.path(to)))
}

func (w *world) remove(p string) {
	w.Helper()
	w.must(os.RemoveAll(w.path(p)))
}

func (w *world) mkdir(p string) {
	w.Helper()
	w.must(os.Mkdir(w.path(p), 0o755))
}

// exchange swaps two names.
func (w *world) exchange(a, b string) {
	w.Helper()
	da, db := w.dir(filepath.Dir(a)), w.dir(filepath.Dir(b))
	w.must(da.Exchange(filepath.Base(a), db, filepath.Base(b)))
}

func (w *world) dir(p string) *fsys.Dir {
	w.Helper()
	d, err := fsys.OpenDir(w.path(p))
	w.must(err)
	w.Cleanup(func() { _ = d.Close() })
	return d
}

func (w *world) info(p string) fsys.Info {
	w.Helper()
	i, err := w.dir(filepath.Dir(p)).Stat(filepath.Base(p))
	w.must(err)
	return i
}

func (w *world) inode(p string) journal.Inode { return inode(w.info(p)) }

func (w *world) entry(p string) journal.Entry {
	w.Helper()
	i := w.info(p)
	e := Describe(i)
	if i.Kind == fsys.Folder {
		e.Walk = w.walk(p)
	}
	return e
}

func (w *world) walk(p string) uint64 {
	w.Helper()
	walk, err := WalkFolder(w.dir(filepath.Dir(p)), filepath.Base(p))
	w.must(err)
	return walk.Digest
}

// step adds a step on T in the root, as T is now.
func (w *world) step(kind journal.StepKind, flags journal.Flags, T string) *journal.Step {
	w.Helper()
	w.rec.Steps = append(w.rec.Steps, journal.Step{Kind: kind, Flags: flags, Parent: w.parent(filepath.Dir(T)), Name: filepath.Base(T), Num: w.next, Old: w.entry(T)})
	w.next++
	return &w.rec.Steps[len(w.rec.Steps)-1]
}

func (w *world) parent(p string) uint32 {
	w.Helper()
	for i := range w.rec.Parents {
		if w.rec.Parents[i].Path == p {
			return uint32(i)
		}
	}
	w.rec.Parents = append(w.rec.Parents, journal.Parent{Path: p, Inode: w.inode(p)})
	return uint32(len(w.rec.Parents) - 1)
}

// install adds an install of a new file.
func (w *world) install(flags journal.Flags, T, content string) *journal.Step {
	w.Helper()
	s := w.step(journal.Install, flags, T)
	w.write(w.staged(NewName(s.Num)), content)
	return w.prepared(s)
}

// prepared ends the preparation of an install: what is at N.new is staged.
func (w *world) prepared(s *journal.Step) *journal.Step {
	w.Helper()
	at := w.staged(NewName(s.Num))
	s.New = w.inode(at)
	if w.info(at).Kind == fsys.Folder {
		s.Walk = w.walk(at)
	} else if s.Flags&journal.Linked == 0 {
		s.Walk = Seal(w.info(at))
	}
	if s.Old.Kind != 0 && s.Flags&journal.Exchange == 0 {
		w.link(w.rec.Path(s), w.staged(OldName(s.Num)))
	}
	d, err := ContentDigest(w.dir(filepath.Dir(at)), filepath.Base(at))
	w.must(err)
	s.Digest = d
	return s
}

// takeOut adds a remove.
func (w *world) takeOut(flags journal.Flags, T string) *journal.Step {
	w.Helper()
	s := w.step(journal.Remove, flags, T)
	at := w.staged(OldName(s.Num))
	if w.info(T).Kind == fsys.Folder {
		w.mkdir(at)
	} else {
		w.write(at, "")
	}
	s.New = w.inode(at)
	return s
}

// put makes the commit point.
func (w *world) put(state journal.State) {
	w.Helper()
	w.must(w.env.DB.Put(nil, w.rec))
	if state != journal.Decided {
		w.must(w.env.DB.SetState(w.rec, state))
	}
}

// recover does what a process does first when it opens the store.
func (w *world) recover() (Report, error) {
	w.Helper()
	p, err := w.env.Look()
	w.must(err)
	return w.env.Recover(p)
}
