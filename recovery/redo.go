package recovery

import (
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// refused is a reason to undo the transaction. Any other error of redo leaves it incomplete.
type refused struct{ cause error }

func (e *refused) Error() string { return e.cause.Error() }
func (e *refused) Unwrap() error { return e.cause }

// unclear is an error of a look, not of an act. A fresh transaction is undone because of it; in recovery it says nothing
// about the transaction, which stays as it is until the look works.
func (r *Run) unclear(op, path string, err error) error {
	err = PathError(op, path, err)
	if r.fresh {
		return &refused{err}
	}
	return err
}

func refuse(op, path string, err error) error { return &refused{PathError(op, path, err)} }

// differs is the answer to a target that is not as recorded: under an expectation the transaction is undone, else we
// go on.
func differs(s *journal.Step, path, why string) error {
	if s.Flags&journal.Expect == 0 {
		return nil
	}
	return &refused{Conflict(path, why)}
}

const (
	whyReplaced = "was changed by another program meanwhile"
	whyFilled   = "directory is not empty any more"
)

// errTaken is about a step that this process has prepared and not done, and that looks done.
var errTaken = errors.New("its staged file was deleted by another program")

// redo does one step unless it is done.
func (r *Run) redo(s *journal.Step) error {
	switch s.Kind {
	case journal.Install:
		return r.redoInstall(s)
	case journal.Remove:
		return r.redoRemove(s)
	case journal.Chmod:
		return r.redoChmod(s)
	case journal.Move:
		return r.redoMove(s)
	}
	return errors.AssertionFailedf("step of kind %d", s.Kind)
}

// maxTries bounds how often a rename is tried against somebody, or a file system, that always says otherwise.
const maxTries = 1000

// redoInstall brings N.new to T. It looks, acts and looks again; when somebody is quicker it starts over.
func (r *Run) redoInstall(s *journal.Step) error {
	path := r.rec.Path(s)
	sub, err := r.sub(s.Sub)
	if err != nil {
		return r.unclear("open", path, err)
	}
	if done, err := r.installUnseen(s, sub); done {
		return asRefused("replace", path, err)
	}
	for tries := 1; ; tries++ {
		n, err := statIn(sub, NewName(s.Num))
		if err != nil {
			return r.unclear("stat", path, err)
		}
		if inode(n) != s.New {
			if r.fresh {
				return refuse("replace", path, errTaken)
			}
			return r.checkInstalled(s, n, false)
		}
		tree, t, err := r.target(s, s.Parent, s.Name)
		if err != nil {
			return err
		}
		err = r.install(s, sub, tree, n, t)
		came := err == syscall.EEXIST || err == syscall.ENOENT // T came or went between the look and the rename
		switch {
		case came && tries < maxTries:
			continue
		case came:
			return refuse("replace", path, err)
		case err != nil:
			return err
		}
		if n, err = sub.Stat(NewName(s.Num)); err != nil {
			return r.unclear("stat", path, err)
		}
		return r.checkInstalled(s, n, true)
	}
}

// installUnseen brings N.new to T without a look, if that can be: this process has just staged N.new, and where nothing
// is expected of T, whatever is there may come out, since it is compared before it is thrown away. What does not fit in
// is for the looks of redoInstall to tell.
func (r *Run) installUnseen(s *journal.Step, sub *fsys.Dir) (done bool, err error) {
	if !r.fresh || s.Flags&journal.Expect != 0 || sub == nil {
		return false, nil
	}
	tree, err := r.parent(s.Parent)
	if err != nil || r.checkParent(s.Parent) != nil {
		return false, nil
	}
	switch {
	case s.Old.Kind == 0:
		err = sub.RenameNoReplace(NewName(s.Num), tree, s.Name)
	case s.Flags&journal.Exchange != 0:
		err = tree.Exchange(s.Name, sub, NewName(s.Num))
	default:
		return false, nil
	}
	return err != syscall.EEXIST && err != syscall.ENOENT, err
}

// install does the one call that brings N.new (which is n) to T (where t is). EEXIST and ENOENT mean that t is outdated.
func (r *Run) install(s *journal.Step, sub, tree *fsys.Dir, n, t fsys.Info) error {
	path, name := r.rec.Path(s), NewName(s.Num)
	if inode(t) == s.New {
		// Both names, one inode: the rename was half done when the power failed.
		if n.Kind == fsys.Folder {
			return errors.Newf("%s: a directory is seen at two names", path)
		}
		if s.Flags&journal.Linked == 0 || s.Old.Kind == 0 {
			return asRefused("replace", path, sub.Unlink(name))
		}
		return nil // a file of the user's that was at both names before: nothing to do, nothing to unlink
	}
	if !r.asRecorded(s, t) {
		if err := differs(s, path, whyReplaced); err != nil {
			return err
		}
	}
	var err error
	switch {
	case !t.Exists():
		err = sub.RenameNoReplace(name, tree, s.Name)
	case s.Flags&journal.Exchange != 0:
		err = tree.Exchange(s.Name, sub, name)
	case s.Old.Kind == 0:
		// Nothing was recorded at T, so nobody has looked whether names can be exchanged here. A rename could not put a
		// folder in the place of the file that somebody has made there.
		if err = tree.Exchange(s.Name, sub, name); err == fsys.ErrUnsupported {
			err = r.replace(s, sub, tree, t)
		}
	default:
		err = r.replace(s, sub, tree, t)
	}
	if err == syscall.EEXIST && !t.Exists() || err == syscall.ENOENT && t.Exists() {
		if s.Flags&journal.Expect != 0 {
			return &refused{Conflict(path, whyReplaced)}
		}
		return err
	}
	return asRefused("replace", path, err)
}

// replace is the install over an existing file where the file system cannot exchange names. N.old is a link to the
// recorded file; anybody else's gets one at N.out.
func (r *Run) replace(s *journal.Step, sub, tree *fsys.Dir, t fsys.Info) error {
	if !same(t, s.Old) {
		if err := r.keepOther(s, sub, tree, t); err != nil {
			return err
		}
	}
	return sub.Rename(NewName(s.Num), tree, s.Name)
}

// keepOther gives what somebody has put at T a second name, N.out, and makes that durable: of the link and the rename that
// follows, a power cut may leave the rename alone. A N.out of an earlier try that is somebody else's goes aside.
func (r *Run) keepOther(s *journal.Step, sub, tree *fsys.Dir, t fsys.Info) error {
	name := OutName(s.Num)
	err := tree.Link(s.Name, sub, name)
	if err == syscall.EEXIST {
		var out fsys.Info
		if out, err = sub.Stat(name); err == nil && out.ID != t.ID {
			err = r.displace(s, sub, name)
			if err == nil {
				err = r.env.Displaced.Sync()
			}
			if err == nil {
				err = tree.Link(s.Name, sub, name)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := sub.Sync(); !errors.Is(err, fsys.ErrUnsupported) {
		return err
	}
	return nil
}

// checkInstalled compares what came out of an install. Right after the exchange an edit in place counts too; later
// only the identity does, since the transaction may have been acknowledged.
func (r *Run) checkInstalled(s *journal.Step, out fsys.Info, now bool) error {
	if !out.Exists() || inode(out) == s.New {
		return nil
	}
	if now && !untouched(out, s.Old) || !same(out, s.Old) {
		return differs(s, r.rec.Path(s), whyReplaced)
	}
	return nil
}

func (r *Run) redoChmod(s *journal.Step) error {
	path := r.rec.Path(s)
	tree, t, err := r.target(s, s.Parent, s.Name)
	if err != nil {
		return err
	}
	if !same(t, s.Old) || s.Flags&journal.Expect != 0 && !r.asRecorded(s, t) {
		return differs(s, path, whyReplaced)
	}
	if t.Mode == uint32(s.Mode) {
		return nil
	}
	err = tree.Chmod(s.Name, t.ID, uint32(s.Mode))
	if err == syscall.ESTALE || err == syscall.ENOENT {
		return differs(s, path, whyReplaced)
	}
	return asRefused("chmod", path, err)
}

func (r *Run) redoMove(s *journal.Step) error {
	path := r.rec.Path(s)
	to, at, err := r.target(s, s.ToParent, s.ToName)
	if err != nil {
		return err
	}
	from, t, err := r.target(s, s.Parent, s.Name)
	if err != nil {
		return err
	}
	switch {
	case same(at, s.Old) && same(t, s.Old):
		return errors.Newf("%s: a directory is seen at two names", path)
	case same(at, s.Old):
		return nil
	case !same(t, s.Old) && r.fresh:
		return &refused{Conflict(path, whyReplaced)} // nobody has moved it for us
	case !same(t, s.Old):
		return differs(s, path, whyReplaced)
	}
	err = from.RenameNoReplace(s.Name, to, s.ToName)
	if err == syscall.EEXIST {
		return &refused{Conflict(r.rec.ToPath(s), "exists")}
	}
	return asRefused("rename", path, err)
}

// asRecorded says whether t is what was recorded; in recovery, and under an expectation, also unedited.
func (r *Run) asRecorded(s *journal.Step, t fsys.Info) bool {
	if r.fresh && s.Flags&journal.Expect == 0 {
		return same(t, s.Old)
	}
	return untouched(t, s.Old)
}

// target looks at a name in a target folder, whose path must still lead to it.
func (r *Run) target(s *journal.Step, parent uint32, name string) (*fsys.Dir, fsys.Info, error) {
	path := r.rec.Path(s)
	d, err := r.parent(parent)
	if err == nil {
		err = r.checkParent(parent)
	}
	if err != nil {
		return nil, fsys.Info{}, r.unclear("open", path, err)
	}
	t, err := d.Stat(name)
	if err != nil {
		return nil, t, r.unclear("stat", path, err)
	}
	return d, t, nil
}

func asRefused(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var already *refused
	if errors.As(err, &already) {
		return err
	}
	return refuse(op, path, err)
}
