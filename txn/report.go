package txn

import (
	"io/fs"
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/recovery"
)

// checkAll evaluates the conditions of all ops.
func (s *scan) checkAll() error {
	for i := range s.checks {
		c := &s.checks[i]
		why, err := c.holds(s.root)
		if err == nil && why != "" {
			err = recovery.Conflict("", why)
		}
		if err != nil {
			return &Error{Op: c.op, Path: c.said, Err: err}
		}
	}
	return nil
}

// checkContents checks the digest, format and schema of what need not be staged, because it is in place; with staged, also
// of what is going to be.
func (s *scan) checkContents(staged bool) error {
	for _, w := range s.byPath.items {
		if !w.brings || !staged && w.kind != wantSame && w.kind != wantMode {
			continue
		}
		if err := s.tx.checkContent(w); err != nil {
			return &Error{Op: w.op, Path: w.said(), Err: err}
		}
	}
	return nil
}

// count fills in the counts of a result. removed are the files below folders that go.
func (c *commit) count(s *scan, removed map[*want]int) {
	c.res.Created, c.res.Changed, c.res.Removed, c.res.Unchanged, c.res.Folders = 0, 0, 0, 0, 0
	for _, w := range s.byPath.items {
		sym := symbol(w)
		if sym != 0 && sym != '=' && !w.counted() {
			c.res.Folders++
		}
		switch sym {
		case '+':
			c.res.Created += one(w)
		case '~', 'm', '>':
			c.res.Changed += one(w)
		case '-':
			c.res.Removed += one(w)
		case '=':
			c.res.Unchanged += one(w)
		}
		c.res.Removed += removed[w]
	}
	c.res.HardLinked = s.hardLinked()
}

// hardLinked lists the files that are replaced and have names that stay.
func (s *scan) hardLinked() []string {
	var linked []*want
	taken := map[fsys.ID]uint32{} // names that go
	for _, w := range s.byPath.items {
		if w.info.Kind != fsys.File || w.info.Nlink < 2 {
			continue
		}
		if w.replacesLinked() {
			linked = append(linked, w)
		}
		if w.replacesLinked() || w.kind == wantGone && !w.vacated {
			taken[w.info.ID]++
		}
	}
	var paths []string
	for _, w := range linked {
		if taken[w.info.ID] < w.info.Nlink {
			paths = append(paths, w.path())
		}
	}
	slices.Sort(paths)
	return paths
}

// replacesLinked says that a file with other names is replaced.
func (w *want) replacesLinked() bool {
	replaced := w.kind == wantFile || w.kind == wantLink || w.kind == wantFolder || w.kind == wantLinked && w.info.ID != w.from.info.ID
	return replaced && w.info.Kind == fsys.File && w.info.Nlink > 1 && !w.movedAway && !w.vacated
}

func one(w *want) int {
	if w.counted() {
		return 1
	}
	return 0
}

// symbol is that of Change; 0 for what has no line of its own.
func symbol(w *want) byte {
	switch w.kind {
	case wantSame:
		return '='
	case wantMode:
		return 'm'
	case wantLinked, wantMoved:
		return '>'
	case wantGone:
		if w.vacated || !w.info.Exists() {
			return 0 // told by the line of the new name
		}
		return '-'
	case wantFile, wantLink, wantFolder:
	}
	if w.info.Exists() && !w.movedAway {
		return '~'
	}
	return '+'
}

// blame finds the op whose path an error names.
func (s *scan) blame(err error) error {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return err
	}
	w := s.byPath.find(pe.Path)
	if w == nil {
		return err
	}
	return &Error{Op: w.op, Path: w.said(), Err: err}
}
