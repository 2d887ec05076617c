//go:build unix

package fsys

import "golang.org/x/sys/unix"

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
