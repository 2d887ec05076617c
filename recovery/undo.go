package recovery

import (
	"strings"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// undo takes one step back as far as it is ours. What is somebody else's by now stays where it is; our part is left in
// the stage folder, for displaced/. It works through the handles: a folder that was moved away is undone where it is.
func (r *Run) undo(s *journal.Step) error {
	path := r.rec.Path(s)
	tree, err := r.parent(s.Parent)
	if err != nil {
		return r.cannotUndo(s, path, err)
	}
	t, err := tree.Stat(s.Name)
	if err != nil {
		return PathError("stat", path, err)
	}
	switch s.Kind {
	case journal.Install:
		err = r.undoInstall(s, tree, t)
	case journal.Remove:
		err = r.undoRemove(s, tree, t)
	case journal.Chmod:
		if same(t, s.Old) && t.Mode == uint32(s.Mode) {
			err = tree.Chmod(s.Name, t.ID, uint32(s.Was))
		}
	case journal.Move:
		err = r.undoMove(s, tree, t)
	}
	return PathError("restore", path, err)
}

// cannotUndo decides about a step whose folder is not to be found: a step that was never done needs no undo.
func (r *Run) cannotUndo(s *journal.Step, path string, err error) error {
	if s.Kind == journal.Install || s.Kind == journal.Remove {
		sub, serr := r.sub(s.Sub)
		if serr != nil {
			return PathError("open", path, serr)
		}
		name := NewName(s.Num)
		if s.Kind == journal.Remove {
			name = OldName(s.Num)
		}
		if i, serr := statIn(sub, name); serr == nil && inode(i) == s.New && !halfInstalled(s, i) {
			return nil
		}
	}
	return PathError("open", path, err)
}

// halfInstalled says that T may be the second name of the staged file n, as a power cut shows half of a rename, wherever T's
// folder is. A file of ours has no other name. A user's may have some, and does not tell: only an exchange is never half done.
func halfInstalled(s *journal.Step, n fsys.Info) bool {
	if s.Kind != journal.Install || n.Kind == fsys.Folder {
		return false
	}
	if s.Flags&journal.Linked != 0 {
		return s.Flags&journal.Exchange == 0 || s.Old.Kind == 0
	}
	return n.Nlink > 1
}

func (r *Run) undoInstall(s *journal.Step, tree *fsys.Dir, t fsys.Info) error {
	if inode(t) != s.New {
		return nil
	}
	sub, err := r.sub(s.Sub)
	if err != nil {
		return err
	}
	name := NewName(s.Num)
	n, err := statIn(sub, name)
	if err != nil {
		return err
	}
	switch {
	case inode(n) == s.New: // both names of a half-done rename
		if n.Kind == fsys.Folder {
			return errors.New("a directory is seen at two names")
		}
		switch {
		case s.Old.Kind == 0 || s.Flags&(journal.Linked|journal.Exchange) == journal.Exchange:
			_, err := r.takeOut(s, sub, tree, n)
			return err
		case s.Flags&journal.Exchange == 0:
			return sub.Rename(OldName(s.Num), tree, s.Name) // takes the place of T's second half
		}
		return nil
	case n.Exists():
		if err = tree.Exchange(s.Name, sub, name); err == syscall.ENOENT {
			return nil // as below
		}
		return err
	case s.Flags&journal.Exchange == 0 && s.Old.Kind != 0:
		if err := keepNew(s, tree, sub, t); err != nil {
			return err
		}
		return sub.Rename(OldName(s.Num), tree, s.Name)
	}
	err = tree.RenameNoReplace(s.Name, sub, name)
	if err == syscall.ENOENT {
		return nil // T went away this very moment, by somebody else
	}
	return err
}

// keepNew gives the new file at T its name in the stage folder back, where a rename is about to take its last one and it is
// not ours alone: somebody has edited it there, or it is a renamed file whose old name somebody has taken. It goes to
// displaced/. Links are made where they are needed only: an undo takes no space otherwise.
func keepNew(s *journal.Step, tree, sub *fsys.Dir, t fsys.Info) error {
	ours := Unbroken(t, s.Walk)
	if s.Flags&journal.Linked != 0 {
		ours = t.Nlink > 1
	}
	if ours {
		return nil
	}
	if err := tree.Link(s.Name, sub, NewName(s.Num)); err != nil && err != syscall.EEXIST {
		return err
	}
	return sub.Sync() // before the rename: a power cut could keep that alone
}

func (r *Run) undoRemove(s *journal.Step, tree *fsys.Dir, t fsys.Info) error {
	sub, err := r.sub(s.Sub)
	if err != nil {
		return err
	}
	name := OldName(s.Num)
	o, err := statIn(sub, name)
	switch {
	case err != nil:
		return err
	case !o.Exists() || inode(o) == s.New:
		return nil
	case t.Exists() && t.ID == o.ID:
		if o.Kind == fsys.Folder {
			return errors.New("a directory is seen at two names")
		}
		if same(o, s.Old) {
			return sub.Unlink(name)
		}
		return nil
	case t.Exists():
		return nil
	}
	err = sub.RenameNoReplace(name, tree, s.Name)
	if err == syscall.EEXIST {
		return nil // somebody's by now: ours goes to displaced/
	}
	return err
}

func (r *Run) undoMove(s *journal.Step, from *fsys.Dir, t fsys.Info) error {
	to, err := r.parent(s.ToParent)
	if wentAway(err) && !same(t, s.Old) {
		if to, err = r.stagedParent(s.ToParent, err); err == nil {
			defer to.Close()
		}
	}
	if err != nil {
		if same(t, s.Old) {
			return nil
		}
		return err
	}
	at, err := to.Stat(s.ToName)
	if err != nil {
		return err
	}
	if !same(at, s.Old) {
		if same(t, s.Old) {
			return nil
		}
		return r.env.Displaced.Sync() // removed by somebody, or put there by a recovery that was cut
	}
	if same(t, s.Old) {
		return errors.New("a directory is seen at two names")
	}
	err = to.RenameNoReplace(s.ToName, from, s.Name)
	if err != syscall.EEXIST {
		return err
	}
	// The old name is somebody's by now, and the new one must not stay.
	if err := r.displace(s, to, s.ToName); err != nil {
		return err
	}
	return r.env.Displaced.Sync() // to is synced by barrier 3
}

// stagedParent opens a target folder that came with the transaction and is in the stage folder, still or again: of its way
// into the tree and of a move into it, a power cut may leave the move alone. Without one the error stays as it is.
func (r *Run) stagedParent(i uint32, err error) (*fsys.Dir, error) {
	p := &r.rec.Parents[i]
	for j := range r.rec.Steps {
		s := &r.rec.Steps[j]
		below, within := strings.CutPrefix(p.Path+"/", r.rec.Path(s)+"/")
		if s.Kind != journal.Install || !within {
			continue
		}
		sub, serr := r.sub(s.Sub)
		if serr != nil || sub == nil {
			continue
		}
		d, serr := sub.Beneath(strings.TrimSuffix(NewName(s.Num)+"/"+below, "/"))
		if serr != nil {
			continue
		}
		if self, serr := d.Self(); serr == nil && inode(self) == p.Inode {
			return d, nil
		}
		_ = d.Close()
	}
	return nil, err
}
