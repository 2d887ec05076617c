package fsys

import "golang.org/x/sys/unix"

const unixUtimeOmit = -2 // UTIME_OMIT of sys/stat.h

// RenameNoReplace is Rename that fails with EEXIST where something is at toName.
func (d *Dir) RenameNoReplace(name string, to *Dir, toName string) error {
	err := again(func() error { return unix.RenameatxNp(d.fd(), name, to.fd(), toName, unix.RENAME_EXCL) })
	if err == unix.ENOTSUP || err == unix.EINVAL {
		return d.renameSlowly(name, to, toName)
	}
	return err
}

// Exchange swaps two names at once; both must exist. ErrUnsupported where the file system cannot.
func (d *Dir) Exchange(name string, to *Dir, toName string) error {
	err := again(func() error { return unix.RenameatxNp(d.fd(), name, to.fd(), toName, unix.RENAME_SWAP) })
	if err == unix.ENOTSUP || err == unix.EINVAL {
		return ErrUnsupported
	}
	return err
}
