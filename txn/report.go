package txn

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/errors"

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

// checkContents checks the digest and format of what need not be staged, because it is in place.
func (s *scan) checkContents() error {
	for _, w := range s.byPath {
		if w.content == nil || w.kind != wantSame && w.kind != wantMode {
			continue
		}
		if err := s.tx.ops[w.op].checkContent(w.content); err != nil {
			return &Error{Op: w.op, Path: w.said, Err: err}
		}
	}
	return nil
}

// count fills in the counts of a result. removed are the files below folders that go.
func (c *commit) count(s *scan, removed map[*want]int) {
	c.res.Created, c.res.Changed, c.res.Removed, c.res.Unchanged = 0, 0, 0, 0
	for _, w := range s.byPath {
		switch symbol(w) {
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

// plan tells what the scan has found.
func (s *scan) plan() *Plan {
	c := &commit{res: &Result{}}
	c.count(s, nil)
	p := &Plan{Created: c.res.Created, Changed: c.res.Changed, Removed: c.res.Removed, Unchanged: c.res.Unchanged}
	for _, w := range s.byPath {
		sym := symbol(w)
		if sym == 0 {
			continue
		}
		ch := Change{Symbol: sym, Path: w.path(), Op: w.op}
		if sym == '>' {
			ch.From = w.from.path()
		}
		if w.kind == wantFile {
			p.Bytes += w.content.size()
		}
		if w.endsFolder() {
			p.Removed += s.filesBelow(w)
		}
		p.Changes = append(p.Changes, ch)
	}
	slices.SortFunc(p.Changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return p
}

// filesBelow counts the files in a folder that is to go; what cannot be looked at is not counted.
func (s *scan) filesBelow(w *want) int {
	d, err := s.res.handle(w.folder)
	if err != nil {
		return 0
	}
	walk, err := recovery.WalkFolder(d, w.name)
	if err != nil {
		return 0
	}
	return walk.Files
}

// blame finds the op whose path an error names.
func (s *scan) blame(err error) error {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return err
	}
	w := s.byPath[pe.Path]
	if w == nil {
		return err
	}
	return &Error{Op: w.op, Path: w.said, Err: err}
}
