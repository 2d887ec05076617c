package recovery

import (
	"github.com/txcommit/txcommit/internal/fsys"
	"github.com/txcommit/txcommit/journal"
)

// find looks below a folder for another one, by what it is, and returns it and its path from there; nil if it is not to be
// seen. It does not leave the mount and file system, and passes over what cannot be read. A large tree takes its time: it is
// for the one case in which a process has died and what its outer folder is in was moved.
func find(top *fsys.Dir, id journal.Inode) (d *fsys.Dir, path string) {
	self, err := top.Self()
	if err != nil {
		return nil, ""
	}
	return findBelow(top, self, id)
}

func findBelow(d *fsys.Dir, top fsys.Info, id journal.Inode) (*fsys.Dir, string) {
	names, err := d.Names()
	if err != nil {
		return nil, ""
	}
	for _, name := range names {
		i, err := d.Stat(name)
		if err != nil || i.Kind != fsys.Folder || i.MountRoot || !i.SameFS(top) || name == journal.StateFolder || journal.IsOuter(name) {
			continue
		}
		sub, err := d.Sub(name)
		if err != nil {
			continue
		}
		if self, err := sub.Self(); err == nil && inode(self) == id {
			return sub, name
		}
		found, below := findBelow(sub, top, id)
		_ = sub.Close()
		if found != nil {
			return found, name + "/" + below
		}
	}
	return nil, ""
}
