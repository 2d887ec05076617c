package txn

import (
	"cmp"
	"slices"

	"github.com/cockroachdb/errors"

	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn/manifest"
)

// checkHardLinks looks for paths that are one file and shall have different modes. A mode is the file's, not the path's:
// two chmods are refused, and a write that only lacks the right mode gets a file of its own instead.
func (s *scan) checkHardLinks() error {
	links := map[fsys.ID][]*want{}
	for _, w := range s.byPath.items {
		if w.info.Kind == fsys.File && w.info.Nlink > 1 && (w.kind == wantSame || w.kind == wantMode) {
			if _, ok := w.mode.Bits(); ok {
				links[w.info.ID] = append(links[w.info.ID], w)
			}
		}
	}
	var first *Error
	for _, wants := range links {
		slices.SortFunc(wants, func(a, b *want) int { return cmp.Compare(a.op, b.op) })
		if err := s.shareMode(wants); err != nil && (first == nil || err.Op < first.Op) {
			first = err
		}
	}
	if first != nil {
		return first
	}
	return nil
}

// shareMode settles the mode of one file with several paths.
func (s *scan) shareMode(wants []*want) *Error {
	leader := wants[0] // a chmod, if there is one
	differ := false
	for _, w := range wants {
		if s.tx.ops[leader.op].Kind != manifest.Chmod && s.tx.ops[w.op].Kind == manifest.Chmod {
			leader = w
		}
		differ = differ || w.mode != wants[0].mode
	}
	if !differ {
		return nil
	}
	chmod := s.tx.ops[leader.op].Kind == manifest.Chmod
	for _, w := range wants {
		switch {
		case !w.brings && w.mode != leader.mode:
			return &Error{Op: w.op, Path: w.said(), Err: errors.Newf(
				"op %d (%s %s) and op %d (%s %s) give different modes to one file: the paths are hard links of it",
				leader.op, leader.opName(s.tx.ops), leader.said(), w.op, w.opName(s.tx.ops), w.said())}
		case w.brings && (chmod && w.mode != leader.mode || !chmod && w.kind == wantMode):
			w.kind = wantFile
		}
	}
	return nil
}
