package recovery

import (
	"io"
	"strconv"
	"syscall"

	"github.com/cockroachdb/errors"
	"golang.org/x/sync/errgroup"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// maxFolders bounds how many target folders are held open at once. One that was let go is opened again by its path
// and must still be the recorded inode; so an undo in a folder that was moved away meanwhile can end incomplete.
const maxFolders = 256

// errMoved says that the path of a parent does not lead to the recorded folder any more.
var errMoved = errors.New("its folder was moved, replaced or deleted meanwhile")

// Run is a record with the folders that it speaks of.
type Run struct {
	env   *Env
	rec   *journal.Record
	fresh bool // this very process saw the put succeed

	parents map[uint32]*fsys.Dir
	stage   *fsys.Dir            // nil when the stage folder is gone
	subs    map[uint32]*fsys.Dir // a nil entry: gone
	outers  []outer              // all of them, open from before the first step on

	displaced []string
	settled   bool // the journal has what Finish has to note there
}

// Prepare opens the folders of a record that is about to be put, and checks that they are the recorded ones. Resume
// follows after the put; Close must follow in any case.
func Prepare(env *Env, rec *journal.Record) (*Run, error) {
	r, err := openRun(env, rec)
	if err != nil {
		return nil, err
	}
	r.fresh = true
	return r, nil
}

func openRun(env *Env, rec *journal.Record) (*Run, error) {
	r := &Run{env: env, rec: rec, parents: map[uint32]*fsys.Dir{}, subs: map[uint32]*fsys.Dir{}}
	stage, err := env.Stage.Sub(rec.ID.String())
	if err != nil {
		return nil, err
	}
	r.stage = stage
	self, err := stage.Self()
	if err == nil && inode(self) != rec.Stage {
		err = errors.New("the stage folder is not the recorded one: the store was copied or restored while a transaction was unfinished")
	}
	if err == nil && rec.Detached() {
		err = attach(stage, ".txcommit/stage/"+rec.ID.String(), rec)
	}
	if err == nil {
		err = r.openOuters()
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// attach reads what a record keeps in its stage folder, which is at path.
func attach(stage *fsys.Dir, path string, rec *journal.Record) error {
	path += "/" + StepsFile
	f, err := stage.Open(StepsFile)
	if isGone(err) {
		return journal.Unreadable(errors.Newf("%s is missing", path))
	}
	if err != nil {
		return PathError("open", path, err)
	}
	defer f.Close()
	i, err := fsys.StatFile(f)
	if err != nil {
		return PathErrno("stat", path, err)
	}
	if i.Size != int64(rec.Beside.Length) {
		return rec.Attach(nil) // says what is wrong with it
	}
	b := make([]byte, i.Size)
	if _, err := io.ReadFull(f, b); err != nil {
		return PathErrno("read", path, err)
	}
	return rec.Attach(b)
}

// Close releases the folders.
func (r *Run) Close() {
	r.closeParents()
	for _, d := range r.subs {
		if d != nil {
			_ = d.Close()
		}
	}
	r.closeOuters()
	_ = r.stage.Close()
	r.parents, r.subs = nil, nil
}

// OpenParents opens the folders of the targets ahead, so that none has to be found after the commit point; but for those
// that come with the transaction itself.
func (r *Run) OpenParents(comes func(path string) bool) error {
	for i := range min(len(r.rec.Parents), maxFolders) {
		if comes(r.rec.Parents[i].Path) {
			continue
		}
		if _, err := r.parent(uint32(i)); err != nil {
			return PathError("open", r.rec.Parents[i].Path, err)
		}
	}
	return nil
}

// parent returns the handle of a target folder.
func (r *Run) parent(i uint32) (*fsys.Dir, error) {
	if d, ok := r.parents[i]; ok {
		return d, nil
	}
	p := &r.rec.Parents[i]
	d, err := openBeneath(r.env.Root, p.Path)
	if err == syscall.ELOOP || err == syscall.ENOTDIR { // a link or a file is in its place
		return nil, errMoved
	}
	if err != nil {
		return nil, err
	}
	self, err := d.Self()
	if err == nil && inode(self) != p.Inode {
		err = errMoved
	}
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	if len(r.parents) >= maxFolders {
		for old, h := range r.parents {
			_ = h.Close()
			delete(r.parents, old)
			break
		}
	}
	r.parents[i] = d
	return d, nil
}

func openBeneath(root *fsys.Dir, path string) (*fsys.Dir, error) {
	if path == "." {
		return root.Sub(".")
	}
	return root.Beneath(path)
}

// checkParent makes sure that the parent's path still leads to its handle.
func (r *Run) checkParent(i uint32) error {
	p := &r.rec.Parents[i]
	now, err := r.env.Root.StatBeneath(p.Path)
	if err != nil {
		return err
	}
	if inode(now) != p.Inode {
		return errMoved
	}
	return nil
}

// sub returns the handle of a stage subfolder, nil if it is gone.
func (r *Run) sub(i uint32) (*fsys.Dir, error) {
	if d, ok := r.subs[i]; ok {
		return d, nil
	}
	for n := range r.outers {
		if r.outers[n].sub == i {
			return r.outers[n].dir, nil
		}
	}
	s := &r.rec.Subs[i]
	info, err := r.stage.Stat(s.Name)
	if err != nil {
		return nil, err
	}
	if !info.Exists() {
		r.subs[i] = nil
		return nil, nil
	}
	if inode(info) != s.Inode {
		return nil, errors.Newf("stage subfolder %q is not the recorded one", s.Name)
	}
	d, err := r.stage.Sub(s.Name)
	if err != nil {
		return nil, err
	}
	if len(r.subs) >= maxFolders {
		for old, h := range r.subs {
			if h != nil {
				_ = h.Close()
			}
			delete(r.subs, old)
			break
		}
	}
	r.subs[i] = d
	return d, nil
}

// NewName and OldName are the names of step n in its stage subfolder. OutName is where, without exchange, a foreign
// file is kept that was in the way.
func NewName(n uint32) string { return strconv.FormatUint(uint64(n), 10) + ".new" }

// OldName is the name for what comes out of the tree, see NewName.
func OldName(n uint32) string { return strconv.FormatUint(uint64(n), 10) + ".old" }

// OutName is the name for what was in the way, see NewName.
func OutName(n uint32) string { return strconv.FormatUint(uint64(n), 10) + ".out" }

// parallel runs f for 0 to n-1, a bounded number at once.
func parallel(n int, f func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(16)
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	return g.Wait()
}

// statIn describes name in a stage subfolder that may be gone.
func statIn(d *fsys.Dir, name string) (fsys.Info, error) {
	if d == nil {
		return fsys.Info{}, nil
	}
	return d.Stat(name)
}
