package txn

import (
	"context"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// scan is one look at the tree on behalf of a transaction: what each op means for which path. It changes nothing.
// Commit looks twice: without the lock, to know what to stage, and under it, to be sure.
type scan struct {
	tx     *Tx
	root   *fsys.Dir
	res    *resolver
	byPath map[string]*want
	order  []*want // sorted; nil while wants are put
	checks []check
	// vacated are the canonical paths that an op renames away or removes, with the op.
	vacated map[string]int
	// prunes are the canonical paths that a tree op prunes, with the op.
	prunes map[string]int
}

// check is a condition on the present state of a path.
type check struct {
	place
	op     int
	said   string
	expect manifest.Expect
}

// newScan looks at the tree. Its errors are *Error; close follows in any case but that of an error.
func newScan(ctx context.Context, tx *Tx, root *fsys.Dir) (*scan, error) {
	res, err := newResolver(root)
	if err != nil {
		return nil, recovery.PathError("stat", ".", err)
	}
	s := &scan{tx: tx, root: root, res: res, byPath: map[string]*want{}, vacated: map[string]int{}, prunes: map[string]int{}}
	if err := s.all(ctx); err != nil {
		err = s.conflictOr(err)
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *scan) close() { s.res.close() }

// conflictOr returns the conflict where a condition does not hold, and err otherwise: who says what the tree must be
// like is told that it is not, and not what follows from that for the ops. An err about the ops alone stays.
func (s *scan) conflictOr(err error) error {
	if errors.Is(err, fs.ErrInvalid) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for i := range s.tx.ops {
		o := &s.tx.ops[i]
		if o.Expect.State == manifest.ExpectNothing {
			continue
		}
		s.checks = nil
		follow := o.Kind == manifest.Chmod || o.Kind == manifest.Write && s.tx.store.opts.Symlinks == FollowSymlinks
		if _, lerr := s.locate(i, o, o.said(), follow); lerr != nil {
			continue
		}
		if cerr := s.checkAll(); errors.Is(cerr, ErrConflict) {
			return cerr
		}
	}
	return err
}

// all looks at the ops that take something away first: the others mean the tree without it.
func (s *scan) all(ctx context.Context) error {
	for _, takesAway := range []bool{true, false} {
		for i := range s.tx.ops {
			o := &s.tx.ops[i]
			if (o.Kind == manifest.Rename || o.Kind == manifest.Remove) != takesAway {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.op(i, o); err != nil {
				return s.opError(i, err)
			}
		}
	}
	if err := s.compareAll(ctx); err != nil {
		return err
	}
	return s.checkClashes()
}

// opError puts the op and its path to an error.
func (s *scan) opError(i int, err error) error {
	var already *Error
	if errors.As(err, &already) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	o := &s.tx.ops[i]
	if errors.Is(err, syscall.ENOTDIR) {
		if err := s.clashAbove(i); err != nil {
			return err
		}
	}
	return &Error{Op: i, Path: o.said(), Err: pathError(o.Kind.String(), o.said(), err)}
}

// clashAbove finds the op that ends on a file above the path of op i: the two would not go together either if the
// file were not there yet.
func (s *scan) clashAbove(i int) error {
	for _, p := range s.tx.ops[i].ends() {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			j, ok := s.tx.byPath[dir]
			if !ok {
				continue
			}
			below, above := &want{op: i, said: p}, &want{op: j, said: dir}
			switch s.tx.ops[j].Kind {
			case manifest.Write, manifest.Symlink:
				return s.clash(below, above, "cannot go together: a file cannot be the parent of a path")
			case manifest.Remove, manifest.Rename:
				return s.clash(below, above, belowTaken)
			case manifest.Mkdir, manifest.Chmod, manifest.Tree:
			}
		}
	}
	return nil
}

// pathError puts the user's path to an error that the system caused; others are told by Error.
func pathError(op, path string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return recovery.PathError(op, path, err)
	}
	return err
}

func (s *scan) op(i int, o *op) error {
	switch o.Kind {
	case manifest.Write:
		return s.write(i, o)
	case manifest.Remove:
		return s.remove(i, o)
	case manifest.Rename:
		return s.rename(i, o)
	case manifest.Mkdir:
		return s.mkdir(i, o)
	case manifest.Symlink:
		return s.symlink(i, o)
	case manifest.Chmod:
		return s.chmod(i, o)
	case manifest.Tree:
		return s.tree(i, o)
	}
	return errors.AssertionFailedf("op of kind %d", o.Kind)
}

// locate resolves an op's path, checks its parents, and notes its condition.
func (s *scan) locate(i int, o *op, p string, follow bool) (place, error) {
	at, err := s.res.lookup(p)
	if err != nil {
		return at, err
	}
	if _, gone := s.vacated[at.path()]; follow && !gone { // a link that is renamed away leads nowhere
		if at, err = s.res.follow(at); err != nil {
			return at, err
		}
	}
	if o.RequireParents && !at.folder.info.Exists() {
		return at, errors.Wrapf(syscall.ENOENT, "parent directory %s is missing", at.folder.path)
	}
	if o.Expect.State != manifest.ExpectNothing && (o.Kind != manifest.Rename || p == o.From) {
		s.checks = append(s.checks, check{place: at, op: i, said: p, expect: o.Expect})
	}
	return at, nil
}

func (s *scan) write(i int, o *op) error {
	policy := s.tx.store.opts.Symlinks
	at, err := s.locate(i, o, o.Path, policy == FollowSymlinks)
	if err != nil {
		return err
	}
	at, gone := s.takenAway(at)
	switch {
	case gone:
	case at.info.Kind == fsys.Folder:
		return syscall.EISDIR
	case at.info.Kind == fsys.Special:
		return errors.New("is a special file (FIFO, socket or device), which a write does not replace")
	case at.info.Kind == fsys.Link && policy == RefuseSymlinks:
		return errors.New("is a symbolic link, which --symlinks refuse does not allow")
	}
	c, err := s.content(o)
	if err != nil {
		return err
	}
	return s.put(&want{place: at, kind: wantFile, op: i, said: o.Path, content: c, mode: o.Mode, perm: o.perm})
}

// takenAway says that another op takes away what is at a place. A folder is forgotten then; a file is still there for
// the exchange.
func (s *scan) takenAway(at place) (place, bool) {
	_, gone := s.vacated[at.path()]
	if gone && at.info.Kind == fsys.Folder {
		at.info = fsys.Info{}
	}
	return at, gone
}

// content finds the bytes of a write.
func (s *scan) content(o *op) (*content, error) {
	switch {
	case o.content != nil:
		return &content{streamed: o.content}, nil
	case o.Source == "":
		return &content{data: o.Content}, nil
	}
	name := o.source()
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	i, err := fsys.StatFile(f)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if i.Kind != fsys.File {
		return nil, errors.Newf("source %s is %s, not a regular file", o.Source, i.Kind)
	}
	return &content{file: name, said: name, info: i}, nil
}

func (s *scan) remove(i int, o *op) error {
	at, err := s.locate(i, o, o.Path, false)
	if err != nil {
		return err
	}
	if !at.info.Exists() && !o.MissingOK {
		return syscall.ENOENT
	}
	if at.info.Kind == fsys.Folder && !o.Recursive {
		if err := s.mustBeEmpty(at); err != nil {
			return err
		}
	}
	s.vacated[at.path()] = i
	return s.put(&want{place: at, kind: wantGone, op: i, said: o.Path, empty: !o.Recursive})
}

// mustBeEmpty refuses a folder that something is in.
func (s *scan) mustBeEmpty(at place) error {
	names, err := s.names(s.res.sub(at.folder, at.name, at.info))
	if err == nil && len(names) > 0 {
		err = syscall.ENOTEMPTY
	}
	return err
}

func (s *scan) rename(i int, o *op) error {
	from, err := s.locate(i, o, o.From, false)
	if err != nil {
		return err
	}
	if !from.info.Exists() {
		return syscall.ENOENT
	}
	to, err := s.locate(i, o, o.To, false)
	if err != nil {
		return &Error{Op: i, Path: o.To, Err: pathError("rename", o.To, err)}
	}
	if from.path() == to.path() {
		return invalidf("a rename onto itself")
	}
	if from.info.Kind == fsys.Folder && strings.HasPrefix(to.path()+"/", from.path()+"/") {
		return invalidf("a directory cannot be renamed into itself (%s)", o.To)
	}
	s.vacated[from.path()] = i
	kind := wantLinked
	if from.info.Kind == fsys.Folder {
		kind = wantMoved
	}
	if err := s.put(&want{place: from, kind: wantGone, op: i, said: o.From, vacated: true}); err != nil {
		return err
	}
	return s.put(&want{place: to, kind: kind, op: i, said: o.To, from: from, replace: o.Replace})
}

func (s *scan) mkdir(i int, o *op) error {
	at, err := s.locate(i, o, o.Path, true)
	if err != nil {
		return err
	}
	at, gone := s.takenAway(at)
	if at.info.Exists() && at.info.Kind != fsys.Folder && !gone {
		return syscall.EEXIST
	}
	if at.info.Kind == fsys.Folder {
		return s.putMode(i, o.Path, at, o.Mode)
	}
	return s.put(&want{place: at, kind: wantFolder, op: i, said: o.Path, mode: o.Mode, perm: o.perm})
}

func (s *scan) symlink(i int, o *op) error {
	at, err := s.locate(i, o, o.Path, false)
	if err != nil {
		return err
	}
	at, gone := s.takenAway(at)
	switch {
	case gone:
	case at.info.Kind == fsys.Folder:
		return syscall.EISDIR
	case at.info.Kind == fsys.Special:
		return errors.New("is a special file (FIFO, socket or device), which a symlink does not replace")
	}
	return s.putLink(&want{place: at, kind: wantLink, op: i, said: o.Path, target: o.Target})
}

// putLink puts a link, which stays as it is if it leads to the target already.
func (s *scan) putLink(w *want) error {
	if w.info.Kind == fsys.Link {
		d, err := s.res.handle(w.folder)
		if err != nil {
			return err
		}
		target, err := d.ReadLink(w.name)
		if err != nil {
			return err
		}
		if _, vacated := s.vacated[w.path()]; target == w.target && !vacated {
			w.kind = wantSame
		}
	}
	return s.put(w)
}

func (s *scan) chmod(i int, o *op) error {
	at, err := s.locate(i, o, o.Path, true)
	if err != nil {
		return err
	}
	if !at.info.Exists() {
		return syscall.ENOENT
	}
	return s.putMode(i, o.Path, at, o.Mode)
}

// putMode gives what is at a place another mode, if it differs.
func (s *scan) putMode(i int, said string, at place, mode manifest.Mode) error {
	w := &want{place: at, kind: wantSame, op: i, said: said, mode: mode}
	if bits, ok := mode.Bits(); ok && bits != at.info.Mode {
		w.kind = wantMode
	}
	return s.put(w)
}

// put adds a want and the missing parents of its path. Two wants of one path are a clash, but for the few that go
// together.
func (s *scan) put(w *want) error {
	if w.kind != wantGone {
		if err := s.putParents(w); err != nil {
			return err
		}
	}
	p := w.path()
	w.full, s.order = p, nil
	old := s.byPath[p]
	switch {
	case old == nil:
		s.byPath[p] = w
	case old.kind == wantFolder && old.implied && w.kind == wantFolder:
		w.implied = w.implied && old.implied
		s.byPath[p] = w
	case old.kind == wantFolder && w.kind == wantFolder && w.implied:
	case old.kind == wantGone && old.vacated && w.makes(),
		old.kind == wantGone && (w.kind == wantLinked || w.kind == wantMoved):
		w.vacated, w.movedAway, w.empty = true, old.vacated && old.info.Kind == fsys.Folder, old.empty
		s.byPath[p] = w
	case w.kind == wantGone && !old.vacated && (w.vacated && old.makes() || old.kind == wantLinked || old.kind == wantMoved):
		old.vacated, old.movedAway, old.empty = true, w.vacated && w.info.Kind == fsys.Folder, w.empty
	case w.implied:
		return s.clash(w.child, old, "cannot go together: a file cannot be the parent of a path")
	case old.implied:
		return s.clash(w, old.child, "cannot go together: a file cannot be the parent of a path")
	default:
		return s.clash(w, old, "both end on "+p)
	}
	return nil
}

func (s *scan) putParents(w *want) error {
	f := w.folder
	if f.info.Exists() || f.parent == nil {
		return nil
	}
	if old := s.byPath[f.path]; old != nil && old.kind == wantFolder {
		return nil
	}
	return s.put(&want{
		place: place{folder: f.parent, name: f.name}, kind: wantFolder,
		op: w.op, said: path.Dir(w.said), perm: 0o777, implied: true, child: w,
	})
}

const belowTaken = "cannot go together: one is below what the other removes, renames or replaces"

// clash is the error about two ops that cannot be in one transaction.
func (s *scan) clash(a, b *want, why string) error {
	if a.op < b.op {
		a, b = b, a
	}
	err := invalidf("op %d (%s %s) and op %d (%s %s) %s",
		b.op, b.opName(s.tx.ops), b.said, a.op, a.opName(s.tx.ops), a.said, why)
	return &Error{Op: a.op, Path: a.said, Err: err}
}

// checkClashes refuses ops below what another op takes away or replaces, and renames onto what stays. Of many errors it
// returns that of the first op, so that it is the same one each time.
func (s *scan) checkClashes() error {
	var first *Error
	for _, w := range s.byPath {
		err := s.checkAbove(w)
		if err == nil {
			err = s.checkFree(w)
		}
		if err == nil {
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Op: w.op, Path: w.said, Err: err}
		}
		if first == nil || e.Op < first.Op || e.Op == first.Op && e.Path < first.Path {
			first = e
		}
	}
	if first != nil {
		return first
	}
	return nil
}

// checkAbove refuses a want below something that another op takes away, replaces or prunes. What a tree prunes depends
// on what is there; the clash does not, so that a manifest does not become wrong by being applied.
func (s *scan) checkAbove(w *want) error {
	for f := w.folder; f != nil; f = f.parent {
		if i, ok := s.prunes[f.path]; ok && i != w.op && w.kind != wantGone && !s.tx.ops[i].spares(w.path(), f.path) {
			return s.clash(w, &want{op: i, said: s.tx.ops[i].Path}, "cannot go together: one is below what the other prunes; exclude it there")
		}
		up := s.byPath[f.path]
		if up == nil || up.op == w.op && (up.kind == wantFolder || up.kind == wantSame) {
			continue
		}
		if up.kind != wantSame && up.kind != wantMode && (up.kind != wantFolder || up.vacated) {
			return s.clash(w, up, belowTaken)
		}
	}
	return nil
}

// checkFree refuses a rename onto something that stays.
func (s *scan) checkFree(w *want) error {
	if w.kind != wantLinked && w.kind != wantMoved || !w.info.Exists() || w.vacated {
		return nil
	}
	if w.kind == wantMoved || w.info.Kind == fsys.Folder {
		return &fs.PathError{Op: "rename", Path: w.said, Err: syscall.EEXIST}
	}
	if !w.replace {
		return pathError("rename", w.said, errors.Wrap(syscall.EEXIST, `only a rename with "replace": true replaces a file`))
	}
	return nil
}
