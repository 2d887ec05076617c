package recovery

import (
	"slices"
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
		if r.fresh {
			return refuse("remove", path, errTaken)
		}
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
	var err error
	if !r.fresh { // else our rename was a whole one; only a power cut shows half of it
		err = r.endHalfRemove(s, sub, o)
	}
	if o.Kind != fsys.Folder && o.Nlink > 1 {
		s.Flags |= journal.Relinked // somebody has given it another name since it was looked at: see Record.Hasty
	}
	return err
}

// endHalfRemove deals with a rename out of the tree that a power cut has shown half of: T and N.old are one file.
func (r *Run) endHalfRemove(s *journal.Step, sub *fsys.Dir, o fsys.Info) error {
	path := r.rec.Path(s)
	tree, t, err := r.target(s, s.Parent, s.Name)
	if wentAway(err) && o.Nlink > 1 && s.Flags&journal.Relinked == 0 {
		return err // T's half of it is there still, wherever that is
	}
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
	ours, err := r.takeOut(s, sub, tree, o)
	if err != nil || ours {
		return asRefused("remove", path, err)
	}
	return differs(s, path, whyReplaced)
}

// takeOut takes T, the second name of a half-done rename, out of the tree. What is there is not unlinked but brought to
// N.out, where it can be looked at: if it is somebody's by now it goes back.
func (r *Run) takeOut(s *journal.Step, sub, tree *fsys.Dir, half fsys.Info) (ours bool, err error) {
	name := OutName(s.Num)
	i, err := sub.Stat(name)
	if err == nil && i.ID == half.ID { // of a try that was cut
		err = sub.Unlink(name)
	} else if err == nil && i.Exists() {
		if err = r.displace(s, sub, name); err == nil {
			err = r.env.Displaced.Sync()
		}
	}
	if err == nil {
		err = tree.RenameNoReplace(s.Name, sub, name)
	}
	if isGone(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if i, err = sub.Stat(name); err != nil {
		return false, err
	}
	if i.ID == half.ID {
		return true, sub.Unlink(name)
	}
	err = sub.RenameNoReplace(name, tree, s.Name)
	if err == syscall.EEXIST {
		err = nil // a third one is there: this one goes to displaced/
	}
	return false, err
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
	if slices.ContainsFunc(names, func(n string) bool { return !journal.IsOuter(n) }) {
		return &refused{Conflict(path, whyFilled)}
	}
	return nil
}
