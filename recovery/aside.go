package recovery

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// putAside moves to displaced/ whatever is in the stage folder that is neither ours nor exactly the old content that
// the transaction replaced, and makes that durable. It runs after barrier 3 and before the record goes: a user's file
// that was swapped out is the last copy there is.
func (r *Run) putAside() error {
	touched := map[uint32]bool{}
	for i := range r.rec.Steps {
		s := &r.rec.Steps[i]
		if s.Kind != journal.Install && s.Kind != journal.Remove {
			continue
		}
		sub, err := r.sub(s.Sub)
		if err != nil {
			return err
		}
		if sub == nil {
			continue
		}
		moved, err := r.putStepAside(s, sub)
		if err != nil {
			return PathError("keep", r.rec.Path(s), err)
		}
		if moved {
			touched[s.Sub] = true
		}
	}
	if len(touched) == 0 {
		return nil
	}
	if err := r.env.Displaced.Sync(); err != nil {
		return PathError("sync", displacedPath, err)
	}
	for i := range touched {
		d, err := r.sub(i)
		if err != nil {
			return err
		}
		if err := d.Sync(); err != nil {
			return PathError("sync", displacedPath, err)
		}
	}
	return nil
}

const displacedPath = journal.StateFolder + "/" + DisplacedFolder

func (r *Run) putStepAside(s *journal.Step, sub *fsys.Dir) (bool, error) {
	names := []string{NewName(s.Num)}
	noExchange := s.Kind == journal.Install && s.Flags&journal.Exchange == 0
	if s.Kind == journal.Remove {
		names[0] = OldName(s.Num)
	} else if noExchange {
		names = append(names, OldName(s.Num))
	}
	if noExchange || !r.fresh { // somebody may have put a file at T, also where nothing was recorded
		names = append(names, OutName(s.Num))
	}
	var moved bool
	for _, name := range names {
		i, err := sub.Stat(name)
		if err != nil {
			return moved, err
		}
		throw, err := r.mayThrow(s, sub, name, i)
		if err != nil {
			return moved, err
		}
		if throw {
			continue
		}
		if err := r.displace(s, sub, name); err != nil {
			return moved, err
		}
		moved = true
	}
	return moved, nil
}

// mayThrow says that what is at name in the stage folder is nobody's loss.
func (r *Run) mayThrow(s *journal.Step, sub *fsys.Dir, name string, i fsys.Info) (bool, error) {
	switch {
	case !i.Exists():
		return true, nil
	case inode(i) == s.New && s.Kind == journal.Remove:
		return true, nil // the placeholder
	case inode(i) == s.New:
		return r.mayThrowNew(s, sub, name, i)
	case !untouched(i, s.Old):
		return false, nil
	case r.rec.State != journal.Decided:
		return r.atTarget(s, i) // the old file that did not get back
	case i.Kind == fsys.Folder:
		w, err := WalkFolder(sub, name)
		return err == nil && w.Digest == s.Old.Walk, err
	}
	return true, nil
}

// mayThrowNew is mayThrow for what we staged: it is ours, unless it is the user's file under a second name and has lost
// its first, or somebody has edited it, or put something into it, while it was in the tree.
func (r *Run) mayThrowNew(s *journal.Step, sub *fsys.Dir, name string, i fsys.Info) (bool, error) {
	if s.Flags&journal.Linked != 0 {
		return i.Nlink > 1, nil
	}
	if r.rec.State == journal.Decided {
		return true, nil
	}
	if i.Kind != fsys.Folder {
		return Unbroken(i, s.Walk), nil
	}
	w, err := WalkFolder(sub, name)
	return err == nil && w.Digest == s.Walk, err
}

// atTarget says that the file is in the tree too (without exchange, N.old is its second name).
func (r *Run) atTarget(s *journal.Step, i fsys.Info) (bool, error) {
	d, err := r.parent(s.Parent)
	if err != nil {
		return false, nil
	}
	t, err := d.Stat(s.Name)
	return err == nil && t.ID == i.ID, err
}

// displace moves name to a fresh name in displaced/.
func (r *Run) displace(s *journal.Step, sub *fsys.Dir, name string) error {
	base := r.rec.ID.String() + "-" + strconv.FormatUint(uint64(s.Num), 10)
	for n := 0; ; n++ {
		fresh := base + "-" + s.Name
		if n > 0 {
			fresh = base + "." + strconv.Itoa(n) + "-" + s.Name
		}
		if len(fresh) > 255 {
			fresh = strings.TrimRight(strings.ToValidUTF8(fresh[:255], ""), ". ") // no part of a letter, nor an end that Windows trims
		}
		err := sub.RenameNoReplace(name, r.env.Displaced, fresh)
		if err == syscall.EXDEV {
			err = moveAcross(sub, name, r.env.Displaced, fresh, r.rec.ID.String()+".part")
		}
		if errors.Is(err, syscall.EEXIST) {
			continue
		}
		if err == nil {
			r.displaced = append(r.displaced, displacedPath+"/"+fresh)
		}
		if s.Kind == journal.Move {
			return below(r.rec.Parents[s.ToParent].Path, err)
		}
		return below(r.rec.Subs[s.Sub].Name, err)
	}
}
