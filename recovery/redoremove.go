package recovery

import (
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// redoRemove takes T out of the tree, over the placeholder at N.old.
func (r *Run) redoRemove(s *journal.Step) error {
	path, name := r.rec.Path(s), OldName(s.Num)
	sub, err := r.sub(s.Sub)
	if err != nil {
		return r.unclear("open", path, err)
	}
	o, err := statIn(sub, name)
	if err != nil {
		return r.unclear("stat", path, err)
	}
	if inode(o) != s.New {
		return r.checkRemoved(s, sub, o)
	}
	tree, t, err := r.target(s, s.Parent, s.Name)
	if err != nil {
		return err
	}
	if !r.asRecorded(s, t) {
		if err := differs(s, path, whyReplaced); err != nil {
			return err
		}
	}
	if !same(t, s.Old) {
		return nil // gone already, or somebody's: it stays
	}
	err = tree.Rename(s.Name, sub, name)
	if err == syscall.ENOENT {
		return differs(s, path, whyReplaced)
	}
	if err != nil {
		return refuse("remove", path, err)
	}
	if o, err = sub.Stat(name); err != nil {
		return r.unclear("stat", path, err)
	}
	if !untouched(o, s.Old) {
		if err := differs(s, path, whyReplaced); err != nil {
			return err
		}
	}
	return r.checkRemoved(s, sub, o)
}

// checkRemoved compares what a remove took out, which is at N.old now.
func (r *Run) checkRemoved(s *journal.Step, sub *fsys.Dir, o fsys.Info) error {
	if !o.Exists() {
		return nil
	}
	path := r.rec.Path(s)
	if !same(o, s.Old) {
		return differs(s, path, whyReplaced)
	}
	if s.Flags&journal.Empty != 0 {
		return r.checkEmpty(s, sub)
	}
	if r.fresh {
		return nil // our rename was a whole one; only a power cut shows half of it
	}
	return r.endHalfRemove(s, o)
}

// endHalfRemove deals with a rename out of the tree that a power cut has shown half of: T and N.old are one file.
func (r *Run) endHalfRemove(s *journal.Step, o fsys.Info) error {
	path := r.rec.Path(s)
	tree, t, err := r.target(s, s.Parent, s.Name)
	if wentAway(err) {
		return nil // T went where its folder went
	}
	if err != nil {
		return err
	}
	if !same(t, s.Old) {
		return nil
	}
	if o.Kind == fsys.Folder {
		return errors.Newf("%s: a directory is seen at two names", path)
	}
	return asRefused("remove", path, tree.Unlink(s.Name))
}

func (r *Run) checkEmpty(s *journal.Step, sub *fsys.Dir) error {
	path := r.rec.Path(s)
	d, err := sub.Sub(OldName(s.Num))
	if err != nil {
		return r.unclear("open", path, err)
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return r.unclear("read", path, err)
	}
	if len(names) > 0 {
		return &refused{Conflict(path, whyFilled)}
	}
	return nil
}
