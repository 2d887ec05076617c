package txn

import "github.com/txcommit/txcommit/internal/fsys"

// place is a name in a folder: where a path leads, and what is there.
type place struct {
	folder *folder
	full   string     // the canonical path
	info   *fsys.Info // never nil; copies of the place share it, and do not change it
}

// nothing is the info of places where nothing is.
var nothing fsys.Info

func newPlace(f *folder, full string, i fsys.Info) place {
	if !i.Exists() {
		return place{f, full, &nothing}
	}
	return place{f, full, &i}
}

func (p place) path() string { return p.full }

// name is the last component of the path.
func (p place) name() string {
	if p.folder.path == "." {
		return p.full
	}
	return p.full[len(p.folder.path)+1:]
}
