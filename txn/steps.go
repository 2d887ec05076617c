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
	old  fsys.Info
	deps []*step
	mark uint8 // of the sort
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
func (s *scan) steps() ([]*step, error) {
	wants := s.sorted()
	s.nest(wants)
	var steps []*step
	ends := map[string]*step{} // the step that takes away what is at a path
	for _, w := range wants {
		for _, st := range stepsOf(w) {
			steps = append(steps, st)
			if st.kind == journal.Install {
				w.step = st
			}
			if st.kind == journal.Remove {
				ends[w.path()] = st
			}
			if st.kind == journal.Move {
				ends[w.from.path()] = st
			}
		}
	}
	for _, st := range steps {
		s.depend(st, ends)
	}
	slices.SortStableFunc(steps, compareSteps)
	return sortByDeps(steps)
}

// sorted returns the wants by path: a folder before what is in it.
func (s *scan) sorted() []*want {
	if s.order != nil {
		return s.order
	}
	wants := make([]*want, 0, len(s.byPath))
	for _, w := range s.byPath {
		wants = append(wants, w)
	}
	slices.SortFunc(wants, func(a, b *want) int { return strings.Compare(a.path(), b.path()) })
	s.order = wants
	return wants
}

// nest finds what is staged inside a new folder, and comes into the tree with it.
func (s *scan) nest(wants []*want) {
	for _, w := range wants {
		w.inside = nil
		up := s.byPath[w.folder.path]
		if up == nil || up.kind != wantFolder {
			continue
		}
		if w.inside = up.inside; w.inside == nil {
			w.inside = up
		}
	}
}

// stepsOf says what is done about one want.
func stepsOf(w *want) []*step {
	old := w.info
	switch w.kind {
	case wantSame:
		return nil
	case wantMode:
		return []*step{{want: w, kind: journal.Chmod, old: old}}
	case wantGone:
		if !old.Exists() || old.Kind == fsys.Folder && w.vacated {
			return nil // gone already, or moved by the step at the new name
		}
		return []*step{{want: w, kind: journal.Remove, old: old}}
	case wantMoved:
		move := &step{want: w, kind: journal.Move, old: w.from.info}
		if !old.Exists() || old.Kind == fsys.Folder && w.movedAway {
			return []*step{move}
		}
		return []*step{{want: w, kind: journal.Remove, old: old}, move}
	case wantFile, wantLink, wantFolder, wantLinked:
	}
	if w.inside != nil || w.kind == wantLinked && old.ID == w.from.info.ID {
		return nil
	}
	if old.Kind == fsys.Folder && w.movedAway {
		old = fsys.Info{}
	}
	return []*step{{want: w, kind: journal.Install, old: old}}
}

// depend finds the steps that must be done before st: the one that frees its name, and the one that brings its folder.
func (s *scan) depend(st *step, ends map[string]*step) {
	if st.kind == journal.Remove {
		return
	}
	if e := ends[st.path()]; e != nil && e != st {
		st.deps = append(st.deps, e)
	}
	if st.kind == journal.Move {
		if up := s.byPath[st.folder.path]; up != nil && up.kind == wantFolder {
			top := up
			if up.inside != nil {
				top = up.inside
			}
			st.deps = append(st.deps, top.step)
		}
	}
}

func compareSteps(a, b *step) int {
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
func sortByDeps(steps []*step) ([]*step, error) {
	const visiting, visited = 1, 2
	out := make([]*step, 0, len(steps))
	var visit func(st *step) error
	visit = func(st *step) error {
		switch st.mark {
		case visited:
			return nil
		case visiting:
			return &Error{Op: st.op, Path: st.said, Err: invalidf(
				"directories cannot be renamed in a circle; use two transactions")}
		}
		st.mark = visiting
		for _, d := range st.deps {
			if err := visit(d); err != nil {
				return err
			}
		}
		st.mark = visited
		out = append(out, st)
		return nil
	}
	for _, st := range steps {
		if err := visit(st); err != nil {
			return nil, err
		}
	}
	return out, nil
}
