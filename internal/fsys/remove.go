package fsys

import "syscall"

// RemoveAll removes name in d with all that is below it. It never follows a link and never enters another mount or
// file system: what is mounted below stays, and the removal ends with EBUSY. A missing name is no error: several may
// remove the same tree at once.
func (d *Dir) RemoveAll(name string) error {
	self, err := d.Self()
	if err != nil {
		return err
	}
	return d.removeAll(name, self)
}

func (d *Dir) removeAll(name string, top Info) error {
	err := d.Unlink(name)
	if err == nil || err == syscall.ENOENT {
		return nil
	}
	i, serr := d.Stat(name)
	if serr != nil || !i.Exists() {
		return serr
	}
	if i.Kind != Folder {
		return err
	}
	if !i.SameFS(top) || i.MountRoot {
		return syscall.EBUSY
	}
	switch err = d.Rmdir(name); err {
	case nil, syscall.ENOENT:
		return nil // it was empty
	case syscall.EBUSY:
		return err // a mount point, whatever it looks like
	}
	if err := d.empty(name, i, top); err != nil {
		return err
	}
	if err := d.Rmdir(name); err != syscall.ENOENT {
		return err
	}
	return nil
}

// empty removes what is in the folder name.
func (d *Dir) empty(name string, i, top Info) error {
	sub, err := d.Sub(name)
	if err == syscall.EACCES { // a folder of ours whose mode keeps even us out
		if err := d.Chmod(name, i.ID, i.Mode|0o700); err != nil {
			return err
		}
		sub, err = d.Sub(name)
	}
	if err == syscall.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer sub.Close()
	if i.Mode&0o300 != 0o300 {
		_ = d.Chmod(name, i.ID, i.Mode|0o700) // the removals below say whether it mattered
	}
	names, err := sub.Names()
	if err != nil && err != syscall.ENOENT { // ENOENT: another one has removed it while we hold it
		return err
	}
	for _, n := range names {
		if err := sub.removeAll(n, top); err != nil {
			return err
		}
	}
	return nil
}
