package txn

import (
	"io/fs"
	"path"
	"slices"
	"syscall"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn/manifest"
)

// clashAbove finds the op that ends on a file above the path of op i: the two would not go together either if the
// file were not there yet.
func (s *scan) clashAbove(i int) error {
	for _, p := range s.tx.ops[i].ends() {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			j := s.tx.lastOn(dir)
			if j < 0 {
				continue
			}
			below, above := opOn(i, p), opOn(j, dir)
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

// lastOn finds the last op that ends on a path, -1 if none does.
func (tx *Tx) lastOn(p string) int {
	for i := len(tx.ops) - 1; i >= 0; i-- {
		if slices.Contains(tx.ops[i].ends(), p) {
			return i
		}
	}
	return -1
}

// put adds a want and the missing parents of its path. Two wants of one path are a clash, but for the few that go
// together.
func (s *scan) put(w *want) error {
	if w.kind != wantGone {
		if err := s.putParents(w); err != nil {
			return err
		}
	}
	old := s.byPath.find(w.full)
	switch {
	case old == nil:
		s.byPath.put(w)
		s.compareEarly(w)
	case old.kind == wantFolder && old.implied && w.kind == wantFolder:
		w.implied = w.implied && old.implied
		s.byPath.put(w)
	case old.kind == wantFolder && w.kind == wantFolder && w.implied:
	case old.kind == wantGone && old.vacated && w.makes(),
		old.kind == wantGone && (w.kind == wantLinked || w.kind == wantMoved):
		w.vacated, w.movedAway, w.empty = true, old.vacated && old.info.Kind == fsys.Folder, old.empty
		s.byPath.put(w)
	case w.kind == wantGone && !old.vacated && (w.vacated && old.makes() || old.kind == wantLinked || old.kind == wantMoved):
		old.vacated, old.movedAway, old.empty = true, w.vacated && w.info.Kind == fsys.Folder, w.empty
	case w.implied:
		return s.clash(w.child, old, "cannot go together: a file cannot be the parent of a path")
	case old.implied:
		return s.clash(w, old.child, "cannot go together: a file cannot be the parent of a path")
	default:
		return s.clash(w, old, "both end on "+w.full)
	}
	return nil
}

func (s *scan) putParents(w *want) error {
	f := w.folder
	if f.info.Exists() || f.parent == nil {
		return nil
	}
	if old := s.byPath.find(f.path); old != nil && old.kind == wantFolder {
		return nil
	}
	return s.put(newWant(newPlace(f.parent, f.path, nothing), path.Dir(w.said()), want{
		kind: wantFolder, op: w.op, perm: 0o777, implied: true, special: &special{child: w},
	}))
}

const belowTaken = "cannot go together: one is below what the other removes, renames or replaces"

// clash is the error about two ops that cannot be in one transaction.
func (s *scan) clash(a, b *want, why string) error {
	if a.op < b.op {
		a, b = b, a
	}
	err := invalidf("op %d (%s %s) and op %d (%s %s) %s",
		b.op, b.opName(s.tx.ops), b.said(), a.op, a.opName(s.tx.ops), a.said(), why)
	return &Error{Op: a.op, Path: a.said(), Err: err}
}

// checkClashes refuses ops below what another op takes away or replaces, and renames onto what stays. Of many errors it
// returns that of the first op, so that it is the same one each time.
func (s *scan) checkClashes() error {
	var first *Error
	for _, w := range s.byPath.items {
		err := s.checkAbove(w)
		if err == nil {
			err = s.checkFree(w)
		}
		if err == nil {
			continue
		}
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Op: w.op, Path: w.said(), Err: err}
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
			return s.clash(w, opOn(i, s.tx.ops[i].Path()), "cannot go together: one is below what the other prunes; exclude it there")
		}
		up := s.byPath.find(f.path)
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
		return &fs.PathError{Op: "rename", Path: w.said(), Err: syscall.EEXIST}
	}
	if !w.replace {
		return pathError("rename", w.said(), errors.Wrap(syscall.EEXIST, `only a rename with "replace": true replaces a file`))
	}
	return nil
}
