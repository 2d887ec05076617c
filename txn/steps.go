package txn

import (
	"slices"
	"strings"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// step is a step to be: a want, and what is done about it.
type step struct {
	*want
	kind journal.StepKind
	// old is what is at the target when the step runs: what was seen there, or nothing if another step takes it away.
	old *fsys.Info
}

// renames says that the step brings something from another name.
func (s *step) renames() bool {
	return s.kind == journal.Move || s.kind == journal.Install && s.want.kind == wantLinked
}

// class is the order of the steps as far as nothing else decides: new content and folders first, so that a name that
// is only replaced never misses; what goes, goes last; modes of folders at the very end, since they may lock us out.
func (s *step) class() int {
	switch s.kind {
	case journal.Install:
		return 0
	case journal.Chmod:
		if s.info.Kind == fsys.Folder {
			return 4
		}
		return 1
	case journal.Remove:
		return 2
	case journal.Move:
		return 3
	}
	return 5
}

// steps turns the wants into steps in the order in which they are done. It is pure: all it needs was seen by the scan.
func (s *scan) steps() ([]step, error) {
	s.nest()
	var steps []step
	for _, w := range s.sorted() {
		steps = append(steps, stepsOf(w)...)
	}
	slices.SortStableFunc(steps, compareSteps)
	return s.sortByDeps(steps)
}

// sorted returns the wants by path: a folder before what is in it.
func (s *scan) sorted() []*want {
	s.byPath.sort()
	return s.byPath.items
}

// nest finds what is staged inside a new folder, and comes into the tree with it.
func (s *scan) nest() {
	for _, w := range s.sorted() {
		up := s.byPath.find(w.folder.path)
		if up == nil || up.kind != wantFolder {
			w.folder.inside = nil
			continue
		}
		if w.folder.inside = up.inside(); w.folder.inside == nil {
			w.folder.inside = up
		}
	}
}

// stepsOf says what is done about one want.
func stepsOf(w *want) []step {
	old := w.info
	switch w.kind {
	case wantSame:
		return nil
	case wantMode:
		return []step{{want: w, kind: journal.Chmod, old: old}}
	case wantGone:
		if !old.Exists() || old.Kind == fsys.Folder && w.vacated {
			return nil // gone already, or moved by the step at the new name
		}
		return []step{{want: w, kind: journal.Remove, old: old}}
	case wantMoved:
		move := step{want: w, kind: journal.Move, old: w.from.info}
		if !old.Exists() || old.Kind == fsys.Folder && w.movedAway {
			return []step{move}
		}
		return []step{{want: w, kind: journal.Remove, old: old}, move}
	case wantFile, wantLink, wantFolder, wantLinked:
	}
	if w.inside() != nil || w.kind == wantLinked && old.ID == w.from.info.ID {
		return nil
	}
	if old.Kind == fsys.Folder && w.movedAway {
		old = &nothing
	}
	return []step{{want: w, kind: journal.Install, old: old}}
}

func compareSteps(a, b step) int {
	if c := a.class() - b.class(); c != 0 {
		return c
	}
	c := strings.Compare(a.path(), b.path())
	if a.kind == journal.Remove || a.class() == 4 {
		return -c // the deepest first
	}
	return c
}

// sortByDeps puts each step after those it depends on, and keeps the order otherwise.
func (s *scan) sortByDeps(steps []step) ([]step, error) {
	d := depsOf(steps)
	if len(d.ends) == 0 {
		return steps, nil
	}
	const visiting, visited = 1, 2
	marks := make([]uint8, len(steps))
	out := make([]step, 0, len(steps))
	var visit func(i int) error
	visit = func(i int) error {
		st := &steps[i]
		switch marks[i] {
		case visited:
			return nil
		case visiting:
			return &Error{Op: st.op, Path: st.said(), Err: invalidf(
				"directories cannot be renamed in a circle; use two transactions")}
		}
		marks[i] = visiting
		for _, before := range s.mustFollow(d, i, st) {
			if err := visit(before); err != nil {
				return err
			}
		}
		marks[i] = visited
		out = append(out, *st)
		return nil
	}
	for i := range steps {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// deps are the steps that others may depend on.
type deps struct {
	ends   map[string]int // the step that takes away what is at a path
	brings map[*want]int  // the step that brings a new folder
}

func depsOf(steps []step) deps {
	d := deps{ends: map[string]int{}, brings: map[*want]int{}}
	for i := range steps {
		switch st := &steps[i]; {
		case st.kind == journal.Remove:
			d.ends[st.path()] = i
		case st.kind == journal.Move:
			d.ends[st.from.path()] = i
		case st.kind == journal.Install && st.want.kind == wantFolder:
			d.brings[st.want] = i
		}
	}
	return d
}

// mustFollow lists the steps that must be done before step i: the one that frees its name, and the one that brings its
// folder.
func (s *scan) mustFollow(d deps, i int, st *step) (before []int) {
	if st.kind == journal.Remove {
		return nil
	}
	if e, ok := d.ends[st.path()]; ok && e != i {
		before = append(before, e)
	}
	if st.kind != journal.Move {
		return before
	}
	if up := s.byPath.find(st.folder.path); up != nil && up.kind == wantFolder {
		if up.inside() != nil {
			up = up.inside()
		}
		before = append(before, d.brings[up])
	}
	return before
}
