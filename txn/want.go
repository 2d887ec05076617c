package txn

import (
	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/txn/manifest"
)

// wantKind is the final state of one path.
type wantKind uint8

const (
	wantSame   wantKind = iota // as it is
	wantFile                   // a file with new content
	wantLink                   // a symbolic link
	wantFolder                 // a folder that is missing now
	wantLinked                 // the file (or link) that is at another name now
	wantMoved                  // the folder that is at another name now
	wantGone                   // nothing
	wantMode                   // what is there, with another mode
)

// want is the final state of one path after the commit. Ops are taken apart into wants; the wants of a transaction
// have different paths.
type want struct {
	place
	op int // index of the op that asks for it
	*special
	perm uint32        // what open(2) or mkdir(2) would be asked for
	mode manifest.Mode // exact, if given
	kind wantKind

	brings  bool // it has a content, also where that is in place
	empty   bool // a folder that is removed must be empty
	replace bool // wantLinked over something
	implied bool // a missing parent of somebody's path
	// vacated says that what is there now is renamed or removed by another op.
	vacated bool
	// movedAway says that what is there now is a folder that another op renames.
	movedAway bool
}

// special is what few wants have: there may be a million of the others.
type special struct {
	as     string  // the user's path, where it is another one
	target string  // wantLink
	mtime  int64   // of the content, if not 0
	source *source // of the content, where it is in a file that is not ours
	like   *source // the folder or link that an undo makes anew
	from   *place  // wantLinked, wantMoved
	child  *want   // whose parent is implied
}

var nothingSpecial special

// newWant makes a want of w for what is at a place. said is the user's path, for messages.
func newWant(at place, said string, w want) *want {
	w.place = at
	if bits, ok := w.mode.Bits(); ok {
		folder := w.kind == wantFolder || w.kind == wantSame && at.info.Kind == fsys.Folder
		w.mode = manifest.ModeOf(fsys.KeptMode(bits, folder))
	}
	if w.special == nil {
		w.special = &nothingSpecial
	}
	if said != at.full {
		own := *w.special
		own.as, w.special = said, &own
	}
	return &w
}

// opOn stands for an op in messages.
func opOn(op int, said string) *want { return &want{op: op, special: &special{as: said}} }

// said is the user's path.
func (w *want) said() string {
	if w.as != "" {
		return w.as
	}
	return w.full
}

// inside is the new folder that this one is staged in; nil where it is a step of its own.
func (w *want) inside() *want { return w.folder.inside }

// heritage is what the folder hands down to something new, once it was read; nil where the kernel sees to it.
func (w *want) heritage() *fsys.Heritage {
	if w.replacesFile() {
		return nil
	}
	return w.folder.heritage
}

// counted says that the want is of a file or a link, which the results count.
func (w *want) counted() bool {
	switch w.kind {
	case wantFolder, wantMoved:
		return false
	case wantGone, wantSame, wantMode:
		return w.info.Kind != fsys.Folder
	case wantFile, wantLink, wantLinked:
	}
	return true
}

// makes says that there is something new at the path.
func (w *want) makes() bool {
	switch w.kind {
	case wantFile, wantLink, wantFolder, wantLinked, wantMoved:
		return true
	case wantSame, wantGone, wantMode:
	}
	return false
}

// replacesFile says that a file gets new content, and keeps what else it has.
func (w *want) replacesFile() bool {
	return w.kind == wantFile && w.info.Kind == fsys.File && !w.vacated
}

// endsFolder says that there is a folder at the path that goes, with all that is in it.
func (w *want) endsFolder() bool {
	return w.info.Kind == fsys.Folder && !w.movedAway && (w.kind == wantGone || w.makes() && w.kind != wantFolder)
}

// opName names the op for messages.
func (w *want) opName(ops []op) string { return ops[w.op].Kind.String() }
