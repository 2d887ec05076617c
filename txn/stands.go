package txn

import (
	"slices"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// firstLook is the look at the tree without the lock, kept until the lock is there.
type firstLook struct {
	since string // the stamp before it
	scan  *scan
	steps []step
}

// restingStamp returns the stamp of a store in whose tree there is no half of a transaction now, or nothing.
func restingStamp(state *fsys.Dir) string {
	view, err := state.Open(viewFile)
	if err != nil {
		return ""
	}
	defer view.Close()
	stamp, _ := recovery.AtRest(state, view)
	return stamp
}

// stands says that the look does for the one under the lock: nobody has committed since before it, or recovered, and what is
// to be changed is as it was seen. A foreign program may have changed what was found in place: that is as if it did so after
// the commit. Where there are conditions, or sources that go because the tree has what they have, the tree is looked at again.
func (f *firstLook) stands(ses *session) bool {
	if ses.made || len(f.scan.checks) > 0 || slices.ContainsFunc(f.scan.tx.ops, consumes) {
		return false
	}
	stamp, ok := recovery.AtRest(ses.env.State, ses.env.View)
	return ok && stamp == f.since && f.scan.asSeen(f.steps)
}

// asSeen looks again at what steps are to change, and at the folders on the way there. It says no where links are on the way, and where
// a folder goes with all that is in it.
func (s *scan) asSeen(steps []step) bool {
	if len(steps) == 0 {
		return true
	}
	seen := map[*folder]bool{s.res.root: s.res.unchanged(s.res.root)}
	for i := range steps {
		w := steps[i].want
		if w.said() != w.full || w.endsFolder() || w.from != nil && w.from.info.Kind == fsys.Folder || !s.res.asSeen(w.folder, seen) {
			return false
		}
		if now, err := s.res.stat(w.folder, w.name()); err != nil || now != *w.info {
			return false
		}
	}
	return true
}

// asSeen says that a folder and those above it are what they were, and so the root of no store that is new.
func (r *resolver) asSeen(f *folder, seen map[*folder]bool) bool {
	as, known := seen[f]
	if !known {
		as = r.asSeen(f.parent, seen) && r.unchanged(f)
		seen[f] = as
	}
	return as
}

// unchanged says that a folder is what it was. One that was missing is, if its parent is.
func (r *resolver) unchanged(f *folder) bool {
	if !f.info.Exists() {
		return true
	}
	d, err := r.handle(f)
	if err != nil {
		return false
	}
	now, err := d.Self()
	return err == nil && now == f.info
}
