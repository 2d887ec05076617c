package txn

import (
	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// moment is one at which the tree showed no half of a transaction: which puts its journal had seen by then. While they are
// no more, nobody has changed the tree but foreign programs.
type moment struct {
	serial  uint64
	journal fsys.ID
}

// still returns the present moment. It fails while a transaction is being committed, and after one that was left half-way:
// who does steps has the view lock, and a stamp that is clean says that none was left. Nothing waits for it but the blink of
// an eye.
func still(state *fsys.Dir) (m moment, ok bool) {
	view, err := state.Open(viewFile)
	if err != nil {
		return m, false
	}
	defer view.Close()
	if free, err := fsys.TryLock(view, false); err != nil || !free {
		return m, false
	}
	i, err := state.Stat(journalFile)
	if err != nil {
		return m, false
	}
	m.journal = i.ID
	m.serial, ok = recovery.AtRest(state, view)
	return m, ok
}

// firstLook is the look at the tree without the lock, kept until the lock is there.
type firstLook struct {
	since moment // the look began after it
	scan  *scan  // without handles
	steps []step
}

// stands says that the look does for the one under the lock: nobody has committed since before it, and what is to be changed
// is as it was seen. A foreign program may have changed what was found in place: that is as if it did so after the commit.
// Conditions are checked under the lock in any case, and what goes with a folder is listed there.
func (f *firstLook) stands(ses *session) bool {
	if ses.ended || len(f.scan.checks) > 0 {
		return false
	}
	serial, err := ses.env.DB.Serial()
	if err != nil || serial != f.since.serial {
		return false
	}
	if i, err := ses.env.State.Stat(journalFile); err != nil || i.ID != f.since.journal {
		return false
	}
	return f.scan.asSeen(f.steps)
}

// asSeen looks again at what steps are to change, and at the folders that it is in.
func (s *scan) asSeen(steps []step) bool {
	seen := map[*folder]bool{}
	for i := range steps {
		w := steps[i].want
		if w.endsFolder() || w.from != nil && w.from.info.Kind == fsys.Folder {
			return false
		}
		if f := w.folder; !seen[f] {
			if seen[f] = true; !s.res.asSeen(f) {
				return false
			}
		}
		now, err := s.res.stat(w.folder, w.name())
		if err != nil || now != *w.info {
			return false
		}
	}
	return true
}

// asSeen says that a folder is what it was.
func (r *resolver) asSeen(f *folder) bool {
	if !f.info.Exists() {
		return true // its parent, or one above that, comes with a step of its own
	}
	d, err := r.handle(f)
	if err != nil {
		return false
	}
	now, err := d.Self()
	return err == nil && now == f.info
}
