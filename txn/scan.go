package txn

import (
	"context"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
	"github.com/txcommit/txcommit/txn/manifest"
)

// scan is one look at the tree on behalf of a transaction: what each op means for which path. It changes nothing.
// Commit looks twice: without the lock, to know what to stage, and under it, to be sure; see firstLook for when once will do.
type scan struct {
	tx     *Tx
	root   *fsys.Dir
	res    *resolver
	byPath byPath[*want]
	early  *early
	checks []check
	// vacated are the canonical paths that an op renames away or removes, with the op.
	vacated map[string]int
	// prunes are the canonical paths that a tree op prunes, with the op.
	prunes map[string]int
	// locked says that the store's lock is held: what is seen stays so, but for others than us.
	locked bool
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
	s := &scan{tx: tx, root: root, res: res, vacated: map[string]int{}, prunes: map[string]int{}, early: newEarly(ctx)}
	tx.progress.begin(PhasePlan, 0, 0)
	if err := s.all(ctx); err != nil {
		err = s.conflictOr(err)
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *scan) close() {
	s.early.stop()
	s.res.close()
}

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
	if err := s.checkHardLinks(); err != nil {
		return err
	}
	if err := s.checkClashes(); err != nil {
		return err
	}
	if folds, err := s.res.folds(); err != nil || !folds {
		return err
	}
	return s.checkFolding(func(*folder) bool { return true })
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

// pathError puts the user's path to an error that the system caused; others are told by Error.
func pathError(op, path string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return recovery.PathError(op, path, err)
	}
	return err
}

func (s *scan) op(i int, o *op) error {
	if o.back != nil {
		return s.restore(i, o)
	}
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
