//go:build unix

package fsys

import (
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// walk opens rel component by component, refusing links.
func (d *Dir) walk(rel string) (*Dir, error) {
	cur, err := d.Sub(".")
	for name := range strings.SplitSeq(rel, "/") {
		if err != nil || name == "." {
			continue
		}
		next, serr := cur.Sub(name)
		_ = cur.Close()
		cur, err = next, serr
	}
	return cur, err
}

// renameSlowly is RenameNoReplace where the system has no such call: a link and an unlink, so both names may be seen
// for a moment, and after a crash. A folder is renamed after a look, which leaves a moment for others.
func (d *Dir) renameSlowly(name string, to *Dir, toName string) error {
	i, err := d.Stat(name)
	if err != nil {
		return err
	}
	if i.Kind != Folder {
		if err := d.Link(name, to, toName); err != nil {
			return err
		}
		return d.Unlink(name)
	}
	t, err := to.Stat(toName)
	if err != nil {
		return err
	}
	if t.Exists() {
		return unix.EEXIST
	}
	return d.Rename(name, to, toName)
}

func kindOf(mode uint32) Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return File
	case unix.S_IFDIR:
		return Folder
	case unix.S_IFLNK:
		return Link
	}
	return Special
}

// walkFile opens the file at rel component by component, refusing links.
func (d *Dir) walkFile(rel string) (*os.File, error) {
	dir, name := path.Split(rel)
	sub, err := d.walk(path.Clean(dir))
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	return sub.Open(name)
}
